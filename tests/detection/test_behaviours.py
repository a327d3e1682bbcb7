# SPDX-License-Identifier: Apache-2.0
"""Does the block layer show what it must, under every schedule that is tried?

Each operation of the target `behaviours` is one box of its BEHAVIOURS.md.
"""

from __future__ import annotations

import re
import tomllib
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
# The boxes that the table has to speak of: it cannot pass by leaving out one with its test.
BOXES = Path(__file__).parent / "boxes.toml"

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
    tests = [
        name
        for row in table_rows()
        for name in re.findall(r"`([a-z0-9_]+)`", row.rsplit("|", 2)[1])
    ]
    assert sorted(set(tests)) == sorted(operation.name for operation in SPEC.operations)


def test_the_table_speaks_of_every_original_box() -> None:
    wanted = {
        f"{suite} {name}"
        for suite, names in tomllib.loads(BOXES.read_text("utf-8")).items()
        for pattern in names
        for name in expanded(pattern)
    }
    assert len(wanted) > 100, "are the boxes read?"
    assert sorted(wanted - boxes_of_the_table()) == []


def table_rows() -> list[str]:
    words = (SPEC.folder / "BEHAVIOURS.md").read_text("utf-8")
    return [line for line in words.splitlines() if line.startswith("| test")]


def boxes_of_the_table() -> set[str]:
    """The boxes, each as "suite name", of rows `| suite one, {two,three}/of (remark) | ...`."""
    boxes: set[str] = set()
    for row in table_rows():
        suite, _, names = row.split("|")[1].strip().partition(" ")
        for pattern in re.split(r", | \(", names):
            boxes.update(f"{suite} {name}" for name in expanded(pattern))
    return boxes


def expanded(pattern: str) -> list[str]:
    """`a/{b,c}` as a/b and a/c; a word without braces as it is."""
    braces = re.search(r"\{([^}]*)\}", pattern)
    if not braces:
        return [pattern]
    before, after = pattern[: braces.start()], pattern[braces.end() :]
    return [f"{before}{choice}{after}" for choice in braces.group(1).split(",")]
