# SPDX-License-Identifier: Apache-2.0
"""The machine seen from Python: results, repetition, threads, life cycle."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from drainstorm import text
from drainstorm.build import Built, build
from drainstorm.case import Case
from drainstorm.errors import UsageError
from drainstorm.machine import Machine, Strategy, Totals
from drainstorm.spec import TargetSpec
from drainstorm.verdict import Outcome

PORTFOLIO = (Strategy.random(1), Strategy.sticky_random(1), Strategy.pct(1, depth=3))
START = ("main start worker0", "main start worker1", "main start worker2")
ADDS = (*START, "worker1 add 1", "worker1 add 2", "worker2 add 4")


def program(spec: TargetSpec, *operations: str) -> Case:
    body = "\n  ".join(("program", *operations))
    return text.parse(f"case v1\ntarget {spec.name}\n{body}\n", spec, path="here")


@pytest.fixture
def machine(tally_built: Built) -> Iterator[Machine]:
    with Machine(tally_built) as machine:
        yield machine


@pytest.fixture(scope="module")
def buggy(tally: TargetSpec) -> Built:
    return build(tally, bug="lost-add")


@pytest.mark.parametrize("strategy", PORTFOLIO, ids=lambda s: s.name)
def test_the_shipped_target_passes(machine: Machine, tally: TargetSpec, strategy: Strategy) -> None:
    totals = machine.batch(program(tally, *ADDS), strategy, 500, hashes=True)
    assert (totals.runs, totals.passed, totals.failed) == (500, 500, 0)
    assert totals.outcomes == {Outcome.OK: 500}
    assert totals.op_done == {"start": 1500, "add": 1500}
    assert totals.op_skipped == {}
    assert totals.marked_any == totals.marked[0] == 500
    assert 0 < totals.new_classes <= 500
    assert totals.first_fail is None


@pytest.mark.parametrize("strategy", PORTFOLIO, ids=lambda s: s.name)
def test_a_planted_bug_is_found_repeated_recorded_and_replayed(
    buggy: Built, tally: TargetSpec, strategy: Strategy
) -> None:
    case = program(tally, *ADDS)
    with Machine(buggy) as machine:
        totals = machine.batch(case, strategy, 5000)
        assert totals.first_fail is not None
        assert totals.first_fail_strategy is not None
        assert str(totals.first_fail.signature) == "FAIL R1 sum"
        again = machine.run(case, totals.first_fail_strategy, record=True, hashes=True)
        assert again.verdict.signature == totals.first_fail.signature
        assert again.deviations
        found = replace(case, schedule=again.deviations)
        replayed = machine.run(found, Strategy.replay(), record=True, hashes=True)
    assert replayed.verdict == again.verdict
    assert replayed.trace_hash == again.trace_hash
    assert replayed.deviations == again.deviations
    with Machine(buggy) as other:
        assert other.run(found, Strategy.replay(), hashes=True).trace_hash == again.trace_hash


def test_counts_go_on_after_a_failure_when_asked(buggy: Built, tally: TargetSpec) -> None:
    with Machine(buggy) as machine:
        totals = machine.batch(program(tally, *ADDS), Strategy.random(1), 300, stop=False)
    assert totals.runs == 300
    assert totals.passed + totals.failed == 300
    assert totals.outcomes[Outcome.RULE] == totals.failed > 1


@pytest.mark.parametrize(
    ("operations", "signature"),
    [
        (("worker1 crash",), "FAIL segv tally_crash"),
        (("worker1 check", "worker2 add 1"), "FAIL assert"),
        (("worker1 hold 0 1", "worker2 hold 1 0"), "FAIL deadlock"),
    ],
)
def test_the_machine_itself_judges(
    machine: Machine, tally: TargetSpec, operations: tuple[str, ...], signature: str
) -> None:
    totals = machine.batch(program(tally, *START, *operations), Strategy.random(1), 1000)
    assert totals.first_fail is not None
    assert str(totals.first_fail.signature).startswith(signature)
    assert totals.first_fail.kind == "FAIL"


def test_a_deadlock_says_who_waits_for_what_and_who_holds_it(
    machine: Machine, tally: TargetSpec
) -> None:
    case = program(tally, *START, "worker1 hold 0 1", "worker2 hold 1 0")
    strategy = machine.batch(case, Strategy.random(1), 1000).first_fail_strategy
    assert strategy is not None
    waiters = {w.thread: w for w in machine.run(case, strategy).waiters}
    one, other = (waiter for waiter in waiters.values() if waiter.kind == "lock")
    assert (one.holder, other.holder) == (other.thread, one.thread)
    assert one.object != other.object
    places = machine.symbols.locate(one.stack)
    assert places[one.stack[0]].function == "tally_hold"
    assert places[one.stack[0]].file == "src/tally.c"


def test_a_traced_run_names_what_happened(machine: Machine, tally: TargetSpec) -> None:
    run = machine.run(program(tally, *ADDS), Strategy.replay(), trace=True)
    kinds = {event.kind for event in run.events}
    assert {"operation", "rmw", "create", "start", "exit", "join"} <= kinds
    add = next(event for event in run.events if event.kind == "rmw")
    assert (add.old, add.size, machine.symbols[add.pc].function) == (0, 4, "tally_add")


def test_skipped_operations_are_counted(machine: Machine, tally: TargetSpec) -> None:
    totals = machine.batch(program(tally, START[0], START[0]), Strategy.replay(), 1)
    assert (totals.op_done, totals.op_skipped) == ({"start": 1}, {"start": 1})
    assert totals.skipped_share == 0.5


def test_the_step_limit_is_unknown(machine: Machine, tally: TargetSpec) -> None:
    case = program(tally, *ADDS)
    short = replace(case, limits=replace(case.limits, steps=3))
    verdict = machine.run(short, Strategy.replay()).verdict
    assert (verdict.kind, verdict.outcome) == ("UNKNOWN", Outcome.STEP_LIMIT)


def test_bytes_answer_questions(machine: Machine, tally: TargetSpec) -> None:
    case = program(tally, *ADDS)
    hashes = {
        machine.run(case, Strategy.from_bytes(), data=data, hashes=True).trace_hash
        for data in (b"", b"\0\1\2\1\0\2\1", b"\2\2\2\1\1\1\0\0", bytes(range(64)))
    }
    assert len(hashes) > 1


def test_coverage_is_counted_in_blocks_of_the_target_only(tally: TargetSpec) -> None:
    built = build(tally, flavour="cov")
    with Machine(built) as machine:
        machine.run(program(tally, *ADDS), Strategy.replay())
        seen = machine.coverage()
        assert 0 < len(seen) < built.blocks
        functions = {place.function for place in machine.symbols.locate(seen).values()}
        assert functions == {"tally_add", "tally_read", "tally_reset"}
        machine.coverage_clear()
        assert machine.coverage() == frozenset()


def test_two_machines_run_at_once_and_share_nothing(buggy: Built, tally: TargetSpec) -> None:
    case = program(tally, *ADDS)

    def count(_: int) -> Totals:
        with Machine(buggy) as machine:
            return machine.batch(case, Strategy.random(7), 3000, stop=False)

    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(count, range(2))
    assert (one.failed, one.steps, one.switches) == (other.failed, other.steps, other.switches)


def test_a_batch_can_be_interrupted_from_another_thread(
    machine: Machine, tally: TargetSpec
) -> None:
    case = program(tally, *ADDS)
    timer = threading.Timer(0.2, machine.interrupt)
    timer.start()
    begin = time.monotonic()
    totals = machine.batch(case, Strategy.random(1), 2**40)
    assert time.monotonic() - begin < 30
    assert totals.runs > 0
    timer.join()


def test_a_machine_that_is_closed_says_so(tally_built: Built, tally: TargetSpec) -> None:
    machine = Machine(tally_built)
    machine.close()
    machine.close()
    machine.interrupt()
    with pytest.raises(UsageError, match="closed"):
        machine.run(program(tally, *ADDS), Strategy.replay())


def test_a_case_of_another_target_is_refused(machine: Machine) -> None:
    with pytest.raises(UsageError, match="a case of target 'other' cannot run on 'tally'"):
        machine.run(Case("other", ()), Strategy.replay())


def test_totals_add_up(machine: Machine, tally: TargetSpec) -> None:
    case = program(tally, *ADDS)
    one = machine.batch(case, Strategy.random(1), 10)
    both = one + machine.batch(case, Strategy.random(11), 20) + Totals()
    assert both.runs == 30
    assert both.op_done == {"start": 90, "add": 90}
    assert both.outcomes == {Outcome.OK: 30}
