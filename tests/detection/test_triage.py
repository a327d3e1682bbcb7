# SPDX-License-Identifier: Apache-2.0
"""Is each data race told to be of consequence, with a case that shows it, or to be formal?"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner, Result

from drainstorm import text
from drainstorm.build import build
from drainstorm.case import Case, Expect, Operation, Place
from drainstorm.cli import main
from drainstorm.errors import UsageError
from drainstorm.findings import triage_case
from drainstorm.machine import Machine, Strategy
from drainstorm.spec import find_target
from drainstorm.store import load_record
from drainstorm.triage import triage

SPEC: Final = find_target(Path(__file__).parents[1] / "native" / "relaxed")
RACES: Final = {
    "receive|send": ("plain_message", "FAIL assert receive:data == 42"),
    "count|count": ("lost_update", "FAIL assert lost_update:counter == 2"),
    "change_both|copy_both": ("torn_copy", "FAIL assert copy_both:look->one == look->other"),
    "leave|leave": ("freed_too_early", "FAIL leak"),
    "blink_left|look_left": ("two_blinks", "FAIL assert look:!one || !other"),
    "blink_right|look_right": ("two_blinks", "FAIL assert look:!one || !other"),
    "hit|hit": ("statistics", ""),
    "visit|visit_too": ("last_visitor", ""),
}


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with Machine(build(SPEC)) as machine:
        yield machine


def racy(*names: str, site: str) -> Case:
    program = tuple(Operation(0, SPEC.operation_code(name)) for name in names)
    return Case("relaxed", program, limits=SEQUENTIAL, expect=Expect("FAIL", "race", site))


SEQUENTIAL: Final = text.parse(
    "case v1\ntarget relaxed\nlimits\n  model sc\nprogram\n", SPEC, path="x.case"
).limits


@pytest.mark.parametrize(("site", "what"), RACES.items(), ids=RACES)
def test_a_race_is_told_by_what_fails_when_it_is_relaxed(
    machine: Machine, site: str, what: tuple[str, str]
) -> None:
    name, consequence = what
    found = triage_case(machine, racy(name, site=site), spec=SPEC)
    assert found is not None

    assert (str(found.verdict) if found.verdict else "") == consequence
    assert not found.still_racy
    assert not found.fails_anyway
    if found.case is None:
        assert str(found).startswith("formal only within this bound: 2,200 schedules of 1 program")
        return
    assert set(found.case.relaxed) == set(found.places)
    assert found.case.limits.model == "c11"
    assert len(found.case.program) == 1
    assert len(found.case.schedule) <= 3
    run = machine.run(found.case, Strategy.replay())
    assert run.verdict.signature == found.verdict.signature if found.verdict else False
    stored = text.parse(text.render(found.case, SPEC), SPEC, path="x.case")
    assert machine.run(stored, Strategy.replay()).verdict == run.verdict


def test_what_another_race_leads_to_is_not_laid_at_the_door_of_this_one(machine: Machine) -> None:
    names = ("statistics", "plain_message", "lost_update")
    found = triage_case(machine, racy(*names, site="hit|hit"), spec=SPEC)
    assert found is not None
    assert found.verdict is None
    assert {str(signature) for signature in found.fails_anyway} <= {
        RACES["receive|send"][1], RACES["count|count"][1]
    }  # fmt: skip
    assert {place.file for place in found.places} == {"src/races.c"}
    assert len(found.places) == 1


def test_a_race_that_relaxing_does_not_end_is_said_to_be_one_still() -> None:
    memory = find_target(Path(__file__).parents[1] / "native" / "memory")
    program = (Operation(0, memory.operation_code("race_large_copy")),)
    with Machine(build(memory)) as machine:
        found = triage_case(machine, Case("memory", program), spec=memory, runs=100)
    assert found is not None
    assert found.still_racy == ("copy_large|write_into_large large+160 (atomic)",)
    assert "still a race" in str(found)


def test_nothing_to_triage_is_a_mistake(machine: Machine) -> None:
    with pytest.raises(UsageError, match="nothing to triage"):
        triage(machine, [], [])


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def test_a_hunt_stores_the_consequence_beside_the_race(tmp_path: Path) -> None:
    hunted = run("hunt", "--target", SPEC.folder, "--seconds", 2, "--workers", 1,
                 "--state-dir", tmp_path)  # fmt: skip
    assert hunted.exit_code == 1
    records = [load_record(path) for path in tmp_path.glob("findings/*/*/finding.json")]
    assert records
    consequences = set()
    for record in records:
        folder = tmp_path / "findings" / "relaxed" / record.bucket
        _, consequence = RACES.get(record.site, ("", ""))
        if record.site in RACES and not consequence:
            assert record.triage.startswith("formal only within this bound")
        assert record.triage in hunted.stdout
        assert record.triage in run("replay", folder / "min.case", "--target", SPEC.folder).stdout
        is_consequential = record.triage.startswith("consequential: ")
        assert (folder / "consequence.case").exists() == is_consequential
        if is_consequential:
            assert "See consequence.case" in (folder / "min.case").read_text("utf-8")
            shown = run("replay", folder / "consequence.case", "--target", SPEC.folder)
            assert shown.exit_code == 0
            assert "relaxed atomic: src/" in shown.stdout
            consequences.add(record.site)
    assert consequences


def test_a_stored_race_is_triaged_by_hand(tmp_path: Path) -> None:
    for site, code in (("receive|send", 1), ("hit|hit", 0)):
        name, consequence = RACES[site]
        path = tmp_path / f"{name}.case"
        text.save(path, racy(name, site=site), SPEC)
        done = run("triage", path, "--target", SPEC.folder, "--runs", 3300)
        assert done.exit_code == code, done.output
        assert (consequence or "3,300 schedules") in done.stdout
        assert (tmp_path / f"{name}.consequence.case").exists() == bool(code)


def test_a_case_without_a_race_or_with_a_strange_place_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.case"
    text.save(path, racy("message", site="a|b"), SPEC)
    done = run("triage", path, "--target", SPEC.folder)
    assert done.exit_code == 2
    assert "shows no data race" in done.stderr

    strange = Case("relaxed", (Operation(0, 1),), relaxed=(Place("src/races.c", 1),))
    text.save(path, strange, SPEC)
    for command in ("triage", "replay", "shrink"):
        done = run(command, path, "--target", SPEC.folder)
        assert done.exit_code == 2
        assert "no plain access at src/races.c:1" in done.stderr


def test_a_target_may_say_that_its_volatile_accesses_are_atomic(tmp_path: Path) -> None:
    folder = tmp_path / "relaxed"
    shutil.copytree(SPEC.folder, folder)
    described = (folder / "target.toml").read_text("utf-8")
    checks = '[limits]\nchecks = ["access", "leak", "volatile"]'
    (folder / "target.toml").write_text(described.replace("[limits]", checks))

    done = run("hunt", "--target", folder, "--seconds", 1, "--workers", 1,
               "--state-dir", tmp_path)  # fmt: skip
    sites = {load_record(path).site for path in tmp_path.glob("findings/*/*/finding.json")}
    assert done.exit_code == 1
    assert sites
    assert sites.isdisjoint({"fetch|post", "ask_to_stop|work_until_told", "blink_left|look_left"})
    for path in tmp_path.glob("findings/*/*/min.case"):
        assert "checks access leak volatile" in path.read_text("utf-8")
