# SPDX-License-Identifier: Apache-2.0
"""This module draws a table as SVG: no dependency, one text a cell, colours by value.

Whoever fills it decides what a colour means; here it is only carried. Fonts are the viewer's own,
so columns are as wide as they are told to be.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

ROW: Final = 22
"""Height of a row in pixels."""

MARGIN: Final = 16
"""Left and right of everything, in pixels."""

INK: Final = "#1f2933"
FAINT: Final = "#66717d"
_PAPER: Final = "#ffffff"
_FONT: Final = "font-family=\"'DejaVu Sans',Verdana,Helvetica,Arial,sans-serif\""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell.

    Args:
        text: What stands there.
        fill: Colour of its background ("#rrggbb"), empty: none.
        bold: Whether it is set off.
        faint: Whether it is of less weight than the others.
    """

    text: str
    fill: str = ""
    bold: bool = False
    faint: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, its width in pixels, and whether its text stands left."""

    heading: str
    width: int
    left: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """What is drawn: legend and notes stand below the rows, in this order."""

    title: str
    subtitle: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    legend: Sequence[Cell] = ()
    notes: Sequence[str] = ()


def render(table: Table) -> str:
    """The table as the text of an SVG file.

    Raises:
        ValueError: A row has not as many cells as there are columns.
    """
    width = 2 * MARGIN + sum(column.width for column in table.columns)
    top = 78
    below = top + ROW * (len(table.rows) + 1) + 10
    height = below + (ROW + 12 if table.legend else 0) + 18 * len(table.notes) + 14
    lines = [
        *opening(width, height, table.title, table.subtitle),
        *_headings(table.columns, top),
    ]
    for number, row in enumerate(table.rows):
        lines += _row(table.columns, row, top + ROW * (number + 1), shaded=number % 2 == 1)
    lines += _legend(table.legend, below)
    first = below + (ROW + 24 if table.legend else 12)
    for number, note in enumerate(table.notes):
        lines.append(text(MARGIN, first + 18 * number, note, colour=FAINT, size=11))
    return "\n".join([*lines, "</svg>", ""])


def _headings(columns: Sequence[Column], top: int) -> list[str]:
    lines, x = [], MARGIN
    for column in columns:
        at, anchor = _place(column, x)
        lines.append(text(at, top + 13, column.heading, bold=True, anchor=anchor, size=11))
        x += column.width
    lines.append(
        f'<line x1="{MARGIN}" x2="{x}" y1="{top + ROW - 3}" y2="{top + ROW - 3}" stroke="{INK}"/>'
    )
    return lines


def _row(columns: Sequence[Column], row: Sequence[Cell], y: int, *, shaded: bool) -> list[str]:
    lines, x = [], MARGIN
    if shaded:
        width = sum(column.width for column in columns)
        lines.append(_box(x, y, width, ROW, "#f5f7f9"))
    for column, cell in zip(columns, row, strict=True):
        if cell.fill:
            lines.append(_box(x + 1, y + 1, column.width - 2, ROW - 2, cell.fill, round_by=3))
        at, anchor = _place(column, x)
        colour = FAINT if cell.faint else INK
        lines.append(text(at, y + 15, cell.text, bold=cell.bold, anchor=anchor, colour=colour))
        x += column.width
    return lines


def _legend(cells: Sequence[Cell], y: int) -> list[str]:
    lines, x = [], MARGIN
    for cell in cells:
        width = 14 + 8 * len(cell.text)
        lines.append(_box(x, y, width, ROW - 2, cell.fill or _PAPER, round_by=3))
        lines.append(text(x + width // 2, y + 14, cell.text, anchor="middle"))
        x += width + 4
    return lines


def _place(column: Column, x: int) -> tuple[int, str]:
    return (x + 4, "start") if column.left else (x + column.width // 2, "middle")


def _box(x: int, y: int, width: int, height: int, fill: str, *, round_by: int = 0) -> str:
    corner = f' rx="{round_by}"' if round_by else ""
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}"{corner} fill="{fill}"/>'


def opening(width: int, height: int, title: str, subtitle: str) -> list[str]:
    """The first lines of a picture of so many pixels: what stands above its content."""
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" {_FONT} font-size="12">',
        "<!-- SPDX-License-Identifier: Apache-2.0 -->",
        f"<title>{escape(title)}</title>",
        f'<rect width="{width}" height="{height}" fill="{_PAPER}"/>',
        text(MARGIN, 30, title, size=17, bold=True),
        text(MARGIN, 50, subtitle, colour=FAINT),
    ]


def text(
    x: float,
    y: float,
    words: str,
    *,
    size: int = 12,
    bold: bool = False,
    anchor: str = "start",
    colour: str = INK,
) -> str:
    """One line of text; anchor: "start", "middle" or "end" of it stands at x."""
    weight = ' font-weight="bold"' if bold else ""
    where = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size}" fill="{colour}"{weight}{where}>'
        f"{escape(words)}</text>"
    )
