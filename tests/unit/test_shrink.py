# SPDX-License-Identifier: Apache-2.0
"""Does shrinking reach the minimum, keep the signature and respect its budget?"""

from __future__ import annotations

import random

import pytest

from drainstorm.build import build
from drainstorm.case import Case, Deviation, Operation
from drainstorm.machine import Machine
from drainstorm.result import Strategy
from drainstorm.shrink import Size, shrink
from drainstorm.spec import TargetSpec
from drainstorm.verdict import Outcome, Signature
from support.fakes import FakeRunner

WANTED = Signature(Outcome.RULE, "R1", "sum")
OTHER = Signature(Outcome.RULE, "R2", "nothing")


def needs_two_operations(case: Case) -> Signature | None:
    """Fails like WANTED with codes 2 and 3 by different actors and a deviation of thread 1."""
    has_two = any(op.code == 2 for op in case.program)
    has_three = any(op.code == 3 and op.b >= 5 for op in case.program)
    if has_two and has_three and any(d.thread == 1 for d in case.schedule):
        return WANTED
    return OTHER if has_three and len(case.schedule) >= 3 else None


def noisy_case(seed: int) -> Case:
    rng = random.Random(seed)
    program = [Operation(rng.randrange(4), rng.randrange(1, 5), 9, 9) for _ in range(30)]
    program += [Operation(2, 2, 7, 7), Operation(3, 3, 7, 7)]
    rng.shuffle(program)
    schedule = tuple(Deviation(0, thread, 11 + thread, 0) for thread in range(6))
    return Case("tally", tuple(program), schedule)


@pytest.mark.parametrize("seed", range(10))
def test_the_minimum_is_reached(seed: int) -> None:
    runner = FakeRunner(needs_two_operations)
    shrunk = shrink(runner, noisy_case(seed), WANTED)
    assert sorted(op.code for op in shrunk.case.program) == [2, 3]
    assert [op.b for op in shrunk.case.program if op.code == 3] == [5]
    assert len(shrunk.case.schedule) == 1
    assert shrunk.case.expect == WANTED.expect()
    assert shrunk.after < shrunk.before


def test_another_signature_is_never_accepted() -> None:
    runner = FakeRunner(needs_two_operations)
    shrunk = shrink(runner, noisy_case(1), WANTED)
    again = runner.run(shrunk.case, Strategy.replay())
    assert again.verdict.signature == WANTED


def test_the_budget_is_respected() -> None:
    runner = FakeRunner(needs_two_operations)
    shrunk = shrink(runner, noisy_case(1), WANTED, budget_runs=50)
    assert runner.runs <= 50 + 80  # one batch may go beyond
    assert shrunk.runs == runner.runs or shrunk.runs <= 130


def test_stop_ends_at_once_with_the_case_as_it_was() -> None:
    case = noisy_case(1)
    shrunk = shrink(FakeRunner(needs_two_operations), case, WANTED, stop=lambda: True)
    assert Size.of(shrunk.case) == Size.of(case)
    assert shrunk.runs == 0


def test_a_failure_without_any_deviation_loses_them_all() -> None:
    def fails(case: Case) -> Signature | None:
        return WANTED if any(op.code == 4 for op in case.program) else None

    case = Case("tally", (Operation(0, 1), Operation(1, 4)), noisy_case(1).schedule)
    shrunk = shrink(FakeRunner(fails), case, WANTED)
    assert (len(shrunk.case.program), shrunk.case.schedule) == (1, ())


def test_a_real_lost_update_shrinks_to_two_workers_and_one_deviation(tally: TargetSpec) -> None:
    start, add = tally.operation_code("start"), tally.operation_code("add")
    program = [Operation(0, start, which) for which in range(3)]
    program += [Operation(1 + n % 3, add, 1 + n) for n in range(12)]
    case = Case("tally", tuple(program))
    with Machine(build(tally, bug="lost-add")) as machine:
        totals = machine.batch(case, Strategy.random(1), 10_000)
        assert totals.first_fail is not None
        assert totals.first_fail_strategy is not None
        signature = totals.first_fail.signature
        run = machine.run(case, totals.first_fail_strategy, record=True)
        found = Case("tally", case.program, run.deviations)
        shrunk = shrink(machine, found, signature, spec=tally)
        assert machine.run(shrunk.case, Strategy.replay()).verdict.signature == signature
    assert len(shrunk.case.program) == 4
    assert len(shrunk.case.schedule) == 1
    assert shrunk.case.normalised(tally) == shrunk.case


def test_actors_get_the_lowest_numbers(tally: TargetSpec) -> None:
    start = tally.operation_code("start")

    def fails(case: Case) -> Signature | None:
        return WANTED if {op.code for op in case.program} >= {start, 2} else None

    case = Case("tally", (Operation(0, start, 3), Operation(3, 2, 4)))
    shrunk = shrink(FakeRunner(fails), case, WANTED, spec=tally)
    assert max(op.actor for op in shrunk.case.program) == 1
