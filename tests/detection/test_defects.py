# SPDX-License-Identifier: Apache-2.0
"""Does every known defect get exactly its verdict, and its corrected twin none?

`targets/defects/defects.toml` says what each must give.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from drainstorm.bench.defects_data import TWIN, case_of, load_defects
from drainstorm.build import build
from drainstorm.case import MODELS, Case
from drainstorm.machine import Machine, Strategy
from drainstorm.spec import find_target
from drainstorm.strategies import PORTFOLIO
from drainstorm.verdict import Outcome

TARGET = find_target(Path(__file__).parents[2] / "targets" / "defects")
DEFECTS = load_defects(TARGET)
SCHEDULES = 3000
DEAR = {Outcome.HANG: 1, Outcome.LIVELOCK: 5, Outcome.STARVATION: 5}
"""Schedules of those whose every run reaches a bound: 300 ms and a millisecond each."""
HIDDEN = [(name, model) for name, defect in DEFECTS.items() for model in defect.hidden_under]
SEEN = [(name, model) for name in DEFECTS for model in MODELS if (name, model) not in HIDDEN]
TWIN_SCHEDULES = 300
STRATEGIES = (
    Strategy.random(1), Strategy.sticky_random(1, sticky=32), Strategy.pct(1, depth=3),
    Strategy.surw(1),
)  # fmt: skip


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with Machine(build(TARGET)) as machine:
        yield machine


def case(program: str, model: str = "c11") -> Case:
    """A defect or its twin, with what may go wrong in both."""
    faults = DEFECTS[program.removesuffix(TWIN)].faults
    return case_of(TARGET, program, model, faults=faults)


@pytest.mark.parametrize(("name", "model"), SEEN)
def test_a_defect_gets_its_verdict_and_no_other(machine: Machine, name: str, model: str) -> None:
    defect = DEFECTS[name]
    count = DEAR.get(defect.expected, SCHEDULES)

    totals = machine.batch(case(name, model), Strategy.random(1), count, stop=False)

    assert defect.is_shown_by(totals), totals.outcomes
    assert not defect.wrong(totals)
    assert (totals.passed == 0) == (defect.needs == "nothing")


@pytest.mark.parametrize(("name", "model"), HIDDEN)
def test_a_model_without_late_stores_does_not_show_what_needs_them(
    machine: Machine, name: str, model: str
) -> None:
    totals = machine.batch(case(name, model), Strategy.random(1), SCHEDULES, stop=False)

    assert DEFECTS[name].needs == "store"
    assert totals.passed == totals.runs == SCHEDULES


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", DEFECTS)
def test_a_corrected_twin_passes(machine: Machine, name: str, model: str) -> None:
    for strategy in STRATEGIES:
        totals = machine.batch(case(name + TWIN, model), strategy, TWIN_SCHEDULES, stop=False)
        assert totals.first_fail is None, (strategy, totals.first_fail)
        assert totals.passed == totals.runs == TWIN_SCHEDULES


def test_threads_that_wait_by_yielding_end_under_every_strategy(machine: Machine) -> None:
    """A yield that drew a low number once starved its thread in one of 1500 runs of SURW."""
    twin = case("slot_reused_without_acquire" + TWIN)

    for strategy in PORTFOLIO:
        totals = machine.batch(twin, strategy.with_seed(1), 10_000, stop=False)
        assert totals.passed == totals.runs, (strategy, totals.outcomes)
        assert totals.steps < 400 * totals.runs, strategy  # rff waits 300 for what does not come


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("mapping_of_a_file", "mmap of anything but anonymous memory"),
        ("writing_to_a_standard_stream", "write of descriptor 2"),
        ("closing_every_descriptor", "close of descriptor 99"),
    ],
)
def test_what_the_machine_does_not_simulate_is_named(
    machine: Machine, name: str, call: str
) -> None:
    verdict = machine.run(case(name), Strategy.replay()).verdict

    assert verdict.kind == "UNKNOWN"
    assert verdict.message == f"not simulated: {call}"


def test_every_verdict_of_the_machine_itself_has_a_defect() -> None:
    limits = {Outcome.STEP_LIMIT, Outcome.THREAD_LIMIT, Outcome.MEMORY_LIMIT}
    of_a_case = {Outcome.OK, Outcome.RULE, *limits}
    shown = Counter(defect.expected for defect in DEFECTS.values())

    assert set(Outcome) - of_a_case == set(shown)
    assert sum(shown.values()) >= 40


def test_only_a_late_store_depends_on_the_memory_model() -> None:
    for name, defect in DEFECTS.items():
        assert (defect.needs == "store") == ("sc" in defect.hidden_under), name
        assert set(defect.hidden_under) <= {"sc", "tso"}, name


def test_what_needs_a_fault_passes_without_it(machine: Machine) -> None:
    for name, defect in DEFECTS.items():
        assert (defect.needs == "fault") == bool(defect.faults), name
        if defect.faults:
            totals = machine.batch(case_of(TARGET, name), Strategy.random(1), SCHEDULES)
            assert totals.passed == totals.runs == SCHEDULES, name


def test_what_is_said_of_a_defect_is_one_line_of_its_own() -> None:
    sentences = [defect.defect for defect in DEFECTS.values()]

    assert len(set(sentences)) == len(sentences)
    assert all(0 < len(sentence) <= 90 for sentence in sentences)
