# SPDX-License-Identifier: Apache-2.0
"""Are seeds a pure function, and do names find their strategies?"""

from __future__ import annotations

import pytest

from drainstorm.errors import UsageError
from drainstorm.strategies import PORTFOLIO, derive_seed, select, splitmix64, strategy_names


def test_splitmix64_gives_the_published_first_values() -> None:
    state, values = 1234567, []
    for _ in range(3):
        values.append(splitmix64(state))
        state = (state + 0x9E3779B97F4A7C15) % 2**64
    assert values == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_seeds_differ_between_shards_counters_and_campaigns() -> None:
    seeds = {
        derive_seed(campaign, shard, counter)
        for campaign in range(10)
        for shard in range(10)
        for counter in range(10)
    }
    assert len(seeds) == 1000
    assert all(0 <= seed < 2**64 for seed in seeds)


def test_a_negative_campaign_seed_is_taken_modulo() -> None:
    assert derive_seed(-1, 0, 0) == derive_seed(2**64 - 1, 0, 0)


def test_the_portfolio_has_every_regime_once() -> None:
    assert sorted(strategy_names()) == [
        "pct 2", "pct 3", "pct 5", "pos", "random", "rff",
        "sticky 1/32", "sticky 1/64", "sticky 1/8", "surw", "urw",
    ]  # fmt: skip


def test_a_kind_selects_all_of_its_strategies_and_a_name_one() -> None:
    assert {s.kind for s in select(("pct",))} == {"pct"}
    assert len(select(("pct",))) == 3
    assert [s.name for s in select(("sticky 1/8", "sticky 1/8"))] == ["sticky 1/8"]
    assert select(()) == PORTFOLIO


def test_an_unknown_strategy_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"unknown strategy 'luck'; known: 'sticky 1/8'"):
        select(("luck",))
