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
from hypothesis import assume, given, settings
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
OPERATIONS_MAX: Final = {2: 6, 3: 5}
"""By threads: a program with more of them has too many schedules."""
RUNS_MAX: Final = 1_000_000
ORDERS: Final = {
    "load": (RELAXED, ACQUIRE, SEQ_CST),
    "store": (RELAXED, RELEASE, SEQ_CST),
    "exchange": (RELAXED, ACQ_REL, SEQ_CST),
    "replace": (RELAXED, ACQ_REL, SEQ_CST),
    "fence": (ACQUIRE, RELEASE, ACQ_REL, SEQ_CST),
}
KINDS: Final = ("load", "load", "store", "store", "exchange", "replace", "fence")


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """A few kinds and orders a program; each operation stores a number of its own."""
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=2, max_size=4))
    orders = draw(st.sets(st.integers(RELAXED, SEQ_CST), min_size=1))
    objects = draw(st.integers(1, OBJECTS))
    lengths = draw(st.lists(st.integers(1, 3), min_size=2, max_size=3))
    assume(sum(lengths) <= OPERATIONS_MAX[len(lengths)])
    return tuple(
        tuple(
            draw(steps(thread * 4 + number + 1, kinds, orders, objects)) for number in range(length)
        )
        for thread, length in enumerate(lengths)
    )


@st.composite
def steps(draw: st.DrawFn, value: int, kinds: list[str], orders: set[int], objects: int) -> Step:
    kind = draw(st.sampled_from(kinds))
    fitting = [order for order in ORDERS[kind] if order in orders] or [ORDERS[kind][0]]
    place = -1 if kind == "fence" else draw(st.integers(0, objects - 1))
    return Step(kind, draw(st.sampled_from(fitting)), place, value)


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


def shown(
    machine: Machine, program: Program, model: str, preemptions: int = -1
) -> set[tuple[int, ...]]:
    """What the reads returned and what was left, over all schedules."""
    exhaustive = Strategy.exhaustive(preemptions=preemptions)
    totals = machine.batch(case(program, model), exhaustive, RUNS_MAX, stop=False)
    assert totals.exhausted
    assert totals.passed == totals.runs == sum(totals.observed.values())
    return {tuple(int(digit, 16) for digit in f"{value:x}"[1:]) for value in totals.observed}


X, Y = 0, 1
PICKED: Final[dict[str, Program]] = {
    "a store that continues a release sequence": (
        (Step("store", RELAXED, Y, 1), Step("store", RELEASE, X, 2), Step("store", RELAXED, X, 3)),
        (Step("load", ACQUIRE, X), Step("load", RELAXED, Y)),
    ),
    "a store of another thread that may come between": (
        (Step("store", RELAXED, Y, 1), Step("store", RELEASE, X, 2), Step("store", RELAXED, X, 3)),
        (Step("store", RELAXED, X, 5),),
        (Step("load", ACQUIRE, X), Step("load", RELAXED, Y)),
    ),
    "a fence here, seq_cst accesses there": (
        (Step("store", RELAXED, X, 1), Step("fence", SEQ_CST), Step("load", RELAXED, Y)),
        (Step("store", SEQ_CST, Y, 5), Step("load", SEQ_CST, X)),
    ),
}


@pytest.mark.parametrize("program", PICKED.values(), ids=PICKED)
def test_the_graph_knows(machine: Machine, program: Program) -> None:
    assert shown(machine, program, "c11-graph") == outcomes(program, MACHINE)


CHAIN: Final[Program] = (
    (Step("store", RELAXED, X, 1),),
    (Step("load", RELAXED, X), Step("store", RELAXED, X, 6)),
    (Step("load", RELAXED, X), Step("store", RELAXED, X, 10)),
    (Step("load", RELAXED, X), Step("load", RELAXED, X)),
)
"""1 comes before 10 because of 6, of which the last thread does not know."""


def test_the_graph_is_closed(machine: Machine) -> None:
    seen = shown(machine, CHAIN, "c11-graph", preemptions=1)
    assert seen <= outcomes(CHAIN, MACHINE)
    assert (1, 6, 10, 10, 10, 0) in seen


@settings(max_examples=200)
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
