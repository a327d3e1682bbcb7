# SPDX-License-Identifier: Apache-2.0
"""This module gives more turns to the strategies that lately found more that is new.

Half of the turns go round in a fixed rotation, whatever comes of them: a strategy that sees few
new classes may be the only one that comes to a bug. The other half goes to the best upper bound of
what a turn brought lately (discounted UCB1), because what pays changes with the programs.

Source: Auer, Cesa-Bianchi, Fischer, "Finite-time analysis of the multiarmed bandit problem", 2002;
discounts: Garivier, Moulines, "On upper-confidence bound policies for switching bandits", 2011.
"""

from __future__ import annotations

import math
from typing import Final

_FADE: Final = 0.98
"""What a turn counts after the next one: about 50 turns are remembered."""

_CURIOSITY: Final = 0.2
"""Width of the confidence bound, in units of the reward."""


class Bandit:
    """Whose turn is it? A pure function of the rewards that were told.

    Args:
        arms: How many strategies, at least 1.
    """

    def __init__(self, arms: int) -> None:
        self._turns = [0.0] * arms
        self._rewards = [0.0] * arms
        self._asked = 0

    def next_arm(self) -> int:
        """Number of the strategy whose turn it is, from 0."""
        asked, self._asked = self._asked, self._asked + 1
        if asked % 2 == 0:
            return asked // 2 % len(self._turns)
        total = sum(self._turns)
        return max(range(len(self._turns)), key=lambda arm: self._bound(arm, total))

    def learn(self, arm: int, reward: float) -> None:
        """Tell what a turn brought.

        Args:
            reward: 0.0 (nothing new) .. 1.0; anything beyond is cut off.
        """
        for other in range(len(self._turns)):
            self._turns[other] *= _FADE
            self._rewards[other] *= _FADE
        self._turns[arm] += 1.0
        self._rewards[arm] += min(max(reward, 0.0), 1.0)

    def _bound(self, arm: int, total: float) -> float:
        turns = self._turns[arm]
        if turns < 1e-9:
            return math.inf
        mean = self._rewards[arm] / turns
        return mean + _CURIOSITY * math.sqrt(2.0 * math.log(max(total, 1.0)) / turns)
