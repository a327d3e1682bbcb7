# SPDX-License-Identifier: Apache-2.0
"""This module shows the measurements of the classics: as text, and as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drainstorm.bench import scores, svg
from drainstorm.bench.scores import PORTFOLIO_NAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drainstorm.bench.classics import Row

_REACHED: Final = "#cfe3f7"
_WITHIN: Final = 1.2
"""Ratio to the best published mean up to which ours counts as reached."""


def best_of(row: Row) -> float | None:
    """Smallest mean among the columns that found the bug from every seed; None: there is none."""
    means = [s.mean for s in row.scores.values() if s.is_full and s.mean is not None]
    return min(means, default=None)


def table(rows: Sequence[Row], columns: Sequence[str], *, seeds: int, cap: int) -> str:
    """The table as text."""
    heading = ("program", *columns, "published", "ratio")
    lines = [heading, *(_words(row, columns) for row in rows)]
    published_at = len(heading) - 2
    return "\n".join(
        [
            "# SPDX-License-Identifier: Apache-2.0",
            f"# {_command(seeds, cap)}",
            *(f"# {note}" for note in _notes(rows, seeds, cap)),
            "",
            *scores.columns_of(lines, left=(0, published_at)),
            "",
            *_sums(rows),
            "",
        ]
    )


def picture(rows: Sequence[Row], columns: Sequence[str], *, seeds: int, cap: int) -> str:
    """The table as an SVG."""
    drawn = svg.Table(
        title="Schedules to the first finding",
        subtitle=f"targets/classics under sc, mean over {seeds} seeds; at most {cap:,} schedules "
        "a search",
        columns=[
            svg.Column("program", 286, left=True),
            *(svg.Column(name, 84) for name in columns),
            svg.Column("best published", 150, left=True),
            svg.Column("ratio", 64),
        ],
        rows=[_cells(row, columns) for row in rows],
        legend=[
            *scores.legend(),
            svg.Cell(f"ratio <= {_WITHIN}", _REACHED),
        ],
        notes=[*_notes(rows, seeds, cap), *_sums(rows), _command(seeds, cap)],
    )
    return svg.render(drawn)


def _command(seeds: int, cap: int) -> str:
    return f"the whole table: scripts/bench classics --seeds {seeds} --cap {cap} --write"


def _notes(rows: Sequence[Row], seeds: int, cap: int) -> list[str]:
    notes = [
        f"Schedules of all {seeds} searches by the number of findings; (n) where only n searches "
        f"found the bug within {cap:,} schedules; - where none did.",
        "ratio: the best of ours that found it from every seed, to the best published mean. The "
        "two runs in which urw, surw and rff count operations are not counted.",
    ]
    capped = [r for r in rows if r.published is not None and r.published.cap]
    for row in capped:
        if row.published is not None:
            more = row.published.portfolio_cap
            beside = f" ({PORTFOLIO_NAME}: {more:,})" if more else ""
            notes.append(f"{row.program}: within {row.published.cap:,} schedules{beside}.")
    return notes


def _sums(rows: Sequence[Row]) -> list[str]:
    """How many programs were found and how many of them as soon as by the best published."""
    known = [(best_of(row), row.published.best) for row in rows if row.published is not None]
    within = sum(best is not None and best <= _WITHIN * them for best, them in known)
    every = sum(best_of(row) is not None for row in rows)
    lines = [
        f"{every} of {len(rows)} programs: some strategy finds the bug from every seed.",
        f"{within} of {len(known)} programs: at most {_WITHIN} times the best published mean.",
    ]
    ours = [row.scores[PORTFOLIO_NAME] for row in rows if PORTFOLIO_NAME in row.scores]
    if ours:
        full = sum(score.is_full for score in ours)
        lines.append(f"{full} of {len(ours)} programs: the portfolio finds it from every seed.")
    return lines


def _words(row: Row, columns: Sequence[str]) -> tuple[str, ...]:
    means = (str(row.scores[name]) for name in columns)
    return (row.program, *means, _published(row), _ratio(row))


def _cells(row: Row, columns: Sequence[str]) -> list[svg.Cell]:
    best = best_of(row)
    cells = [svg.Cell(row.program), *(scores.cell(row.scores[name], best) for name in columns)]
    published = row.published
    reached = published is not None and best is not None and best <= _WITHIN * published.best
    ratio = svg.Cell(_ratio(row), _REACHED if reached else "", bold=reached)
    return [*cells, svg.Cell(_published(row), faint=True), ratio]


def _published(row: Row) -> str:
    return f"{row.published.best:,} {row.published.by}" if row.published is not None else ""


def _ratio(row: Row) -> str:
    best = best_of(row)
    if row.published is None or best is None:
        return ""
    return f"{best / row.published.best:.2f}"
