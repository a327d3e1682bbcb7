# SPDX-License-Identifier: Apache-2.0
"""Under tso: is the shipped block layer clean, and is a missing fence found where x86 shows it?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from detection.planted import seed_of
from drainstorm import text
from drainstorm.build import build
from drainstorm.case import Case
from drainstorm.machine import Machine
from drainstorm.result import Strategy
from drainstorm.spec import find_target

ROOT: Final = Path(__file__).parents[2]
SPEC: Final = find_target(ROOT / "targets" / "blocklayer")
SEEDS: Final = sorted((ROOT / "corpus" / "seeds" / "blocklayer").glob("*.case"))
STRATEGIES: Final = (Strategy.random(1), Strategy.pct(1, depth=3), Strategy.sticky_random(1))
RUNS: Final = 60
RUNS_MOST: Final = 20_000

SHOWN: Final = ("no-fence-in-rdlock", "no-fence-in-kick")
HIDDEN: Final = ("no-fence-in-wrlock", "no-fence-in-request", "no-fence-after-push")
"""Something locked stands before the later load: a mutex, an addition, a compare and exchange."""


def under_tso(case: Case) -> Case:
    return replace(case, limits=replace(case.limits, model="tso"), schedule=(), expect=None)


def test_every_seed_is_clean() -> None:
    with Machine(build(SPEC)) as machine:
        for path in SEEDS:
            case = under_tso(text.load(path, SPEC))
            for strategy in STRATEGIES:
                totals = machine.batch(case, strategy, RUNS)
                assert totals.first_fail is None, (path.stem, strategy.kind, totals.first_fail)


@pytest.mark.parametrize("name", SHOWN)
def test_a_missing_fence_that_x86_shows_is_found_with_its_rule(name: str) -> None:
    bug = SPEC.bug(name)
    with Machine(build(SPEC, bug=name)) as machine:
        totals = machine.batch(under_tso(seed_of(SPEC, bug)), STRATEGIES[0], RUNS_MOST)
    assert totals.first_fail is not None
    assert totals.first_fail.judged == bug.judged


@pytest.mark.parametrize("name", HIDDEN)
def test_a_missing_fence_that_x86_hides_shows_nothing(name: str) -> None:
    with Machine(build(SPEC, bug=name)) as machine:
        totals = machine.batch(
            under_tso(seed_of(SPEC, SPEC.bug(name))), STRATEGIES[0], RUNS_MOST // 4
        )
    assert totals.first_fail is None
