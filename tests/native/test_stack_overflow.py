# SPDX-License-Identifier: Apache-2.0
"""Does a stack that is too small end the run, name its limit, and leave all other memory alone?"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from drainstorm.build import build
from drainstorm.case import Case, Operation
from drainstorm.errors import TargetError
from drainstorm.machine import Machine, Strategy
from drainstorm.spec import TargetSpec, load_target
from drainstorm.verdict import Outcome
from support.tiny import tiny_target

GO: Final = Case("tiny", (Operation(0, 1),))
LIMIT_KIB: Final = 64
HEAD: Final = """
#include <pthread.h>
#include <stddef.h>
__attribute__((noinline)) static void use(volatile void *p)
{
  __asm__ volatile("" ::"r"(p) : "memory");
}
static volatile size_t size = %d;
"""
SHAPES: Final = {
    "array": "void work(void) { char v[%d]; use(v); }",
    "alloca": "void work(void) { use(__builtin_alloca(size)); }",
    "variable length": "void work(void) { char v[size]; use(v); }",
    "recursion": """
        static int deeper(size_t left)
        {
          char v[6000];
          use(v);
          return left > sizeof v ? deeper(left - sizeof v) + v[0] : 0;
        }
        void work(void) { deeper(size); }
    """,
    "of a thread": """
        static void *other(void *unused) { char v[%d]; use(v); return unused; }
        void work(void)
        {
          pthread_t t;
          pthread_create(&t, NULL, other, NULL);
          pthread_join(t, NULL);
        }
    """,
}


def target(folder: Path, shape: str, size: int, stack_kib: int = LIMIT_KIB) -> TargetSpec:
    source = HEAD % size + SHAPES[shape].replace("%d", str(size))
    path = tiny_target(folder, source).folder / "target.toml"
    path.write_text(f"{path.read_text()}[limits]\nstack_kib = {stack_kib}\n")
    return load_target(path)


@pytest.mark.parametrize("size", [70_000, 300_000, 5_000_000])
@pytest.mark.parametrize("shape", SHAPES)
def test_too_large_a_frame_is_a_stack_overflow(tmp_path: Path, shape: str, size: int) -> None:
    """The largest frame reaches below all that the machine has: only its pages in between, touched
    one by one, tell that it is an overflow, and save who has the memory there."""
    with Machine(build(target(tmp_path, shape, size))) as machine:
        verdict = machine.run(GO, Strategy.replay()).verdict
    assert verdict.outcome is Outcome.STACK
    assert f"threads have {LIMIT_KIB} KiB here" in verdict.message
    assert "stack_kib" in verdict.message


@pytest.mark.parametrize("shape", SHAPES)
def test_what_fits_passes(tmp_path: Path, shape: str) -> None:
    with Machine(build(target(tmp_path, shape, 50_000))) as machine:
        assert machine.run(GO, Strategy.replay()).verdict.outcome is Outcome.OK
    with Machine(build(target(tmp_path, shape, 420_000, 448))) as machine:
        assert machine.run(GO, Strategy.replay()).verdict.outcome is Outcome.OK


@pytest.mark.parametrize("stack_kib", [0, 15, 449])
def test_a_stack_that_there_is_no_room_for_is_refused(tmp_path: Path, stack_kib: int) -> None:
    with pytest.raises(TargetError, match=r"`int` [<>]= \d+ - at `\$\.limits\.stack_kib`"):
        target(tmp_path, "array", 1, stack_kib)
