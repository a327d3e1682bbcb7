# SPDX-License-Identifier: Apache-2.0
"""Is a stored finding complete, found again, and never half-written?"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from drainstorm import text
from drainstorm.case import Case, Operation
from drainstorm.errors import StoreError
from drainstorm.findings import Failure, Finding, own_command, replay_command, secure
from drainstorm.result import Strategy
from drainstorm.spec import TargetSpec
from drainstorm.store import FOUND_NAME, MINIMAL_NAME, RECORD_NAME, Store, load_record
from drainstorm.verdict import Outcome, Signature, Verdict
from support.fakes import FakeRunner

WANTED = Signature(Outcome.RULE, "R1", "sum")
PROGRAM = (Operation(0, 1, 1), Operation(1, 2, 3), Operation(1, 2, 4))


def fails(case: Case) -> Signature | None:
    return WANTED if any(op.code == 2 for op in case.program) and case.schedule else None


def failure(program: tuple[Operation, ...] = PROGRAM) -> Failure:
    verdict = Verdict("FAIL", Outcome.RULE, "R1", "sum", "1 instead of 2")
    return Failure(Case("tally", program), verdict, Strategy.random(5), schedules=12)


def secured(spec: TargetSpec, root: Path, *, build: str = "b1") -> Finding:
    return secure(
        FakeRunner(fails), failure(), spec=spec, store=Store(root), bug="", build=build, seconds=0.5
    )


def test_a_finding_has_both_cases_and_its_record(tally: TargetSpec, tmp_path: Path) -> None:
    finding = secured(tally, tmp_path)
    folder = finding.path.parent
    assert folder == tmp_path / "findings" / "tally" / WANTED.bucket
    assert sorted(p.name for p in folder.iterdir()) == [RECORD_NAME, FOUND_NAME, MINIMAL_NAME]
    record = load_record(folder / RECORD_NAME)
    assert (record.signature, record.message) == ("FAIL R1 sum", "1 instead of 2")
    assert (record.schedules, record.seconds, record.reproduced) == (12, 0.5, True)
    assert (record.operations, record.deviations) == (1, 1)
    assert text.load(finding.path, tally) == finding.case
    assert text.load(folder / FOUND_NAME, tally).program == PROGRAM


def test_nothing_temporary_is_left(tally: TargetSpec, tmp_path: Path) -> None:
    secured(tally, tmp_path)
    secured(tally, tmp_path, build="b2")
    assert not list(tmp_path.rglob(".*"))


def test_a_smaller_case_of_the_same_build_stays(tally: TargetSpec, tmp_path: Path) -> None:
    finding = secured(tally, tmp_path)
    store, record = Store(tmp_path), load_record(finding.path.parent / RECORD_NAME)
    larger = dataclasses.replace(finding.case, program=PROGRAM)
    store.save(record, larger, larger, spec=tally, signature=WANTED)
    assert text.load(finding.path, tally) == finding.case


def test_another_build_replaces_what_is_there(tally: TargetSpec, tmp_path: Path) -> None:
    path = secured(tally, tmp_path).path
    secured(tally, tmp_path, build="b2")
    assert load_record(path.parent / RECORD_NAME).build == "b2"


def test_a_damaged_finding_is_replaced(tally: TargetSpec, tmp_path: Path) -> None:
    path = secured(tally, tmp_path).path
    path.write_bytes(b"\0damaged")
    secured(tally, tmp_path)
    assert text.load(path, tally).expect == WANTED.expect()


def test_a_failure_that_does_not_repeat_is_kept_and_said(tally: TargetSpec, tmp_path: Path) -> None:
    never = FakeRunner(lambda case: None)
    finding = secure(
        never, failure(), spec=tally, store=Store(tmp_path), bug="", build="b", seconds=0.0
    )
    assert not finding.reproduced
    assert "did NOT repeat" in "\n".join(finding.lines())


def test_an_unwritable_place_is_a_clear_error(tally: TargetSpec, tmp_path: Path) -> None:
    (tmp_path / "findings").write_text("a file where a folder should be")
    with pytest.raises(StoreError, match="--state-dir"):
        secured(tally, tmp_path)
    assert not list(tmp_path.rglob(".*"))


def test_the_replay_line_names_a_target_that_its_name_does_not_find(
    tally: TargetSpec, blocklayer: TargetSpec
) -> None:
    path = Path("a b.case")
    assert replay_command(path, blocklayer) == f"{own_command()} replay 'a b.case'"
    assert replay_command(path, tally).endswith(f"--target {tally.folder}")
