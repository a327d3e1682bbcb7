# SPDX-License-Identifier: Apache-2.0
"""Does every memory model show what it allows, and never what it forbids?

Every litmus program is run under every schedule and every choice of the stores that it reads.
What is expected stands in targets/litmus/outcomes.toml.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from drainstorm.build import build
from drainstorm.case import Case, Limits, Operation
from drainstorm.machine import Machine, Strategy, Totals
from drainstorm.spec import find_target

SPEC: Final = find_target(Path(__file__).parents[2] / "targets" / "litmus")
EXPECTED: Final[dict[str, dict[str, Any]]] = tomllib.loads(
    (SPEC.folder / "outcomes.toml").read_text("utf-8")
)
SHOWN_BY_NO_MACHINE: Final = {"lb_relaxed", "two_plus_two_w_relaxed"}
RUNS_MAX: Final = 4_000_000
BOUNDED: Final = {("iriw_fences", "tso"): 4}
"""Preemptions: all 6,213,900 schedules of this one take eight seconds and show the same."""


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with Machine(build(SPEC)) as machine:
        yield machine


def all_runs(machine: Machine, name: str, model: str) -> Totals:
    program = (Operation(0, SPEC.operation_code(name)),)
    case = Case("litmus", program, limits=Limits(model=model))
    strategy = Strategy.exhaustive(preemptions=BOUNDED.get((name, model), -1))
    return machine.batch(case, strategy, RUNS_MAX, stop=False)


def showing(totals: Totals, outcome: dict[str, int]) -> int:
    """Runs in which the registers and final values were these."""
    digits = {
        value: dict(zip("abcdxy", map(int, str(value)[1:]), strict=True))
        for value in totals.observed
    }
    return sum(
        runs
        for value, runs in totals.observed.items()
        if all(digits[value][name] == wanted for name, wanted in outcome.items())
    )


def test_every_program_has_an_expectation() -> None:
    assert [operation.name for operation in SPEC.operations] == list(EXPECTED)


def test_only_load_buffering_and_reordered_stores_are_missed() -> None:
    missed = {name for name, entry in EXPECTED.items() if "c11_missed" in entry}
    assert missed == SHOWN_BY_NO_MACHINE
    assert all(EXPECTED[name]["c11"] and EXPECTED[name]["c11_missed"] for name in missed)


@pytest.mark.parametrize("model", ["sc", "c11", "tso"])
@pytest.mark.parametrize("name", list(EXPECTED))
def test_an_outcome_is_seen_exactly_when_the_model_allows_it(
    machine: Machine, name: str, model: str
) -> None:
    totals = all_runs(machine, name, model)

    assert totals.exhausted
    assert totals.passed == totals.runs == sum(totals.observed.values())
    allowed = EXPECTED[name].get(model, False) and f"{model}_missed" not in EXPECTED[name]
    assert (showing(totals, EXPECTED[name]["outcome"]) > 0) == allowed


@pytest.mark.parametrize("name", list(EXPECTED))
def test_what_a_stronger_model_shows_the_weaker_one_shows_too(machine: Machine, name: str) -> None:
    by_sc, by_c11 = (all_runs(machine, name, model) for model in ("sc", "c11"))
    assert by_sc.observed.keys() <= by_c11.observed.keys()
