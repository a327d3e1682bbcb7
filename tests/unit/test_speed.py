# SPDX-License-Identifier: Apache-2.0
"""What the speed measurement rests on; no time is judged here."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from drainstorm.build import build
from drainstorm.case import Case, Limits, Operation
from drainstorm.machine import Machine, Strategy
from drainstorm.native import bare_switch_ns
from drainstorm.spec import find_target

SPEC: Final = find_target(Path(__file__).parents[2] / "targets" / "speed")
POINTS: Final = {"nothing": 0, "threads": 3, "atomics": 300, "same_epoch": 0, "new_epoch": 200}


@pytest.mark.parametrize("model", ["sc", "tso", "c11"])
@pytest.mark.parametrize("code", range(1, 1 + len(SPEC.operations)))
def test_a_speed_program_passes_and_has_its_points(code: int, model: str) -> None:
    case = Case("speed", (Operation(0, code, 64),), limits=Limits(model=model))
    with Machine(build(SPEC)) as machine:
        totals = machine.batch(case, Strategy.random(1), 50, stop=False)
    assert (totals.runs, totals.passed) == (50, 50)
    assert totals.steps >= 50 * POINTS[SPEC.operations[code - 1].name]


def test_a_bare_switch_takes_time() -> None:
    assert bare_switch_ns(10_000) > 0
