# SPDX-License-Identifier: Apache-2.0
"""The engine's parts in C, and the engine itself under the tools that check C programs.

`scripts/sanitize` runs these tests with more machine runs.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest

from drainstorm.build import build
from drainstorm.spec import find_target
from support import engine_build
from support.engine_build import SANITIZER_ENVIRONMENT, VALGRIND, VALGRIND_HEADER, programs, run

ROOT: Final = Path(__file__).parents[2]
PARTS: Final = ("fibers", "clocks_narrow", "clocks_wide", "histories", "graph", "heap")
RUNS: Final = int(os.environ.get("DRAINSTORM_SANITIZE_RUNS", "4"))
"""Of each operation, model and strategy."""

SLOW: Final = {"posix": ("endless_loop",)}
"""By design it takes 300 ms of processor time."""

VALGRIND_COMMAND: Final = (str(VALGRIND), "-q", "--error-exitcode=9", "--leak-check=full")

# Only root can install it, and nothing but these tests needs it: whoever tries Drainstorm may lack
# it. The compiler's sanitizers check the same without it, but for uses of memory that nobody has
# written. Where it is installed these run with all other tests; `scripts/sanitize` names what it
# has skipped.
needs_valgrind = pytest.mark.skipif(
    VALGRIND is None or not VALGRIND_HEADER.exists(),
    reason="valgrind is not installed: sudo apt-get install valgrind",
)


def batches(folder: Path, target: str, runs: int) -> list[str | Path]:
    """The command that runs each operation of a target."""
    spec = find_target(ROOT / target)
    skipped = [str(spec.operation_code(name)) for name in SLOW.get(spec.name, ())]
    return [folder / "batches", build(spec).path, str(len(spec.operations)), str(runs), *skipped]


def test_every_program_is_run() -> None:
    made = {path.stem for path in engine_build.PROGRAMS.glob("*.c")}
    assert made == {*PARTS, "batches", "canary"}


@pytest.mark.parametrize("part", PARTS)
def test_a_part_does_what_its_header_says(part: str) -> None:
    done = run([programs("plain") / part])
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_clean_under_sanitizers(part: str) -> None:
    done = run([programs("sanitized") / part], **SANITIZER_ENVIRONMENT)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "target",
    ["tests/native/memory", "tests/native/posix", "targets/litmus", "targets/blocklayer",
     "targets/classics"],
)  # fmt: skip
def test_machine_runs_are_clean_under_sanitizers(target: str) -> None:
    done = run(batches(programs("sanitized"), target, RUNS), **SANITIZER_ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[0]) > 1000
    assert "0 not repeated" in done.stdout


@pytest.mark.parametrize(
    ("defect", "words"),
    [
        ("overflow", "stack-buffer-overflow"),
        ("behind", "heap-buffer-overflow"),
        ("signed", "signed integer overflow"),
        ("leak", "detected memory leaks"),
        ("", ""),
    ],
)
def test_the_sanitizers_see_a_defect_on_the_stack_of_a_fiber(defect: str, words: str) -> None:
    done = run([programs("sanitized") / "canary", defect], **SANITIZER_ENVIRONMENT)
    assert (done.returncode != 0) == bool(defect)
    assert words in done.stderr


@needs_valgrind
@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_clean_under_valgrind(part: str) -> None:
    done = run([*VALGRIND_COMMAND, programs("plain") / part])
    assert (done.returncode, done.stderr) == (0, "")


@needs_valgrind
@pytest.mark.parametrize("target", ["targets/litmus", "targets/blocklayer"])
def test_machine_runs_are_clean_under_valgrind(target: str) -> None:
    done = run([*VALGRIND_COMMAND, *batches(programs("plain"), target, min(RUNS, 8) // 4)])
    assert (done.returncode, done.stderr) == (0, "")
    assert "0 not repeated" in done.stdout


@needs_valgrind
@pytest.mark.parametrize("defect", ["behind", "unknown", "leak"])
def test_valgrind_sees_a_defect_on_the_stack_of_a_fiber(defect: str) -> None:
    assert run([*VALGRIND_COMMAND, programs("plain") / "canary", defect]).returncode == 9
