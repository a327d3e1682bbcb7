# SPDX-License-Identifier: Apache-2.0
"""Are the programs of the literature found, and their repaired twins left alone?

`targets/classics/expected.toml` says what each must give and within how many schedules.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from drainstorm import text
from drainstorm.bench.classics import case_of
from drainstorm.bench.classics_data import load_expected, load_published
from drainstorm.bench.scores import STRATEGIES, Score
from drainstorm.build import build
from drainstorm.case import Expect
from drainstorm.machine import Machine
from drainstorm.result import Strategy
from drainstorm.spec import find_target

TARGET = find_target(Path(__file__).parents[2] / "targets" / "classics")
PROGRAMS = load_expected(TARGET)
MODELS = ("sc", "tso", "c11")
SEED = 2026

QUESTIONS = [(name, model) for name in PROGRAMS for model in MODELS]
BUGGY = [q for q in QUESTIONS if PROGRAMS[q[0]].under(q[1]).verdict == "FAIL"]
CLEAN = [q for q in QUESTIONS if PROGRAMS[q[0]].under(q[1]).verdict == "PASS"]
SEARCHED = [(name, model) for name, model in BUGGY if not PROGRAMS[name].case]
STORED = [name for name, program in PROGRAMS.items() if program.case]


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with Machine(build(TARGET)) as machine:
        yield machine


@pytest.mark.parametrize(("name", "model"), SEARCHED)
def test_its_bug_is_found_within_the_schedules_that_it_says(
    machine: Machine, name: str, model: str
) -> None:
    program = PROGRAMS[name]
    strategy = STRATEGIES[program.strategy].with_seed(SEED)

    totals = machine.batch(case_of(TARGET, name, model), strategy, program.schedules)

    assert totals.first_fail is not None, f"nothing in {totals.runs} schedules"
    assert totals.first_fail.matches(program.under(model)), totals.first_fail.message


@pytest.mark.parametrize(("name", "model"), CLEAN)
@pytest.mark.parametrize("strategy", ["random", "sticky 1/8", "pct 3", "surw"])
def test_a_program_without_a_bug_passes(
    machine: Machine, name: str, model: str, strategy: str
) -> None:
    schedules = PROGRAMS[name].schedules

    totals = machine.batch(
        case_of(TARGET, name, model), STRATEGIES[strategy].with_seed(SEED), schedules
    )

    assert totals.first_fail is None, totals.first_fail
    assert totals.passed == totals.runs == schedules
    assert totals.choices > schedules, "no choice: nothing was tested"


@pytest.mark.parametrize("name", STORED)
def test_a_stored_schedule_shows_the_bug_that_is_too_rare_for_a_test(
    machine: Machine, name: str
) -> None:
    path = TARGET.folder / PROGRAMS[name].case
    case = text.load(path, TARGET)
    assert case.expect is not None

    run = machine.run(case, Strategy.replay(), record=True)

    assert str(run.verdict) == str(case.expect)
    assert run.verdict.matches(PROGRAMS[name].under(case.limits.model))
    assert text.render(case, TARGET) == path.read_text()
    quiet = machine.run(replace(case, schedule=()), Strategy.replay())
    assert quiet.verdict.kind == "PASS", "the schedule decides, not the program alone"


def test_safe_stack_needs_each_of_five_switches_or_more(
    machine: Machine,
) -> None:
    case = text.load(TARGET.folder / PROGRAMS["safe_stack"].case, TARGET)

    assert len(case.schedule) >= 5
    for left_out in case.schedule:
        fewer = tuple(deviation for deviation in case.schedule if deviation != left_out)
        run = machine.run(replace(case, schedule=fewer), Strategy.replay())
        assert run.verdict.kind == "PASS", left_out


def test_every_repair_stands_beside_its_bug() -> None:
    repaired = {name.removesuffix("_fixed") for name in PROGRAMS if name.endswith("_fixed")}

    assert all(PROGRAMS[name].under("sc").verdict == "FAIL" for name in repaired)
    wanted = {"account", "circular_buffer", "deadlock01", "reorder_3", "stack", "twostage"}
    assert wanted | {"wronglock"} <= repaired


def test_only_the_missing_fence_needs_a_memory_model() -> None:
    changed = {
        name
        for name, program in PROGRAMS.items()
        if {program.under(model) for model in MODELS} != {program.under("sc")}
    }

    assert changed == {"interlocked_work_steal_queue_unfenced"}


def test_every_published_number_belongs_to_a_program_with_a_bug() -> None:
    for name, published in load_published(TARGET).items():
        assert PROGRAMS[name].under("sc").verdict == "FAIL", name
        assert 1 <= published.best <= (published.next or published.best), name


def test_more_than_a_hundred_threads_run_in_the_largest_programs(machine: Machine) -> None:
    for name in ("reorder_100", "twostage_100"):
        run = machine.run(case_of(TARGET, name, "c11"), STRATEGIES["surw"].with_seed(SEED))
        assert run.threads == 101


def test_a_search_in_vain_counts_for_the_mean_of_the_others() -> None:
    assert Score(seeds=2, found=1, schedules=10_000 + 20).mean == 10_020
    assert Score(seeds=2, found=0, schedules=20_000).mean is None


def test_expectations_name_a_strategy_and_a_verdict_that_exist() -> None:
    for name, program in PROGRAMS.items():
        fails = {m for m in MODELS if program.under(m) != Expect("PASS")}
        assert bool(program.strategy) == bool(fails), name
        assert not program.strategy or program.strategy in STRATEGIES, name
