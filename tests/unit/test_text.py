# SPDX-License-Identifier: Apache-2.0
"""The text form: it looks like the documentation says, and a mistake is named with its line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from drainstorm import text
from drainstorm.case import Case, Deviation, Expect, Limits, Operation, Place
from drainstorm.errors import CaseError, StoreError
from drainstorm.spec import TargetSpec

CASE = """\
case v1
target blocklayer
# A reader moves away
#
# and its context goes.
limits
  steps 500
  threads 4
program
  main  create_context
  main  start co1 ctx1  # the reader # first
  co1   rdlock
  main  sleep 5         # virtual microseconds
schedule
  run T1 @12 -> T0
  signal T0 @3 -> 1
expect FAIL R3 orphans-lost
bug lost-orphans
"""


def test_a_case_reads_as_it_is_written(blocklayer: TargetSpec) -> None:
    code = blocklayer.operation_code
    assert text.parse(CASE, blocklayer, path="x.case") == Case(
        target="blocklayer",
        program=(
            Operation(0, code("create_context")),
            Operation(0, code("start"), 1, 1, "the reader # first"),
            Operation(1, code("rdlock")),
            Operation(0, code("sleep"), 5, 0, "virtual microseconds"),
        ),
        schedule=(Deviation(0, 1, 12, 0), Deviation(1, 0, 3, 1)),
        limits=Limits(steps=500, threads=4),
        expect=Expect("FAIL", "R3", "orphans-lost"),
        bug="lost-orphans",
        story=("A reader moves away", "", "and its context goes."),
    )


def test_rendering_is_canonical(blocklayer: TargetSpec) -> None:
    assert text.render(text.parse(CASE, blocklayer, path="x.case"), blocklayer) == CASE


def test_carriage_returns_tabs_blank_lines_and_a_byte_order_mark_do_not_matter(
    blocklayer: TargetSpec, tmp_path: Path
) -> None:
    other = CASE.replace("\n", "\r\n\r\n").replace("  main", "\tmain")
    path = tmp_path / "x.case"
    path.write_bytes(b"\xef\xbb\xbf" + other.encode())
    assert text.load(path) == text.parse(CASE, blocklayer, path="x.case")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("case v1", "case v2", "x.case:1: unknown case version 'v2'"),
        ("case v1", "", "x.case:1: not a case"),
        ("blocklayer", "blocklawyer", "x.case:2: unknown target 'blocklawyer' (did you mean"),
        ("blocklayer", "../../etc", "x.case:2: unknown target '"),
        ("limits", "limit", "x.case:6: unknown section 'limit' (did you mean 'limits'?)"),
        ("steps 500", "steps 0", "x.case:7: steps: '0' is not a number in 1..1000000"),
        ("steps 500", "steps x", "x.case:7: steps: 'x'"),
        (
            "steps 500",
            "speed 5",
            "x.case:7: unknown limit 'speed'; allowed: model, checks, faults, steps, threads",
        ),
        ("threads 4", "steps 4", "x.case:8: 'steps' stands already in line 7"),
        (
            "threads 4",
            "model pso",
            "x.case:8: unknown memory model 'pso'; allowed: sc, c11, tso, c11-graph",
        ),
        ("threads 4", "checks luck", "x.case:8: unknown check 'luck'; allowed: access, leak"),
        ("threads 4", "faults bug", "x.case:8: unknown fault 'bug'; allowed: wakeup, memory, "),
        ("program", "program x", "x.case:9: 'x' behind 'program'"),
        ("rdlock", "rdlok", "x.case:12: unknown operation 'rdlok' (did you mean 'rdlock'?)"),
        ("co1   rd", "co99   rd", "x.case:12: unknown actor 'co99'"),
        ("co1   rd", "main  rd", "x.case:12: actor 'main' may not do 'rdlock' (allowed: co)"),
        ("start co1 ctx1", "start co1", "x.case:11: 'start co1': expected 'start <co> <ctx>'"),
        ("start co1 ctx1", "start co1 1", "x.case:11: operand '1': expected ctx0..ctx255"),
        ("start co1 ctx1", "start co1 ctx256", "x.case:11: operand 'ctx256'"),
        ("start co1 ctx1", "start co1 ctx٣", "x.case:11: operand 'ctx"),
        ("T1 @12 -> T0", "T1 12 -> T0", "x.case:15: 'run T1 12 -> T0': expected 'KIND T"),
        ("T1 @12 -> T0", "T1 @12 -> 0", "x.case:15: answer '0': the answer to 'run' is a thread"),
        ("T1 @12 -> T0", "T70000 @12 -> T0", "x.case:15: thread: '70000'"),
        ("run T1", "walk T1", "x.case:15: unknown question 'walk'; allowed: run, signal"),
        ("signal T0 @3 -> 1", "run T1 @12 -> T2", "x.case:16: 'run T1 @12 -> T2': answered alr"),
        ("expect FAIL", "expect FALL", "x.case:17: unknown verdict 'FALL'; allowed: PASS, "),
        ("bug lost", "bug last", "x.case:18: unknown bug 'last-orphans' of target 'blocklayer'"),
        ("bug lost-orphans", "# tail", "x.case:18: a comment line may stand only"),
        ("bug lost-orphans", "  tail", "x.case:18: 'tail' belongs to no section"),
        ("bug lost-orphans", "target blocklayer", "x.case:18: 'target' stands already in line 2"),
        ("R3", "\0", "x.case:17: a NUL byte"),
    ],
)
def test_a_mistake_is_named_with_file_line_and_value(old: str, new: str, message: str) -> None:
    with pytest.raises(CaseError) as error:
        text.parse(CASE.replace(old, new, 1), None, path="x.case")
    assert str(error.value).startswith(message)
    assert error.value.exit_code == 2


RELAXED = CASE.replace("program", "relaxed\n  src/aio_bh.c:31\n  src/graph.c:17\nprogram", 1)


def test_places_of_relaxed_accesses_read_as_they_are_written(blocklayer: TargetSpec) -> None:
    case = text.parse(RELAXED, blocklayer, path="x.case")
    assert case.relaxed == (Place("src/aio_bh.c", 31), Place("src/graph.c", 17))
    assert text.render(case, blocklayer) == RELAXED


@pytest.mark.parametrize("word", ["src/graph.c", "graph.c:0", "graph.c:x", "a b.c:1", ":1"])
def test_a_place_that_is_none_is_named_with_its_line(blocklayer: TargetSpec, word: str) -> None:
    with pytest.raises(CaseError, match=f"x.case:11: '{word}': expected 'FILE:LINE'"):
        text.parse(RELAXED.replace("src/graph.c:17", word), blocklayer, path="x.case")
    twice = RELAXED.replace("src/graph.c:17", "src/aio_bh.c:31")
    with pytest.raises(CaseError, match=r"x.case:11: 'src/aio_bh.c:31' stands already"):
        text.parse(twice, blocklayer, path="x.case")


def test_a_section_that_is_missing_is_named(blocklayer: TargetSpec) -> None:
    with pytest.raises(CaseError, match="the section 'program' is missing"):
        text.parse("case v1\ntarget blocklayer\n", blocklayer, path="x.case")
    with pytest.raises(CaseError, match="'target NAME' must come before 'program'"):
        text.parse("case v1\nprogram\n", blocklayer, path="x.case")


def test_a_case_of_another_target_is_refused(tally: TargetSpec) -> None:
    with pytest.raises(CaseError, match=r"x.case:2: a case of target 'blocklayer', not of 'tally'"):
        text.parse(CASE, tally, path="x.case")


def test_messages_carry_no_control_characters(blocklayer: TargetSpec) -> None:
    with pytest.raises(CaseError) as error:
        text.parse(CASE.replace("rdlock", "\x1b[2Jrd"), blocklayer, path="x.case")
    assert str(error.value).isprintable()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"case v1\ntarget \xff\n", r":2: byte 0xff is not UTF-8"),
        (b"case v1\n" + b"#" * (1 << 20), "larger than 1048576 bytes"),
    ],
)
def test_files_that_are_no_text_are_refused(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "x.case"
    path.write_bytes(content)
    with pytest.raises(CaseError, match=message):
        text.load(path)


def test_missing_files_and_folders_are_case_errors(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match="No such file"):
        text.load(tmp_path / "missing.case")
    with pytest.raises(CaseError, match="Is a directory"):
        text.load(tmp_path)


def test_saving_replaces_the_file_in_one_step(blocklayer: TargetSpec, tmp_path: Path) -> None:
    path = tmp_path / "new" / "x.case"
    case = text.parse(CASE, blocklayer, path="x.case")
    text.save(path, case, blocklayer)
    text.save(path, case, blocklayer)
    assert path.read_text() == CASE
    assert [entry.name for entry in path.parent.iterdir()] == ["x.case"]
    umask = os.umask(0o022)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_disk_that_says_no_is_a_store_error(blocklayer: TargetSpec, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    case = text.parse(CASE, blocklayer, path="x.case")
    with pytest.raises(StoreError, match="cannot write"):
        text.save(tmp_path / "file" / "x.case", case, blocklayer)
