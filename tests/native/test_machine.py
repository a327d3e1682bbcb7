# SPDX-License-Identifier: Apache-2.0
"""Does the machine do what POSIX says, and survive what a target does to it?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from drainstorm.build import build
from drainstorm.case import Case, Operation
from drainstorm.machine import Machine, Strategy
from drainstorm.spec import TargetSpec, find_target
from drainstorm.verdict import Outcome

TARGET = Path(__file__).parent / "posix" / "target.toml"
STRATEGIES = (
    Strategy.random(1),
    Strategy.sticky_random(1, sticky=32),
    Strategy.pct(1, depth=3),
)


@pytest.fixture(scope="module")
def spec() -> TargetSpec:
    return find_target(str(TARGET))


@pytest.fixture(scope="module")
def machine(spec: TargetSpec) -> Iterator[Machine]:
    with Machine(build(spec)) as machine:
        yield machine


def scenario(spec: TargetSpec, *names: str) -> Case:
    program = tuple(Operation(0, spec.operation_code(name)) for name in names)
    return Case(target="posix", program=program)


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: s.kind)
@pytest.mark.parametrize(
    "name",
    [
        "mutex_excludes",
        "recursive_mutex",
        "trylock",
        "condition",
        "broadcast",
        "timed_wait",
        "once",
        "thread_data",
        "thread_local",
        "event_counter",
        "poll_wakes",
        "poll_times_out",
        "virtual_sleep",
        "join_value",
        "state_is_fresh",
        "semaphore_hands_over",
        "semaphore_gives_up",
        "rwlock_excludes",
        "rwlock_gives_up",
        "barrier_orders",
        "spinlock_excludes",
        "timed_lock",
        "timed_join",
    ],
)
def test_a_correct_program_passes_under_every_schedule(
    machine: Machine, spec: TargetSpec, name: str, strategy: Strategy
) -> None:
    totals = machine.batch(scenario(spec, name), strategy, 2000)

    assert totals.first_fail is None
    assert totals.passed == totals.runs == 2000


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("relock", Outcome.LOCK_MISUSE),
        ("unlock_unheld", Outcome.LOCK_MISUSE),
        ("null_pointer", Outcome.SEGV),
        ("wild_pointer", Outcome.SEGV),
        ("abort_call", Outcome.ABORT),
        ("assertion", Outcome.ASSERT),
        ("division", Outcome.ARITHMETIC),
        ("stack_overflow", Outcome.STACK),
        ("double_free", Outcome.BAD_FREE),
        ("bad_free", Outcome.BAD_FREE),
        ("forgotten_thread", Outcome.DEADLOCK),
        ("endless_atomics", Outcome.LIVELOCK),
        ("semaphore_that_nobody_posts", Outcome.DEADLOCK),
        ("semaphore_destroyed", Outcome.LOCK_MISUSE),
        ("semaphore_never_made", Outcome.LOCK_MISUSE),
        ("rwlock_unlocked_by_another", Outcome.LOCK_MISUSE),
        ("rwlock_written_by_a_reader", Outcome.LOCK_MISUSE),
        ("barrier_for_three", Outcome.DEADLOCK),
        ("spinlock_taken_twice", Outcome.LOCK_MISUSE),
    ],
)
def test_a_fault_ends_the_run_and_not_the_process(
    machine: Machine, spec: TargetSpec, name: str, outcome: Outcome
) -> None:
    totals = machine.batch(scenario(spec, name), Strategy.random(1), 100, stop=False)

    assert totals.failed == 100
    assert totals.first_fail is not None
    assert totals.first_fail.outcome is outcome
    after = machine.batch(scenario(spec, "mutex_excludes"), Strategy.random(1), 100)
    assert after.passed == 100


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("endless_loop", Outcome.HANG),
        ("too_many_threads", Outcome.THREAD_LIMIT),
        ("heap_exhausted", Outcome.MEMORY_LIMIT),
    ],
)
def test_a_bound_that_is_reached_is_unknown(
    machine: Machine, spec: TargetSpec, name: str, outcome: Outcome
) -> None:
    run = machine.run(scenario(spec, name), Strategy.random(1))

    assert run.verdict.kind == "UNKNOWN"
    assert run.verdict.outcome is outcome


@pytest.mark.parametrize(
    "name",
    [
        "lost_update",
        "signal_order",
        "abba",
        "rwlock_lets_readers_in_together",
        "rwlock_that_prefers_writers",
        "rwlocks_in_two_orders",
    ],
)
def test_a_schedule_dependent_bug_is_found_and_replayed_from_its_deviations(
    machine: Machine, spec: TargetSpec, name: str
) -> None:
    case = scenario(spec, name)
    assert machine.run(case, Strategy.replay()).verdict.kind == "PASS"  # quiet: not seen

    totals = machine.batch(case, Strategy.random(1), 2000)
    assert totals.first_fail_strategy is not None
    run = machine.run(case, totals.first_fail_strategy, record=True, hashes=True)
    assert run.verdict == totals.first_fail

    failing = Case(target="posix", program=case.program, schedule=run.deviations)
    replay = machine.run(failing, Strategy.replay(), hashes=True)
    assert replay.verdict == run.verdict
    assert (replay.trace_hash, replay.class_hash) == (run.trace_hash, run.class_hash)


def test_a_deadlock_report_names_both_locks_and_their_holders(
    machine: Machine, spec: TargetSpec
) -> None:
    totals = machine.batch(scenario(spec, "abba"), Strategy.random(1), 2000)
    assert totals.first_fail_strategy is not None
    run = machine.run(scenario(spec, "abba"), totals.first_fail_strategy, record=True)

    blocked = {waiter.thread: waiter for waiter in run.waiters}
    assert set(blocked) == {0, 1, 2}
    assert blocked[1].holder == 2
    assert blocked[2].holder == 1
    assert blocked[1].object != blocked[2].object


@pytest.mark.parametrize(
    ("name", "site"),
    [
        ("abba", "lock:lock_ab|lock:lock_ba"),
        ("rwlocks_in_two_orders", "lock:take_both"),
        ("rwlock_that_prefers_writers", "lock:read_twice|lock:write_once"),
        ("semaphore_that_nobody_posts", "wait:wait_for_an_item"),
        ("barrier_for_three", "wait:meet_once"),
    ],
)
def test_a_deadlock_is_named_after_those_who_wait(
    machine: Machine, spec: TargetSpec, name: str, site: str
) -> None:
    totals = machine.batch(scenario(spec, name), Strategy.random(1), 2000)
    assert totals.first_fail is not None
    assert (totals.first_fail.outcome, totals.first_fail.site) == (Outcome.DEADLOCK, site)


def test_who_waits_for_readers_is_told_one_of_them(machine: Machine, spec: TargetSpec) -> None:
    totals = machine.batch(scenario(spec, "rwlocks_in_two_orders"), Strategy.random(1), 2000)
    assert totals.first_fail_strategy is not None
    run = machine.run(scenario(spec, "rwlocks_in_two_orders"), totals.first_fail_strategy)

    blocked = {waiter.thread: waiter for waiter in run.waiters}
    assert (blocked[1].object, blocked[1].holder) == ("other_rwlock", 2)
    assert (blocked[2].object, blocked[2].holder) == ("rwlock", 1)


def test_more_than_128_threads_run_in_one_machine(machine: Machine, spec: TargetSpec) -> None:
    run = machine.run(scenario(spec, "many_threads"), Strategy.sticky_random(3, sticky=8))

    assert run.verdict.kind == "PASS"
    assert run.threads == 151


def test_the_same_seed_gives_the_same_trace_in_two_machines(spec: TargetSpec) -> None:
    case = scenario(spec, "mutex_excludes", "poll_wakes", "trylock")

    with Machine(build(spec)) as one, Machine(build(spec)) as two:
        for seed in range(200):
            strategy = Strategy.random(seed)
            first = one.run(case, strategy, hashes=True)
            second = two.run(case, strategy, hashes=True)
            assert first.trace_hash == second.trace_hash
            assert first.class_hash == second.class_hash
