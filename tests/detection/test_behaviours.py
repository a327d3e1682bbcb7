# SPDX-License-Identifier: Apache-2.0
"""Does the block layer show what it must, under every schedule that is tried?

Each operation of the target `behaviours` is one box of its BEHAVIOURS.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from detection.planted import search
from drainstorm.build import build
from drainstorm.case import Case, Limits, Operation
from drainstorm.machine import Machine
from drainstorm.spec import OperationSpec, load_target

SPEC = load_target(Path(__file__).parents[2] / "targets" / "blocklayer" / "behaviours.target.toml")
SCHEDULES = 1_000

every_behaviour = pytest.mark.parametrize("operation", SPEC.operations, ids=lambda op: op.name)


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with Machine(build(SPEC)) as machine:
        yield machine


@every_behaviour
def test_it_shows_under_every_schedule(machine: Machine, operation: OperationSpec) -> None:
    program = (Operation(0, SPEC.operation_code(operation.name)),)
    case = Case(SPEC.name, program, limits=Limits(steps=SPEC.limits.steps))

    totals = search(machine, case, 0, until=lambda batch: batch.failed > 0, schedules=SCHEDULES)

    assert totals.first_fail is None, totals.first_fail.message
    assert totals.passed == totals.runs >= SCHEDULES
    assert totals.skipped_share == 0.0, "the driver does not know it"


def test_the_table_lists_every_behaviour_once() -> None:
    words = (SPEC.folder / "BEHAVIOURS.md").read_text("utf-8")
    tests = [
        name
        for line in words.splitlines()
        if line.startswith("| test")
        for name in re.findall(r"`([a-z0-9_]+)`", line.rsplit("|", 2)[1])
    ]
    assert sorted(set(tests)) == sorted(operation.name for operation in SPEC.operations)
