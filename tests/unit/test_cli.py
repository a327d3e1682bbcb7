# SPDX-License-Identifier: Apache-2.0
"""Do the commands keep their exit codes and never show a traceback?"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from drainstorm import binary, text
from drainstorm.case import Case, Expect, Operation
from drainstorm.cli import main
from drainstorm.spec import TargetSpec
from support.tiny import tiny_target


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments], catch_exceptions=False)


@pytest.fixture
def target(tally: TargetSpec) -> str:
    return str(tally.folder)


@pytest.fixture
def crash(tally: TargetSpec, tmp_path: Path) -> Path:
    """A case in which a worker writes through a null pointer."""
    program = (
        Operation(0, tally.operation_code("start"), 0),
        Operation(1, tally.operation_code("add"), 1),
        Operation(1, tally.operation_code("crash")),
    )
    path = tmp_path / "crash.case"
    text.save(path, Case("tally", program, expect=Expect("FAIL", "segv")), tally)
    return path


def test_help_is_fast_and_imports_nothing_of_weight() -> None:
    code = (
        "import sys; from drainstorm.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('trio', 'rich', 'msgspec', 'ctypes') if m in sys.modules])"
    )
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert time.monotonic() - started < 5  # the promise is 0.3 s on an idle machine


def test_replay_ends_with_0_when_the_verdict_is_the_expected_one(target: str, crash: Path) -> None:
    result = run("replay", crash, "--target", target)
    assert result.exit_code == 0
    assert result.output.startswith("FAIL segv")
    assert "[worker1: crash]" in result.output


def test_replay_ends_with_1_when_it_is_not(target: str, crash: Path) -> None:
    crash.write_text(crash.read_text().replace("expect FAIL segv", "expect PASS"))
    result = run("replay", crash, "--target", target, "--quiet")
    assert result.exit_code == 1
    assert "EXPECTED PASS" in result.output
    assert "step" not in result.output


def test_replay_of_a_damaged_file_ends_with_2_and_names_the_line(target: str, crash: Path) -> None:
    crash.write_text(crash.read_text().replace("  crash", "  crsh"))
    result = run("replay", crash, "--target", target)
    assert result.exit_code == 2
    assert f"{crash}:" in result.stderr
    assert "crsh" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("replay", "missing.case"),
        ("hunt", "--target", "nowhere"),
        ("hunt", "--bug", "no-such-bug"),
        ("hunt", "--strategy", "luck"),
        ("hunt", "--faults", "memory,luck"),
        ("hunt", "--seconds", "-1"),
        ("targets", "nowhere"),
        ("nothing",),
    ],
)
def test_a_usage_error_ends_with_2_and_one_message(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stderr.strip()
    assert "Traceback" not in result.output


def test_a_target_that_does_not_compile_ends_with_3(tally: TargetSpec, tmp_path: Path) -> None:
    import shutil

    broken = tmp_path / "tally"
    shutil.copytree(tally.folder, broken)
    (broken / "src" / "tally.c").write_text("this is not C\n")
    result = run("hunt", "--target", broken, "--seconds", 1, "--state-dir", tmp_path / "s")
    assert result.exit_code == 3
    assert "command:" in result.stderr


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "schedules had a choice"),
        ("pthread_t t; pthread_create(&t, 0, alone, 0); alone(0); pthread_join(t, 0);",
         "did two threads of 'tiny' do something to the same object"),
    ],
)  # fmt: skip
def test_a_hunt_in_which_nothing_could_go_wrong_ends_with_2(
    body: str, message: str, tmp_path: Path
) -> None:
    source = f"""
        #include <pthread.h>
        #include <stdatomic.h>
        _Thread_local atomic_long own;
        static void *alone(void *unused)
        {{
          atomic_fetch_add(&own, 1);
          return unused;
        }}
        void work(void)
        {{
          (void)alone;
          {body}
        }}
    """
    spec = tiny_target(tmp_path, source)
    result = run("hunt", "--target", spec.folder, "--seconds", 0.3, "--workers", 1,
                 "--state-dir", tmp_path / "state")  # fmt: skip
    assert result.exit_code == 2
    assert message in result.stderr


def test_hunt_finds_stores_and_ends_with_1(target: str, tmp_path: Path) -> None:
    state = tmp_path / "state"
    result = run("hunt", "--target", target, "--seconds", 1, "--workers", 1, "--state-dir", state)
    assert result.exit_code == 1
    assert "FAIL segv" in result.stdout
    assert list(state.glob("findings/tally/*/min.case"))


def test_hunting_a_planted_bug_prints_the_table(target: str, tmp_path: Path) -> None:
    result = run("hunt", "--target", target, "--bug", "lost-add", "--seconds", 20,
                 "--workers", 2, "--state-dir", tmp_path)  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "1 of 1 planted bugs found with their rule." in result.stdout
    row = next(line for line in result.stdout.splitlines() if line.startswith("lost-add"))
    assert row.split()[:3] == ["lost-add", "found", "R1"]


def test_hunting_all_ends_with_1_when_the_shipped_code_is_not_clean(
    target: str, tmp_path: Path
) -> None:
    result = run("hunt", "--target", target, "--bug", "all", "--seconds", 1, "--workers", 1,
                 "--state-dir", tmp_path)  # fmt: skip
    assert result.exit_code == 1
    assert "(as shipped)" in result.stdout
    assert "FINDINGS" in result.stdout


def test_an_unwritable_state_folder_ends_with_3(target: str, tmp_path: Path) -> None:
    (tmp_path / "findings").write_text("in the way")
    result = run("hunt", "--target", target, "--seconds", 5, "--state-dir", tmp_path)
    assert result.exit_code == 3
    assert "cannot" in result.stderr


def test_shrink_writes_a_smaller_case(target: str, crash: Path, tally: TargetSpec) -> None:
    result = run("shrink", crash, "--target", target)
    assert result.exit_code == 0, result.output
    small = text.load(crash.with_name("crash.min.case"), tally)
    assert len(small.program) == 2
    assert small.expect is not None
    assert small.expect.rule == "segv"


def test_shrinking_what_does_not_fail_ends_with_2(target: str, crash: Path) -> None:
    crash.write_text(crash.read_text().replace("worker1  crash\n", "worker1  add 2\n"))
    assert run("shrink", crash, "--target", target).exit_code == 2


def test_text_becomes_bytes_and_text_again(
    target: str, crash: Path, tally: TargetSpec, tmp_path: Path
) -> None:
    raw, back = tmp_path / "raw", tmp_path / "back.case"
    assert run("convert", crash, raw, "--target", target).exit_code == 0
    assert binary.decode(raw.read_bytes(), tally) == text.load(crash, tally)
    assert run("convert", raw, back, "--target", target).exit_code == 0
    assert back.read_bytes() == crash.read_bytes()
    assert run("show", raw, "--target", target).output == crash.read_text()
    assert run("show", raw).exit_code == 2  # whose bytes are these?


def test_targets_lists_what_a_target_offers(target: str) -> None:
    output = run("targets", target).output
    for word in ("worker", "hold n n", "R1 sum", "lost-add", "breaks R1"):
        assert word in output


def test_a_reader_that_goes_away_is_no_error(target: str, crash: Path) -> None:
    command = [sys.executable, "-c", "from drainstorm.cli import main; main()", "targets", target]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env={**os.environ, "PYTHONUNBUFFERED": "1"}) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()


def test_a_finding_without_any_choice_is_a_finding(tmp_path: Path) -> None:
    spec = tiny_target(tmp_path, "void work(void);\nvoid work(void) { *(volatile int *)0 = 1; }\n")
    result = run("hunt", "--target", spec.folder, "--seconds", 0.3, "--workers", 1,
                 "--state-dir", tmp_path / "state")  # fmt: skip
    assert result.exit_code == 1
    assert "FAIL segv" in result.output
    assert "proves nothing" not in result.output


def test_code_coverage_is_measured_for_a_driver_without_marks(tmp_path: Path) -> None:
    source = """
        #include <stdatomic.h>
        #include <pthread.h>
        static atomic_int count;
        static void *bump(void *unused)
        {
          atomic_fetch_add(&count, 1);
          return unused;
        }
        void work(void);
        void work(void)
        {
          pthread_t thread;
          pthread_create(&thread, 0, bump, 0);
          bump(0);
          pthread_join(thread, 0);
        }
    """
    spec = tiny_target(tmp_path, source)
    result = run("hunt", "--target", spec.folder, "--seconds", 0.5, "--workers", 1,
                 "--state-dir", tmp_path / "state")  # fmt: skip
    found = re.search(r"(\d+) of \d+ basic blocks reached", result.stdout)
    assert found is not None
    assert int(found[1]) > 0
