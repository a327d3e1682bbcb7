# SPDX-License-Identifier: Apache-2.0
"""This module shows how soon planted bugs are found: as text, and as a picture."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Final

import msgspec

from drainstorm.bench import svg
from drainstorm.bench.scores import PORTFOLIO_NAME, Score, cell, columns_of, legend

if TYPE_CHECKING:
    from collections.abc import Sequence

_SOON_SECONDS: Final = 30.0
"""What a median from nothing is wanted to be, for three bugs in four."""


class Free(msgspec.Struct, frozen=True):
    """One search: schedules and processor seconds until the verdict came, or until the cap."""

    found: bool
    schedules: int
    seconds: float


class Row(msgspec.Struct, frozen=True):
    """A bug with the scores of all columns.

    Args:
        judged: Rule or outcome that the finding must name.
        zoo: Historic defect, "GL-01"; empty: none.
        seed: Name of the program that all but `free` start from.
        scores: By strategy, from the seed program.
        median, ninth, seconds: The portfolio's schedules (median, 90th percentile) and processor
            seconds (median).
        free: Searches from nothing.
        cpu_seconds: What the whole row cost.
    """

    bug: str
    judged: str
    zoo: str
    seed: str
    scores: dict[str, Score]
    median: float
    ninth: int
    seconds: float
    free: list[Free]
    cpu_seconds: float

    @property
    def free_seconds(self) -> float | None:
        """Median of the searches from nothing; None when most of them found nothing."""
        if not self.free:
            return None
        seconds = statistics.median(f.seconds if f.found else float("inf") for f in self.free)
        return None if seconds == float("inf") else seconds

    def __str__(self) -> str:
        portfolio = self.scores[PORTFOLIO_NAME]
        free = sum(f.found for f in self.free)
        return (
            f"{self.bug}: {portfolio.found}/{portfolio.seeds} from {self.seed}, median "
            f"{self.median:,.0f}, 90 % {self.ninth:,}; {free}/{len(self.free)} from nothing"
        )


def table(rows: Sequence[Row], columns: Sequence[str], cap: int, seconds: float) -> str:
    """The table as text.

    Args:
        cap: Schedules of one search from a seed program.
        seconds: Processor time of one search from nothing.
    """
    heading = ("bug", "zoo", "verdict", *columns, "median", "90 %", "s", "from nothing")
    lines = [heading, *(_words(row, columns, seconds) for row in rows)]
    return "\n".join(
        [
            "# SPDX-License-Identifier: Apache-2.0",
            f"# {_command(rows, cap, seconds)}",
            *(f"# {note}" for note in _notes(rows, cap, seconds)),
            "",
            *columns_of(lines, left=(0, 1, 2)),
            "",
            *sums(rows),
            "",
        ]
    )


def picture(rows: Sequence[Row], columns: Sequence[str], cap: int, seconds: float) -> str:
    """The table as an SVG."""
    drawn = svg.Table(
        title="Schedules until a planted bug is found",
        subtitle=f"from the bug's seed program, mean over {_seeds(rows)} seeds; at most {cap:,} "
        "schedules a search",
        columns=[
            svg.Column("bug", 236, left=True),
            svg.Column("zoo", 64, left=True),
            svg.Column("verdict", 110, left=True),
            *(svg.Column(name, 84) for name in columns),
            svg.Column("from nothing", 100),
        ],
        rows=[_cells(row, columns, seconds) for row in rows],
        legend=legend(),
        notes=[*_notes(rows, cap, seconds), *sums(rows), _command(rows, cap, seconds)],
    )
    return svg.render(drawn)


def sums(rows: Sequence[Row]) -> list[str]:
    """How many were found, from what, and what all of it cost."""
    full = sum(row.scores[PORTFOLIO_NAME].is_full for row in rows)
    soon = sum((row.free_seconds or float("inf")) <= _SOON_SECONDS for row in rows)
    minutes = sum(row.cpu_seconds for row in rows) / 60
    lines = [
        f"{full} of {len(rows)} bugs: the portfolio finds it from its program with all "
        f"{_seeds(rows)} seeds.",
        f"{soon} of {len(rows)} bugs: found from nothing, median at most {_SOON_SECONDS:.0f} s.",
        f"{minutes:.1f} minutes of processor time.",
    ]
    return lines if any(row.free for row in rows) else [lines[0], lines[2]]


def _seeds(rows: Sequence[Row]) -> int:
    return rows[0].scores[PORTFOLIO_NAME].seeds if rows else 0


def _command(rows: Sequence[Row], cap: int, seconds: float) -> str:
    free = len(rows[0].free) if rows else 0
    return (
        f"the whole table: scripts/bench bugs --seeds {_seeds(rows)} --schedules {cap} "
        f"--free-seeds {free} --seconds {seconds:g} --write"
    )


def _notes(rows: Sequence[Row], cap: int, seconds: float) -> list[str]:
    free = len(rows[0].free) if rows else 0
    return [
        f"Schedules of all {_seeds(rows)} searches by the number of findings; (n) where only n "
        f"searches found the bug within {cap:,} schedules; - where none did.",
        "A finding counts only with the bug's own verdict. median, 90 %, s: the portfolio's "
        "schedules and processor seconds.",
        f"from nothing: median processor seconds of {free} searches with generated programs; "
        f"> {seconds:g} where most reached that cap.",
    ]


def _words(row: Row, columns: Sequence[str], cap: float) -> tuple[str, ...]:
    return (
        row.bug, row.zoo, row.judged, *(str(row.scores[name]) for name in columns),
        f"{row.median:,.0f}", f"{row.ninth:,}", f"{row.seconds:.3f}", _free(row, cap),
    )  # fmt: skip


def _cells(row: Row, columns: Sequence[str], cap: float) -> list[svg.Cell]:
    means = [score.mean for score in row.scores.values() if score.is_full]
    best = min((mean for mean in means if mean is not None), default=None)
    return [
        svg.Cell(row.bug), svg.Cell(row.zoo, faint=True), svg.Cell(row.judged),
        *(cell(row.scores[name], best) for name in columns),
        svg.Cell(f"{_free(row, cap)} s" if row.free else ""),
    ]  # fmt: skip


def _free(row: Row, cap: float) -> str:
    if not row.free:
        return ""
    found = row.free_seconds
    return f"> {cap:g}" if found is None else f"{found:.1f}"
