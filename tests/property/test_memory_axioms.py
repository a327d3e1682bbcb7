# SPDX-License-Identifier: Apache-2.0
"""Does the machine show for every small program exactly what the axioms of C11 allow?

The axioms (tests/support/c11_axioms.py) know no clocks and no schedules; the machine knows no
executions as a whole. Programs are random: up to three threads, six operations, two objects.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st

from drainstorm.build import build
from drainstorm.case import Case, Limits, Operation
from drainstorm.machine import Machine, Strategy
from drainstorm.spec import find_target
from drainstorm.verify import NOT_MODELLED
from support.c11_axioms import (
    ACQ_REL,
    ACQUIRE,
    MACHINE,
    RELAXED,
    RELEASE,
    SEQ_CST,
    STANDARD,
    Program,
    Step,
    outcomes,
)

SPEC: Final = find_target(Path(__file__).parents[1] / "support" / "orders")
OBJECTS: Final = 2
OPERATIONS_MAX: Final = 6
RUNS_MAX: Final = 100_000
ORDERS: Final = {
    "load": (RELAXED, ACQUIRE, SEQ_CST),
    "store": (RELAXED, RELEASE, SEQ_CST),
    "exchange": (RELAXED, ACQ_REL, SEQ_CST),
    "replace": (RELAXED, ACQ_REL, SEQ_CST),
    "fence": (ACQUIRE, RELEASE, ACQ_REL, SEQ_CST),
}
KINDS: Final = ("load", "load", "load", "store", "store", "store", "exchange", "replace", "fence")


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """Each operation stores a number of its own."""
    lengths = draw(st.lists(st.integers(1, 3), min_size=2, max_size=3))
    assume(sum(lengths) <= OPERATIONS_MAX)
    return tuple(
        tuple(draw(steps(thread * 4 + number + 1)) for number in range(length))
        for thread, length in enumerate(lengths)
    )


@st.composite
def steps(draw: st.DrawFn, value: int) -> Step:
    kind = draw(st.sampled_from(KINDS))
    order = draw(st.sampled_from(ORDERS[kind]))
    place = -1 if kind == "fence" else draw(st.integers(0, OBJECTS - 1))
    return Step(kind, order, place, value)


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with Machine(build(SPEC)) as machine:
        yield machine


def case(program: Program, model: str) -> Case:
    operations = [Operation(0, SPEC.operation_code("start"), len(program))]
    for thread, steps_ in enumerate(program):
        for step in steps_:
            operands = (step.order,) if step.kind == "fence" else (step.place, step.order)
            operations.append(Operation(1 + thread, SPEC.operation_code(step.kind), *operands))
    return Case("orders", tuple(operations), limits=Limits(model=model))


def shown(machine: Machine, program: Program, model: str) -> set[tuple[int, ...]]:
    """What the reads returned and what was left, over all schedules."""
    exhaustive = Strategy.exhaustive(preemptions=-1)
    totals = machine.batch(case(program, model), exhaustive, RUNS_MAX, stop=False)
    if not totals.exhausted:
        reject()
    assert totals.passed == totals.runs == sum(totals.observed.values())
    return {tuple(int(digit, 16) for digit in f"{value:x}"[1:]) for value in totals.observed}


@settings(max_examples=150)
@given(program=programs())
def test_the_graph_shows_what_the_axioms_allow_and_no_more(
    machine: Machine, program: Program
) -> None:
    assert shown(machine, program, "c11-graph") == outcomes(program, MACHINE)


@settings(max_examples=60)
@given(program=programs())
def test_every_model_shows_only_what_the_axioms_allow(machine: Machine, program: Program) -> None:
    allowed = outcomes(program, MACHINE)
    for model in ("sc", "tso", "c11"):
        assert shown(machine, program, model) <= allowed, model


AGAINST_EXECUTION: Final[Program] = (
    (Step("store", SEQ_CST, 0, 1), Step("store", RELAXED, 1, 2)),
    (Step("load", RELAXED, 1), Step("store", SEQ_CST, 0, 6)),
)
"""The second seq_cst store may come first in the order of all, although it was executed later."""


def test_what_the_machine_leaves_out_is_what_a_certificate_says(machine: Machine) -> None:
    got = shown(machine, AGAINST_EXECUTION, "c11-graph")
    assert outcomes(AGAINST_EXECUTION, STANDARD) - got == {(2, 1, 2)}
    assert any("order of seq_cst operations" in words for words in NOT_MODELLED["c11-graph"])
