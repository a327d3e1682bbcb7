# SPDX-License-Identifier: Apache-2.0
"""Is a certificate given exactly when every execution was seen, and is a refusal honest?"""

from __future__ import annotations

import dataclasses
import json
import threading
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner, Result

from drainstorm import text
from drainstorm.cli import main
from drainstorm.errors import CaseError, UsageError
from drainstorm.findings import Finding
from drainstorm.machine import Machine
from drainstorm.replay import replay
from drainstorm.spec import TargetSpec, find_target
from drainstorm.store import Store
from drainstorm.suppression import Suppression
from drainstorm.verify import Certificate, Refusal, Verified, from_program, verify

ROOT: Final = Path(__file__).parents[2]
MEMORY: Final = find_target(ROOT / "tests" / "native" / "memory")
LITMUS: Final = find_target(ROOT / "targets" / "litmus")
ADDING: Final = "main start worker3; main start worker1; worker1 add 1; worker2 add 2"
"""Operand 3 is the first worker: the driver takes it modulo the number of workers."""

LONG: Final = ADDING + "; worker1 add 2; worker2 add 3" * 12
"""More executions than anybody waits for."""


def verified(spec: TargetSpec, program: str, store: Path, **options: object) -> Verified:
    limits = options.pop("limits", {})
    case = from_program(program, spec)
    case = dataclasses.replace(case, limits=dataclasses.replace(case.limits, **limits))  # type: ignore[arg-type]
    return verify(case, spec, store=Store(store), **options)  # type: ignore[arg-type]


def command(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["verify", *map(str, arguments)])


def test_a_correct_program_is_closed_with_growing_bounds(tally: TargetSpec, tmp_path: Path) -> None:
    found = verified(tally, ADDING, tmp_path, preemptions=3)
    assert isinstance(found, Certificate)
    assert (found.threads, found.operations, found.preemptions) == (3, 4, 3)
    assert len(found.executions_below) == 3
    assert sorted(found.executions_below) == list(found.executions_below)
    assert found.executions_below[-1] < found.executions
    assert "not modelled: load buffering" in "\n".join(found.lines())


def test_without_a_bound_there_are_at_least_as_many_executions(
    tally: TargetSpec, tmp_path: Path
) -> None:
    bounded = verified(tally, ADDING, tmp_path, preemptions=2)
    unbounded = verified(tally, ADDING, tmp_path, preemptions=-1)
    assert isinstance(bounded, Certificate)
    assert isinstance(unbounded, Certificate)
    assert unbounded.executions > bounded.executions


def test_an_interrupted_search_says_so_and_after_how_many_executions(
    tally: TargetSpec, tmp_path: Path
) -> None:
    done = threading.Event()

    def keep_interrupting(machine: Machine) -> None:
        while not done.is_set():
            machine.interrupt()

    def hold(machine: Machine) -> None:
        thread = threading.Thread(target=keep_interrupting, args=(machine,))
        thread.start()
        threads.append(thread)

    threads: list[threading.Thread] = []
    try:
        found = verified(tally, LONG, tmp_path, preemptions=-1, hold=hold)
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert isinstance(found, Refusal)
    words = f"interrupted after {found.executions:,} executions with any number of preemptions"
    assert found.reasons == (words,)


def test_one_that_is_stopped_between_two_bounds_does_not_begin_the_next(
    tally: TargetSpec, tmp_path: Path
) -> None:
    found = verified(tally, ADDING, tmp_path, preemptions=3, stop=lambda: True)
    assert isinstance(found, Refusal)
    words = f"interrupted after all {found.executions:,} executions with 0 preemptions"
    assert found.reasons == (words,)
    last = verified(tally, ADDING, tmp_path, preemptions=0, stop=lambda: True)
    assert isinstance(last, Certificate)


def test_the_hash_depends_on_what_was_verified_and_on_nothing_else(
    tally: TargetSpec, tmp_path: Path
) -> None:
    def hashed(program: str = ADDING, **options: object) -> str:
        found = verified(tally, program, tmp_path, **options)
        assert isinstance(found, Certificate)
        assert found.signed() == found
        return found.hash

    same = hashed()
    assert hashed() == same
    others = {
        hashed(ADDING.replace("add 2", "add 3")),
        hashed(preemptions=1),
        hashed(limits={"model": "sc"}),
        hashed(limits={"checks": ("leak",)}),
    }
    assert len({same, *others}) == 5


def test_a_planted_bug_is_found_with_the_fewest_preemptions_and_stored(
    tally: TargetSpec, tmp_path: Path
) -> None:
    found = verified(tally, ADDING, tmp_path, bug="lost-add", preemptions=4)
    assert isinstance(found, Finding)
    assert str(found.signature) == "FAIL R1 sum"
    assert found.reproduced
    assert len(found.case.schedule) == 1
    assert replay(text.load(found.path, tally), tally, bug="lost-add").is_expected


@pytest.mark.parametrize(
    ("program", "options", "reason"),
    [
        (
            "main longest_history",
            {"model": "c11", "executions_max": 500},
            "an older store than the machine keeps",
        ),
        ("main longer_history", {}, "memory-limit in "),
        ("main part_stored_between", {}, "in another size"),
        ("main ordered_by_fences", {"executions_max": 5}, "at most 5 were asked for"),
        ("main ordered_by_fences", {"limits": {"steps": 6}}, "step-limit in "),
        ("main ordered_by_fences", {"limits": {"threads": 2}}, "thread-limit in "),
    ],
)
def test_a_bound_that_is_hit_is_a_refusal_that_names_it(
    program: str, options: dict[str, object], reason: str, tmp_path: Path
) -> None:
    found = verified(MEMORY, program, tmp_path, **options)
    assert isinstance(found, Refusal)
    assert reason in "\n".join(found.lines())


def test_a_plain_store_that_nobody_races_with_is_no_bound(tmp_path: Path) -> None:
    found = verified(MEMORY, "main plain_store_between", tmp_path)
    assert isinstance(found, Certificate)


def test_a_bound_of_one_model_is_none_of_another(tmp_path: Path) -> None:
    for program in ("main longest_history", "main part_stored_between"):
        found = verified(MEMORY, program, tmp_path, limits={"model": "sc"})
        assert isinstance(found, Certificate)
        assert not [name for name in found.not_modelled if "load buffering" in name]


def test_what_was_not_judged_is_said(tmp_path: Path) -> None:
    found = verified(MEMORY, "main ordered_by_fences", tmp_path, limits={"checks": ()})
    assert isinstance(found, Certificate)
    assert len(found.not_judged) == 2
    rule = Suppression(function="read_without_fence", reason="a test")
    suppressing = dataclasses.replace(MEMORY, suppress=(rule,))
    assert isinstance(verified(MEMORY, "main race_half_fenced", tmp_path), Finding)
    found = verified(suppressing, "main race_half_fenced", tmp_path)
    assert isinstance(found, Certificate)
    assert found.suppressed
    assert "suppresses" in found.not_judged[0]


@pytest.mark.parametrize("program", ["main ordered_by_join", "main stack_of_ended_thread"])
def test_a_program_without_anything_to_interleave_is_a_mistake(
    program: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="choice|touched by two"):
        verified(MEMORY, program, tmp_path)


def test_a_program_on_the_command_line_is_parsed_like_a_case(tally: TargetSpec) -> None:
    case = from_program("main start worker1 ; worker1 add 1;", tally)
    assert text.render(case, tally).count("start worker1") == 1
    with pytest.raises(CaseError, match="--program"):
        from_program("main strat worker1", tally)


@pytest.mark.parametrize(
    ("program", "arguments", "code"),
    [
        ("main sb_fences", (), 0),
        ("main sb_fences", ("--max-executions", 3), 4),
        ("main nothing", (), 2),
        ("", (), 2),
    ],
)
def test_exit_codes(program: str, arguments: tuple[object, ...], code: int, tmp_path: Path) -> None:
    result = command("--target", LITMUS.folder, "--program", program, "--state-dir", tmp_path,
                     *arguments)  # fmt: skip
    assert result.exit_code == code, result.output


def test_a_finding_ends_with_1_and_its_replay_line(tmp_path: Path) -> None:
    result = command("--target", MEMORY.folder, "--program", "main race_memcpy", "--state-dir",
                     tmp_path)  # fmt: skip
    assert result.exit_code == 1
    assert "FAIL race copy_all|write_a_member" in result.stdout
    assert "drainstorm replay " in result.stdout


def test_a_stored_case_is_verified_without_its_schedule_and_printed_as_json(
    tmp_path: Path,
) -> None:
    path = tmp_path / "x.case"
    path.write_text(
        "case v1\ntarget litmus\nprogram\n  main  mp_fences\nschedule\n  run T0 @3 -> T1\n"
    )
    result = command(path, "--target", LITMUS.folder, "--json", "--model", "sc",
                     "--preemptions", -1)  # fmt: skip
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert said["model"] == "sc"
    assert said["executions"] > 20
    assert len(said["hash"]) == 64
