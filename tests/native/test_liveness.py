# SPDX-License-Identifier: Apache-2.0
"""Is what never ends told from what an unfair schedule, a timer or a counter only delays?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from drainstorm.build import build
from drainstorm.case import MODELS, Case, Limits, Operation
from drainstorm.machine import Machine, Strategy
from drainstorm.replay import replay
from drainstorm.spec import find_target
from drainstorm.verdict import Outcome

SPEC: Final = find_target(Path(__file__).parent / "liveness")
STRATEGIES: Final = (
    Strategy.random(1), Strategy.sticky_random(1, sticky=32), Strategy.pct(1, depth=3),
)  # fmt: skip
ENDLESS: Final = {
    "spin_on_a_lost_lock": "FAIL livelock spin_lock",
    "wait_for_nobody": "FAIL livelock await_flag",
    "give_way_for_ever": "FAIL livelock take_both_or_none",
    "barge": "FAIL starvation stop_it_politely",
    "doze_for_ever": "FAIL livelock doze",
    "look_for_nobody": "FAIL livelock look_until_flag",
    "await_nothing": "FAIL deadlock await:a-flag-that-nobody-raises",
}
"""By scenario: how it fails."""
SOUND: Final = (
    "spin_on_a_lock", "wait_for_somebody", "lock_in_order", "take_a_ticket", "doze_until_woken",
    "look_for_somebody", "await_raised_flag",
)  # fmt: skip
TIMED: Final = {
    "timer_hides_a_lost_wakeup": {"timer", "masked"},
    "signal_comes_before_the_timer": set[str](),
    "wait_for_a_sleeper": {"timer"},
    "spin_while_it_sleeps": {"timer"},
    "sleep_only": set[str](),
}
"""By scenario: what is remarked of some of its runs."""
OTHERS: Final = ("look_for_a_plain_store", "look_at_a_deadlock")
SLOW: Final = ("spin_until_a_time", "spin_a_number_of_times")


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with Machine(build(SPEC)) as machine:
        yield machine


def case(name: str, model: str = "c11", steps: int = 500) -> Case:
    program = (Operation(0, SPEC.operation_code(name)),)
    return Case("liveness", program, limits=Limits(steps=steps, model=model))


def test_every_scenario_has_an_expectation() -> None:
    names = {operation.name for operation in SPEC.operations}
    assert names == {*ENDLESS, *SOUND, *SLOW, *TIMED, *OTHERS}


@pytest.mark.parametrize("model", ["sc", "c11", "tso"])  # c11-graph: bounded stores per object
@pytest.mark.parametrize("name", ENDLESS)
def test_what_goes_round_for_ever_is_found(machine: Machine, name: str, model: str) -> None:
    tried = case(name, model)
    totals = machine.batch(tried, Strategy.pct(1, depth=3), 100, stop=False, twice=True)

    assert totals.first_fail is not None
    assert str(totals.first_fail) == ENDLESS[name]
    assert totals.outcomes.keys() <= {Outcome.OK, Outcome.STEP_LIMIT, totals.first_fail.outcome}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: s.kind)
@pytest.mark.parametrize("name", SOUND)
def test_an_unfair_schedule_is_no_livelock(
    machine: Machine, name: str, strategy: Strategy, model: str
) -> None:
    totals = machine.batch(case(name, model, steps=60), strategy, 300, stop=False, twice=True)

    assert totals.first_fail is None
    assert totals.outcomes.keys() <= {Outcome.OK, Outcome.STEP_LIMIT}
    assert totals.outcomes[Outcome.OK]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: s.kind)
@pytest.mark.parametrize("name", ["look_for_nobody", "wait_for_nobody", "spin_on_a_lost_lock"])
def test_a_spin_loop_does_not_eat_the_budget(
    machine: Machine, name: str, strategy: Strategy, model: str
) -> None:
    tried = case(name, model, steps=20_000)
    totals = machine.batch(tried, strategy, 50, stop=False, twice=True)

    assert totals.outcomes.keys() <= {Outcome.OK, Outcome.LIVELOCK}
    assert totals.outcomes[Outcome.LIVELOCK]
    assert totals.steps < 500 * totals.runs


def test_a_parked_spinner_is_a_waiter_with_its_object_and_place(
    machine: Machine, tmp_path: Path
) -> None:
    run = machine.run(case("look_for_nobody", steps=20_000), Strategy.replay())
    spinners = [waiter for waiter in run.waiters if waiter.kind == "loop"]
    assert [(w.thread, w.object) for w in spinners] == [(1, "flag"), (2, "flag")]

    lines = replay(case("look_for_nobody"), SPEC, bug="").lines(tmp_path / "x.case", width=100)
    assert any("T1 spins on flag, at look_until_flag:" in line for line in lines)
    assert "  T0 waits for join T1" in lines


def test_who_spins_for_a_deadlock_hides_it_not(machine: Machine) -> None:
    tried = case("look_at_a_deadlock", steps=20_000)
    totals = machine.batch(tried, Strategy.random(1), 300, stop=False, twice=True)
    assert totals.outcomes.keys() == {Outcome.OK, Outcome.DEADLOCK}
    assert totals.first_fail is not None
    assert totals.first_fail_strategy is not None
    assert totals.first_fail.site == "lock:lock_both"  # not the place of the thread that spins

    run = machine.run(tried, totals.first_fail_strategy)
    kinds = {waiter.thread: waiter.kind for waiter in run.waiters}
    assert kinds == {0: "loop", 1: "lock", 2: "lock"}


@pytest.mark.parametrize("model", ["sc", "c11"])
def test_a_store_that_is_no_atomic_one_wakes_a_spinner_too(machine: Machine, model: str) -> None:
    limits = Limits(steps=20_000, model=model, checks=())
    tried = replace(case("look_for_a_plain_store"), limits=limits)
    for strategy in STRATEGIES:
        totals = machine.batch(tried, strategy, 200, stop=False, twice=True)
        assert totals.outcomes == {Outcome.OK if model == "sc" else Outcome.RACE: 200}


@pytest.mark.parametrize("name", ["spin_on_a_lock", "look_for_somebody", "await_raised_flag"])
def test_every_schedule_of_a_spin_loop_can_be_run(machine: Machine, name: str) -> None:
    tried = case(name, "sc", steps=20_000)
    totals = machine.batch(tried, Strategy.exhaustive(preemptions=1), 100_000, stop=False)

    assert totals.exhausted
    assert totals.passed == totals.runs


@pytest.mark.parametrize("name", SLOW)
def test_what_only_takes_long_is_unknown(machine: Machine, name: str) -> None:
    totals = machine.batch(case(name), Strategy.random(1), 20, stop=False, twice=True)

    assert totals.outcomes == {Outcome.STEP_LIMIT: 20}
    assert "500 scheduling points" in machine.run(case(name), Strategy.replay()).verdict.message


def test_a_run_that_a_fair_schedule_ends_is_unknown_all_the_same(machine: Machine) -> None:
    run = machine.run(case("wait_for_somebody", steps=2), Strategy.replay())

    assert (run.verdict.kind, run.verdict.outcome) == ("UNKNOWN", Outcome.STEP_LIMIT)
    assert 2 < run.steps < 30


def test_a_livelock_names_who_goes_round_and_where(machine: Machine, tmp_path: Path) -> None:
    totals = machine.batch(case("barge"), Strategy.pct(1, depth=3), 100)
    assert totals.first_fail_strategy is not None
    run = machine.run(case("barge"), totals.first_fail_strategy, record=True)
    loops = {waiter.thread: waiter for waiter in run.waiters if waiter.kind == "loop"}
    assert set(loops) == {1, 2}
    assert "T2 never gets on" in run.verdict.message

    recorded = replace(case("barge"), schedule=run.deviations)
    lines = replay(recorded, SPEC, bug="").lines(tmp_path / "x.case", width=100)
    assert lines[0].startswith("FAIL starvation stop_it_politely")
    assert "Goes round for ever" in lines
    assert any("T2 goes through stop_it_politely:" in line for line in lines)
    assert any("step limit: each in turn now" in line for line in lines)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("name", "remarks"), TIMED.items())
def test_a_run_that_goes_on_by_a_timer_only_is_remarked(
    machine: Machine, name: str, remarks: set[str], model: str
) -> None:
    totals = machine.batch(case(name, model), Strategy.random(1), 300, stop=False, twice=True)

    assert totals.passed == totals.runs == 300  # a remark is no verdict
    assert totals.remarked.keys() == totals.first_remarked.keys() == remarks
    for remark, strategy in totals.first_remarked.items():
        assert remark in machine.run(case(name, model), strategy).remarks


def test_the_story_says_what_the_timer_hides(machine: Machine, tmp_path: Path) -> None:
    tried = case("timer_hides_a_lost_wakeup")
    first = machine.batch(tried, Strategy.random(1), 300).first_remarked["masked"]
    run = machine.run(tried, first, record=True)
    lines = replay(replace(tried, schedule=run.deviations), SPEC, bug="").lines(
        tmp_path / "x.case", width=160
    )

    assert lines[0].startswith("PASS")
    assert any("a lost wakeup that the timer hides" in line for line in lines[1:4])
    assert "Went on by a timer only (1)" in lines
    waits = "woken by a timer only: T0 waits for its-condition, which holds already"
    assert sum(waits in line for line in lines) == 2  # in the story and in the timeline


def test_time_stands_still_while_anybody_can_run(machine: Machine) -> None:
    for seed in range(100):
        run = machine.run(case("signal_comes_before_the_timer"), Strategy.random(seed))
        assert run.virtual_ns == 0
        assert machine.run(case("sleep_only"), Strategy.random(seed)).virtual_ns >= 500_000
