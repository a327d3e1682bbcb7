# SPDX-License-Identifier: Apache-2.0
"""This module searches with all strategies as a hunt does: in turns, by its bandit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drainstorm.bandit import Bandit
from drainstorm.strategies import PORTFOLIO, derive_seed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drainstorm.case import Case
    from drainstorm.machine import Machine
    from drainstorm.result import Totals

_TURN_MOST: Final = 64
"""Longest turn of a strategy, in schedules; the first turns are 1 long."""


def turns(machine: Machine, case: Case, *, seed: int, cap: int) -> Iterator[Totals]:
    """Turn after turn, each ended by a failing run; until `cap` schedules are run or nobody asks.

    Args:
        seed: Campaign seed: the same one gives the same turns.
    """
    bandit, runs, turn = Bandit(len(PORTFOLIO)), 0, 0
    while runs < cap:
        arm = bandit.next_arm()
        strategy = PORTFOLIO[arm].with_seed(derive_seed(seed, 0, turn))
        length = min(1 + turn // len(PORTFOLIO), _TURN_MOST, cap - runs)
        totals = machine.batch(case, strategy, length, hashes=True)
        runs, turn = runs + totals.runs, turn + 1
        yield totals
        bandit.learn(arm, totals.new_classes / totals.runs)
