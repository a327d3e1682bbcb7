# SPDX-License-Identifier: Apache-2.0
"""This module names the strategies that a campaign rotates through and derives their seeds.

No strategy wins everywhere: a bug that needs one thread to rest for long wants few switches, one
that needs a tight race wants many. The rotation is fixed and the seeds are a pure function of
(campaign seed, shard, counter), so that a shard can be repeated on another machine.
"""

from __future__ import annotations

from typing import Final

from drainstorm.errors import UsageError
from drainstorm.result import Strategy

_MASK_64: Final = (1 << 64) - 1

PORTFOLIO: Final[tuple[Strategy, ...]] = (
    Strategy(kind="sticky", sticky=32),
    Strategy(kind="pct", pct_depth=3),
    Strategy(kind="surw"),
    Strategy(kind="rff"),
    Strategy(kind="random"),
    Strategy(kind="pct", pct_depth=2),
    Strategy(kind="urw"),
    Strategy(kind="pos"),
    Strategy(kind="sticky", sticky=8),
    Strategy(kind="pct", pct_depth=5),
    Strategy(kind="sticky", sticky=4),
)
"""Order of the rotation; neighbours differ, so that few batches already see several regimes."""


def splitmix64(value: int) -> int:
    """Mix a 64-bit number into another one, bijectively.

    Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
    """
    mixed = (value + 0x9E3779B97F4A7C15) & _MASK_64
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK_64
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK_64
    return mixed ^ (mixed >> 31)


def derive_seed(campaign_seed: int, shard: int, counter: int) -> int:
    """Seed of one unit of work: 64 bits, the same in every process.

    Args:
        campaign_seed: What the user passed as `--seed`; any integer, taken modulo 2^64.
        shard: Which worker, counted from 0.
        counter: Which unit of work of that worker, counted from 0.
    """
    mixed = splitmix64(campaign_seed & _MASK_64)
    mixed = splitmix64(mixed ^ shard)
    return splitmix64(mixed ^ counter)


def strategy_names() -> tuple[str, ...]:
    """Names that `--strategy` accepts, in the order of the rotation."""
    return tuple(strategy.name for strategy in PORTFOLIO)


def select(names: tuple[str, ...]) -> tuple[Strategy, ...]:
    """Strategies of the portfolio by name; all of them for no name at all.

    Args:
        names: Full names ("sticky 1/8") or kinds ("sticky": all of that kind).

    Raises:
        UsageError: A name that fits nothing.
    """
    if not names:
        return PORTFOLIO
    chosen: list[Strategy] = []
    for name in names:
        fitting = [s for s in PORTFOLIO if name in (s.name, s.kind)]
        if not fitting:
            known = ", ".join(repr(known) for known in strategy_names())
            raise UsageError(f"unknown strategy {name!r}; known: {known}, or a kind such as 'pct'")
        chosen.extend(s for s in fitting if s not in chosen)
    return tuple(chosen)
