# SPDX-License-Identifier: Apache-2.0
"""This module holds what one strategy did on one program, and how a table of that looks."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import msgspec

from drainstorm.bench import svg
from drainstorm.result import STRATEGY_KINDS, Strategy
from drainstorm.strategies import PORTFOLIO

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

PORTFOLIO_NAME: Final = "portfolio"
_OTHERS: Final = (Strategy.random(0), Strategy.sticky_random(0, sticky=128))
"""Strategies that have a column whether or not they are in the portfolio."""


def _rank(strategy: Strategy) -> tuple[int, int, int]:
    return STRATEGY_KINDS.index(strategy.kind), strategy.sticky, strategy.pct_depth


STRATEGIES: Final[dict[str, Strategy]] = {
    strategy.name: strategy for strategy in sorted({*_OTHERS, *PORTFOLIO}, key=_rank)
}
"""Columns by name, in their order; the portfolio comes after them."""

COLOURS: Final = (
    (0.0, (141, 207, 158)),
    (1.0, (205, 230, 160)),
    (2.0, (253, 232, 150)),
    (3.0, (250, 180, 110)),
    (4.0, (235, 120, 95)),
)
"""Background by the decimal logarithm of the mean."""

NEVER: Final = "#dfe3e7"


class Score(msgspec.Struct, frozen=True):
    """What one strategy did on one program, over all seeds.

    Args:
        seeds: Searches that were made.
        found: Searches that ended with the expected finding; the others reached the cap.
        schedules: Schedules of all searches.
    """

    seeds: int
    found: int
    schedules: int

    @property
    def mean(self) -> float | None:
        """Schedules per finding, with what the vain searches cost; None when nothing was found."""
        return self.schedules / self.found if self.found else None

    @property
    def is_full(self) -> bool:
        """Whether every search found it."""
        return self.found == self.seeds

    def __str__(self) -> str:
        if self.mean is None:
            return "-"
        number = f"{self.mean:.1f}" if self.mean < 10 else f"{self.mean:,.0f}"
        return number if self.is_full else f"{number} ({self.found})"


def cell(score: Score, best: float | None) -> svg.Cell:
    """A score as a cell; the best one is set off."""
    return svg.Cell(
        str(score),
        NEVER if score.mean is None else colour(score.mean),
        bold=score.mean == best and score.is_full,
        faint=score.mean is None,
    )


def legend() -> list[svg.Cell]:
    """What the colours mean."""
    return [
        *(svg.Cell(f"{10**power:,}", colour(10.0**power)) for power in range(len(COLOURS))),
        svg.Cell("never", NEVER),
    ]


def columns_of(lines: Sequence[Sequence[str]], left: Collection[int]) -> list[str]:
    """Lines of words with a rule under the first; columns stand right, but for those in `left`."""
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    shown = [
        "  ".join(
            word.ljust(width) if at in left else word.rjust(width)
            for at, (word, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    return [shown[0], "-" * len(shown[0]), *shown[1:]]


def colour(mean: float) -> str:
    """Between the two stops that a mean lies between, "#rrggbb"."""
    at = min(max(math.log10(max(mean, 1.0)), 0.0), COLOURS[-1][0])
    for (low, dark), (high, light) in pairwise(COLOURS):
        if at <= high:
            share = (at - low) / (high - low)
            mixed = (round(a + (b - a) * share) for a, b in zip(dark, light, strict=True))
            return "#" + "".join(f"{part:02x}" for part in mixed)
    raise AssertionError(f"unreachable: {at} is at most the last stop")
