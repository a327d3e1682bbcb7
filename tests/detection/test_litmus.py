# SPDX-License-Identifier: Apache-2.0
"""Does every memory model show what it allows, and never what it forbids?

Every litmus program is run under every schedule and every choice of the stores that it reads.
What is expected stands in targets/litmus/outcomes.toml, and follows from the axioms of C11.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from drainstorm.build import build
from drainstorm.case import MODELS, Case, Limits, Operation
from drainstorm.machine import Machine, Strategy, Totals
from drainstorm.spec import find_target
from support import litmus_source
from support.c11_axioms import MACHINE, STANDARD

SPEC: Final = find_target(Path(__file__).parents[2] / "targets" / "litmus")
EXPECTED: Final[dict[str, dict[str, Any]]] = tomllib.loads(
    (SPEC.folder / "outcomes.toml").read_text("utf-8")
)
PROGRAMS: Final = litmus_source.programs(SPEC.folder / "src" / "litmus.c")
MISSED: Final = {"c11": {"lb_relaxed", "two_plus_two_w_relaxed"}, "c11-graph": {"lb_relaxed"}}
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


Outcome = tuple[int, ...]
"""Values of a, b, c, d, x, y."""


def shown_by(totals: Totals) -> set[Outcome]:
    """The outcomes of these runs: a decimal digit each, behind a leading 1."""
    return {tuple(map(int, str(value)[1:])) for value in totals.observed}


def is_among(outcome: dict[str, int], seen: set[Outcome]) -> bool:
    """Whether some outcome has these registers and final values."""
    named = [dict(zip(litmus_source.REGISTERS, values, strict=True)) for values in seen]
    return any(outcome.items() <= values.items() for values in named)


def test_every_program_has_an_expectation() -> None:
    assert [operation.name for operation in SPEC.operations] == list(EXPECTED) == list(PROGRAMS)


@pytest.mark.parametrize("name", list(EXPECTED))
def test_what_c11_allows_follows_from_its_axioms(name: str) -> None:
    allowed = is_among(EXPECTED[name]["outcome"], PROGRAMS[name].outcomes(STANDARD))
    assert allowed == EXPECTED[name]["c11"]


def test_only_load_buffering_and_in_hunts_reordered_stores_are_missed() -> None:
    for model, names in MISSED.items():
        missed = {name for name, entry in EXPECTED.items() if model in entry.get("missed", ())}
        assert missed == names
        assert all(EXPECTED[name]["c11"] and EXPECTED[name]["missed"][model] for name in missed)


@pytest.mark.parametrize("name", list(EXPECTED))
def test_an_outcome_is_seen_exactly_when_the_model_allows_it(machine: Machine, name: str) -> None:
    shown: dict[str, set[Outcome]] = {}
    entry = EXPECTED[name]

    for model in MODELS:
        totals = all_runs(machine, name, model)
        assert totals.exhausted
        assert totals.passed == totals.runs == sum(totals.observed.values())
        shown[model] = shown_by(totals)
        allowed = entry.get("c11" if model == "c11-graph" else model, False)
        seen = is_among(entry["outcome"], shown[model])
        assert seen == (allowed and model not in entry.get("missed", ())), model
    assert shown["c11-graph"] == PROGRAMS[name].outcomes(MACHINE)
    assert shown["sc"] <= shown["c11"] <= shown["c11-graph"]  # the weaker one shows more
    assert shown["sc"] <= shown["tso"] <= shown["c11-graph"]
