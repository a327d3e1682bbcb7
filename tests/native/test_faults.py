# SPDX-License-Identifier: Apache-2.0
"""Is each fault found by a program that forgets it, by no other, and never unasked?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final, get_args

import pytest
from click.testing import CliRunner

from drainstorm import story
from drainstorm.build import build
from drainstorm.case import FAULTS, FAULTS_MOST, KINDS, MODELS, Case, Deviation, Limits, Operation
from drainstorm.cli import main
from drainstorm.machine import Machine, Run, Strategy
from drainstorm.replay import replay
from drainstorm.spec import Fault, find_target
from drainstorm.verdict import Outcome

SPEC: Final = find_target(Path(__file__).parent / "faults")
STRATEGIES: Final = (
    Strategy.random(1), Strategy.pct(1, depth=3), Strategy.pos(1), Strategy.surw(1),
)  # fmt: skip
FORGOTTEN: Final = {
    "the_wakeup": ("wakeup", Outcome.ASSERT),
    "malloc": ("memory", Outcome.SEGV),
    "calloc": ("memory", Outcome.SEGV),
    "realloc": ("memory", Outcome.LEAK),
    "aligned_alloc": ("memory", Outcome.SEGV),
    "posix_memalign": ("memory", Outcome.SEGV),
    "strdup": ("memory", Outcome.SEGV),
    "mmap": ("memory", Outcome.SEGV),
    "create": ("thread", Outcome.LOCK_MISUSE),
    "read": ("short", Outcome.ASSERT),
    "write": ("short", Outcome.DEADLOCK),
    "nanosleep": ("interrupt", Outcome.ASSERT),
    "poll": ("interrupt", Outcome.ASSERT),
    "blocking_read": ("interrupt", Outcome.ASSERT),
    "the_timeout": ("timer", Outcome.ASSERT),
    "timer_order": ("timer", Outcome.ASSERT),
    "the_clock": ("timer", Outcome.ASSERT),
}
"""By what is trusted: the fault that shows it, and what happens then."""


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with Machine(build(SPEC)) as machine:
        yield machine


def case(name: str, faults: tuple[str, ...], model: str = "c11") -> Case:
    program = (Operation(0, SPEC.operation_code(name)),)
    return Case("faults", program, limits=Limits(model=model, faults=faults))


def failing(machine: Machine, name: str, fault: str) -> tuple[Case, Run]:
    """A failing run of a program that forgets something, as its deviations."""
    tried = case(f"trust_{name}", (fault,))
    totals = machine.batch(tried, Strategy.random(1), 1000)
    assert totals.first_fail_strategy is not None
    run = machine.run(tried, totals.first_fail_strategy, record=True)
    return replace(tried, schedule=run.deviations), run


def test_every_scenario_has_an_expectation() -> None:
    names = [operation.name for operation in SPEC.operations]
    assert names == [f"{how}_{name}" for name in FORGOTTEN for how in ("trust", "check")]
    assert {fault for fault, _ in FORGOTTEN.values()} == set(FAULTS)
    assert get_args(Fault) == FAULTS


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: s.kind)
@pytest.mark.parametrize("name", FORGOTTEN)
def test_what_a_program_forgets_is_found(machine: Machine, name: str, strategy: Strategy) -> None:
    fault, outcome = FORGOTTEN[name]
    totals = machine.batch(case(f"trust_{name}", (fault,)), strategy, 300, stop=False, twice=True)

    assert totals.first_fail is not None
    assert totals.first_fail.outcome is outcome
    assert totals.outcomes.keys() == {Outcome.OK, outcome}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", FORGOTTEN)
def test_what_is_not_switched_on_does_not_happen(machine: Machine, name: str, model: str) -> None:
    totals = machine.batch(case(f"trust_{name}", (), model), Strategy.random(1), 300, twice=True)
    assert totals.passed == totals.runs == 300


@pytest.mark.parametrize("name", ["malloc", "the_clock", "realloc", "read"])
def test_another_fault_is_not_this_one(machine: Machine, name: str) -> None:
    others = tuple(fault for fault in FAULTS if fault != FORGOTTEN[name][0])
    totals = machine.batch(case(f"trust_{name}", others), Strategy.random(1), 300, twice=True)
    assert totals.passed == totals.runs == 300


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: s.kind)
@pytest.mark.parametrize("name", FORGOTTEN)
def test_a_program_that_forgets_nothing_passes(
    machine: Machine, name: str, strategy: Strategy
) -> None:
    fault, _ = FORGOTTEN[name]
    totals = machine.batch(case(f"check_{name}", (fault,)), strategy, 1000, twice=True)

    assert totals.first_fail is None
    assert totals.passed == totals.runs == 1000


@pytest.mark.parametrize("name", FORGOTTEN)
def test_one_deviation_is_enough_and_its_story_names_the_fault(machine: Machine, name: str) -> None:
    fault, outcome = FORGOTTEN[name]
    recorded, run = failing(machine, name, fault)
    assert machine.run(recorded, Strategy.replay()).verdict == run.verdict
    kind = KINDS.index(fault)
    of_kind = [d for d in recorded.schedule if d.kind == kind]
    assert 1 <= len(of_kind) <= FAULTS_MOST

    run = machine.run(recorded, Strategy.replay(), trace=True)
    told = "\n".join(story.tell(run, recorded.schedule, spec=SPEC, places={}))
    assert run.verdict.outcome is outcome
    assert f"Faults that the schedule chose ({len(of_kind)})" in told


def test_a_replay_says_where_the_fault_was(machine: Machine, tmp_path: Path) -> None:
    del machine
    failing_case = replace(
        case("trust_malloc", ("memory",)), schedule=(Deviation(KINDS.index("memory"), 0, 0, 1),)
    )
    lines = replay(failing_case, SPEC, bug="").lines(tmp_path / "x.case", width=120)
    text = "\n".join(lines)

    assert lines[0].startswith("FAIL segv use_and_free")
    assert "  T0: malloc fails at trust_malloc:" in text
    assert "malloc fails (a fault that the schedule chose)" in text


def test_the_command_line_switches_faults_on_and_off(tmp_path: Path) -> None:
    state = str(tmp_path / "state")
    target = str(SPEC.folder)
    hunt = ["hunt", "--target", target, "--seconds", "1", "--workers", "1", "--state-dir", state]
    found = CliRunner().invoke(main, [*hunt, "--faults", "thread", "--strategy", "pct"])
    assert found.exit_code == 1
    assert "FAIL lock-misuse" in found.stdout

    stored = sorted((tmp_path / "state").glob("findings/faults/*/min.case"))
    kept = next(path for path in stored if "lock-misuse" in path.read_text())
    assert "  faults thread\n" in kept.read_text()
    assert CliRunner().invoke(main, ["replay", str(kept), "--target", target]).exit_code == 0
    off = CliRunner().invoke(main, ["replay", str(kept), "--target", target, "--faults", "none"])
    assert off.exit_code == 1
    assert "PASS  (EXPECTED FAIL lock-misuse" in off.stdout


def test_every_combination_of_faults_is_tried_exhaustively(machine: Machine) -> None:
    sound = case("check_realloc", ("memory",))
    totals = machine.batch(sound, Strategy.exhaustive(), 100, stop=False)
    assert (totals.passed, totals.runs, totals.exhausted) == (3, 3, True)  # -, first, second

    wrong = case("trust_realloc", ("memory",))
    totals = machine.batch(wrong, Strategy.exhaustive(), 100, stop=False)
    assert totals.outcomes == {Outcome.OK: 2, Outcome.LEAK: 1}


def test_retrying_for_ever_ends_since_faults_are_bounded(machine: Machine) -> None:
    sleeping = case("check_nanosleep", ("interrupt",))
    totals = machine.batch(sleeping, Strategy.exhaustive(), 100, stop=False)
    assert (totals.passed, totals.runs, totals.exhausted) == (
        FAULTS_MOST + 1,
        FAULTS_MOST + 1,
        True,
    )
