# SPDX-License-Identifier: Apache-2.0
"""Do good strategies get more turns, and does none starve?"""

from __future__ import annotations

from collections import Counter

from drainstorm.bandit import Bandit


def play(rewards: list[float], turns: int, bandit: Bandit | None = None) -> Counter[int]:
    bandit = bandit or Bandit(len(rewards))
    taken: Counter[int] = Counter()
    for _ in range(turns):
        arm = bandit.next_arm()
        taken[arm] += 1
        bandit.learn(arm, rewards[arm])
    return taken


def test_the_best_arm_gets_most_of_the_free_half() -> None:
    taken = play([0.1, 0.9, 0.1, 0.1], 1000)
    assert taken.most_common(1)[0][0] == 1
    assert taken[1] > 450  # its 125 turns of the rotation, and most of the other 500


def test_an_arm_that_brings_nothing_keeps_its_turns_of_the_rotation() -> None:
    taken = play([0.0, 1.0, 1.0, 1.0], 1000)
    assert 125 <= taken[0] < 200


def test_equal_arms_share_evenly() -> None:
    taken = play([0.5] * 5, 1000)
    assert max(taken.values()) - min(taken.values()) < 40


def test_what_was_good_is_forgotten_when_it_no_longer_is() -> None:
    bandit = Bandit(3)
    play([1.0, 0.0, 0.0], 500, bandit)
    later = play([0.0, 0.0, 1.0], 500, bandit)
    assert later[2] > 2 * later[0]


def test_the_same_rewards_give_the_same_turns_and_other_rewards_other_turns() -> None:
    def turns(rewards: list[float]) -> list[int]:
        bandit, taken = Bandit(3), []
        for _ in range(100):
            taken.append(bandit.next_arm())
            bandit.learn(taken[-1], rewards[taken[-1]])
        return taken

    assert turns([0.2, 0.7, 0.4]) == turns([0.2, 0.7, 0.4])
    assert turns([0.2, 0.7, 0.4]) != turns([0.9, 0.1, 0.4])


def test_a_reward_beyond_its_range_is_cut_off() -> None:
    assert play([9.0, 1.0], 100) == play([1.0, 1.0], 100)
    assert play([-5.0, 1.0], 100) == play([0.0, 1.0], 100)
