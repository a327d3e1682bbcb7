# SPDX-License-Identifier: Apache-2.0
"""What all tests share: targets, Hypothesis without clocks or luck, and no run but repeatable ones.

Every batch of every test replays its first runs and compares the traces, unless the test says
`twice` itself: what a target does that the machine does not control is an error of that test.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from drainstorm.build import Built, build
from drainstorm.case import Case
from drainstorm.machine import Machine, Strategy, Totals
from drainstorm.spec import TargetSpec, find_target, load_target

TALLY = Path(__file__).parent / "support" / "tally" / "target.toml"

REPEATED = 20
"""Runs of a batch that are replayed."""

settings.register_profile(
    "ci", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ci")


@pytest.fixture(scope="session", autouse=True)
def repeat_the_first_runs() -> Iterator[None]:
    """Batches of all tests run their first schedules twice.

    Hunts, whose batches run in other threads, have a budget of seconds and are left alone.
    """
    batch = Machine.batch

    def repeating(
        self: Machine, case: Case, strategy: Strategy, count: int, **options: Any
    ) -> Totals:
        is_hunt = threading.current_thread() is not threading.main_thread()
        cannot = is_hunt or count < 1 or strategy.kind in ("exhaustive", "bytes")
        if cannot or "twice" in options:
            return batch(self, case, strategy, count, **options)
        first = batch(self, case, strategy, min(count, REPEATED), **options, twice=True)
        rest = count - first.runs
        if not rest or (first.failed and options.get("stop", True)):
            return first
        return first + batch(self, case, strategy.with_seed(strategy.seed + first.runs), rest,
                             **options)  # fmt: skip

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Machine, "batch", repeating)
        yield


@pytest.fixture(scope="session")
def blocklayer() -> TargetSpec:
    """The shipped target's description."""
    return find_target(Path(__file__).parents[1] / "targets" / "blocklayer")


@pytest.fixture(scope="session")
def tally() -> TargetSpec:
    """A tiny target of the tests' own."""
    return load_target(TALLY)


@pytest.fixture(scope="session")
def tally_built(tally: TargetSpec) -> Built:
    """It, compiled."""
    return build(tally)
