# SPDX-License-Identifier: Apache-2.0
"""Are stored cases still what they were? One test per file and question, safe side by side.

A seed passes as shipped. A regression fails with its planted bug, at the rule and site that it
names, and passes as shipped: a rule that has gone blind and a repair that came undone both show.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from drainstorm import binary, text
from drainstorm.build import build
from drainstorm.case import Case, Expect
from drainstorm.machine import Machine
from drainstorm.result import Run, Strategy
from drainstorm.spec import TargetSpec, find_target

CORPUS = Path(__file__).parents[2] / "corpus"
TARGETS = CORPUS.parent / "targets"
SEEDS = sorted(CORPUS.glob("seeds/**/*.case"))
REGRESSIONS = sorted(CORPUS.glob("regressions/**/*.case"))
STORY_LINES_MOST = 4


def name(path: Path) -> str:
    return path.relative_to(CORPUS).as_posix()


every_file = pytest.mark.parametrize("path", [*SEEDS, *REGRESSIONS], ids=name)
every_seed = pytest.mark.parametrize("path", SEEDS, ids=name)
every_regression = pytest.mark.parametrize("path", REGRESSIONS, ids=name)


def load(path: Path) -> tuple[Case, TargetSpec]:
    """A case and the target whose folder's name it lies under."""
    spec = find_target(TARGETS / path.parent.name)
    return text.load(path, spec), spec


def test_there_are_ten_seeds_and_nothing_lies_beside_the_cases() -> None:
    assert len(SEEDS) >= 10
    stored = [p for kind in ("seeds", "regressions") for p in (CORPUS / kind).rglob("*")]
    assert sorted(p for p in stored if p.is_file()) == sorted(SEEDS + REGRESSIONS)


@every_file
def test_its_text_is_canonical_and_tells_a_story(path: Path) -> None:
    case, spec = load(path)
    assert text.render(case, spec) == path.read_text()
    assert 1 <= len(case.story) <= STORY_LINES_MOST
    assert case.expect is not None


@every_file
def test_it_survives_the_byte_form(path: Path) -> None:
    case, spec = load(path)
    assert binary.decode(binary.encode(case, spec), spec) == case


def without_counts(run: Run) -> Run:
    """Races without the number of runs that a machine has seen them in."""
    races = tuple(dataclasses.replace(race, count=0) for race in run.races)
    return dataclasses.replace(run, races=races)


@every_file
def test_its_trace_is_the_same_in_another_machine_and_another_time(path: Path) -> None:
    case, spec = load(path)
    built = build(spec, bug=case.bug or None)
    with Machine(built) as one, Machine(built) as two:
        first = without_counts(one.run(case, Strategy.replay(), hashes=True))
        two.run(Case(case.target, ()), Strategy.replay())  # a machine that has a past
        assert without_counts(two.run(case, Strategy.replay(), hashes=True)) == first
        assert without_counts(one.run(case, Strategy.replay(), hashes=True)) == first
    assert first.trace_hash


@every_seed
def test_a_seed_passes_as_shipped_without_a_skipped_operation(path: Path) -> None:
    case, spec = load(path)
    assert case.expect == Expect("PASS")
    assert not case.schedule, "a seed is a program: the hunt brings the schedules"
    with Machine(build(spec)) as machine:
        run = machine.run(case, Strategy.replay())
    assert str(run.verdict) == "PASS"
    assert run.ops_skipped == 0
    assert run.ops_done == len(case.program)


@every_regression
def test_a_regression_gets_its_verdict(path: Path) -> None:
    case, spec = load(path)
    assert case.expect is not None
    with Machine(build(spec, bug=case.bug or None)) as machine:
        run = machine.run(case, Strategy.replay())
    assert str(run.verdict) == str(case.expect), run.verdict.message
    assert run.ops_skipped == 0


@every_regression
def test_a_regression_passes_as_shipped(path: Path) -> None:
    case, spec = load(path)
    with Machine(build(spec)) as machine:
        run = machine.run(case, Strategy.replay())
    assert str(run.verdict) == "PASS", run.verdict.message
