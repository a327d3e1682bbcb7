# SPDX-License-Identifier: Apache-2.0
"""Under tso: is the shipped block layer clean? What x86 shows of its bugs: see test_fences.py."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

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


def under_tso(case: Case) -> Case:
    return replace(case, limits=replace(case.limits, model="tso"), schedule=(), expect=None)


def test_every_seed_is_clean() -> None:
    with Machine(build(SPEC)) as machine:
        for path in SEEDS:
            case = under_tso(text.load(path, SPEC))
            for strategy in STRATEGIES:
                totals = machine.batch(case, strategy, RUNS)
                assert totals.first_fail is None, (path.stem, strategy.kind, totals.first_fail)
