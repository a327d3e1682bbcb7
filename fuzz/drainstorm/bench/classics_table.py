# SPDX-License-Identifier: Apache-2.0
"""This module shows the measurements of the classics: as text, and as a picture."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from drainstorm.bench import svg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drainstorm.bench.classics import Row, Score

_COLOURS: Final = (
    (0.0, (141, 207, 158)),
    (1.0, (205, 230, 160)),
    (2.0, (253, 232, 150)),
    (3.0, (250, 180, 110)),
    (4.0, (235, 120, 95)),
)
"""Background by the decimal logarithm of the mean."""

_NEVER: Final = "#dfe3e7"
_REACHED: Final = "#cfe3f7"
_WITHIN: Final = 1.2
"""Ratio to the best published mean up to which ours counts as reached."""


def best_of(row: Row) -> float | None:
    """Smallest mean among the columns that found the bug from every seed; None: there is none."""
    means = [s.mean for s in row.scores.values() if s.found == s.seeds and s.mean is not None]
    return min(means, default=None)


def table(rows: Sequence[Row], columns: Sequence[str], *, seeds: int, cap: int) -> str:
    """The table as text."""
    heading = ("program", *columns, "published", "ratio")
    lines = [heading, *(_words(row, columns) for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(heading))]
    shown = [_joined(line, widths) for line in lines]
    return "\n".join(
        [
            "# SPDX-License-Identifier: Apache-2.0",
            f"# {_command(seeds, cap)}",
            *(f"# {note}" for note in _notes(rows, seeds, cap)),
            "",
            shown[0],
            "-" * len(shown[0]),
            *shown[1:],
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
            *(svg.Cell(f"{10**power:,}", _colour(10.0**power)) for power in range(5)),
            svg.Cell("never", _NEVER),
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
    notes += [f"{r.program}: within {r.published.cap:,} schedules." for r in capped if r.published]
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
    ours = [row.scores["portfolio"] for row in rows if "portfolio" in row.scores]
    if ours:
        full = sum(score.found == score.seeds for score in ours)
        lines.append(f"{full} of {len(ours)} programs: the portfolio finds it from every seed.")
    return lines


def _words(row: Row, columns: Sequence[str]) -> tuple[str, ...]:
    scores = (_score(row.scores[name]) for name in columns)
    return (row.program, *scores, _published(row), _ratio(row))


def _joined(line: Sequence[str], widths: Sequence[int]) -> str:
    last = len(line) - 2  # the published mean stands left, as the name
    padded = [
        word.ljust(width) if at in (0, last) else word.rjust(width)
        for at, (word, width) in enumerate(zip(line, widths, strict=True))
    ]
    return "  ".join(padded).rstrip()


def _cells(row: Row, columns: Sequence[str]) -> list[svg.Cell]:
    best = best_of(row)
    cells = [svg.Cell(row.program)]
    for name in columns:
        score = row.scores[name]
        cells.append(
            svg.Cell(
                _score(score),
                _NEVER if score.mean is None else _colour(score.mean),
                bold=score.mean == best and score.found == score.seeds,
                faint=score.mean is None,
            )
        )
    published = row.published
    reached = published is not None and best is not None and best <= _WITHIN * published.best
    ratio = svg.Cell(_ratio(row), _REACHED if reached else "", bold=reached)
    return [*cells, svg.Cell(_published(row), faint=True), ratio]


def _score(score: Score) -> str:
    if score.mean is None:
        return "-"
    few = f" ({score.found})" if score.found < score.seeds else ""
    return f"{_number(score.mean)}{few}"


def _number(mean: float) -> str:
    return f"{mean:.1f}" if mean < 10 else f"{mean:,.0f}"


def _published(row: Row) -> str:
    return f"{row.published.best:,} {row.published.by}" if row.published is not None else ""


def _ratio(row: Row) -> str:
    best = best_of(row)
    if row.published is None or best is None:
        return ""
    return f"{best / row.published.best:.2f}"


def _colour(mean: float) -> str:
    """Between the two stops that a mean lies between."""
    at = min(max(math.log10(max(mean, 1.0)), 0.0), _COLOURS[-1][0])
    for (low, dark), (high, light) in pairwise(_COLOURS):
        if at <= high:
            share = (at - low) / (high - low)
            mixed = (round(a + (b - a) * share) for a, b in zip(dark, light, strict=True))
            return "#" + "".join(f"{part:02x}" for part in mixed)
    raise AssertionError(f"unreachable: {at} is at most the last stop")
