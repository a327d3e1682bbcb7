# SPDX-License-Identifier: Apache-2.0
"""Does a target that changes the processor's state keep that to its own run?"""

from __future__ import annotations

from ctypes import c_longdouble
from pathlib import Path
from typing import Final

import pytest

from drainstorm.build import build
from drainstorm.case import Case, Operation
from drainstorm.machine import Machine, Strategy
from drainstorm.verdict import Outcome
from support.tiny import tiny_target

GO: Final = Case("tiny", (Operation(0, 1),))
FLAG: Final = '__asm__ volatile("pushfq; orq $%s, (%%%%rsp); popfq" ::: "memory", "cc");'
CONTROL: Final = (
    "unsigned mxcsr = 0x7f80 & ~0x1f80; unsigned short x87 = 0xc00;"  # all unmasked, round to zero
    '__asm__ volatile("ldmxcsr %0; fldcw %1" ::"m"(mxcsr), "m"(x87));'
)
LEFT_ON_X87: Final = '__asm__ volatile("fld1; fld1; fld1; fld1; fld1; fld1; fld1; fld1");'
FAULT: Final = '__asm__ volatile("movl $1, 0" ::: "memory");'  # nothing looks at it before


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        pytest.param(FLAG % "0x100", Outcome.ARITHMETIC, id="single steps"),
        pytest.param(FLAG % "0x400" + FAULT, Outcome.SEGV, id="direction, then a fault"),
        pytest.param(CONTROL, Outcome.OK, id="rounding and exceptions"),
        pytest.param(CONTROL + FAULT, Outcome.SEGV, id="rounding and exceptions, then a fault"),
        pytest.param(LEFT_ON_X87, Outcome.OK, id="the x87's stack"),
        pytest.param(LEFT_ON_X87 + FAULT, Outcome.SEGV, id="the x87's stack, then a fault"),
    ],
)
def test_python_goes_on_with_its_own(tmp_path: Path, code: str, outcome: Outcome) -> None:
    source = f"void work(void);\nvoid work(void) {{ {code} }}\n"
    with Machine(build(tiny_target(tmp_path, source))) as machine:
        for _ in range(3):
            assert machine.run(GO, Strategy.replay()).verdict.outcome is outcome
            # not of constants: the compiler would work them out
            assert float("0.1") + float("0.2") > float("0.3")  # inexact, and rounded to the nearest
            assert str(float("1e22") / 3) == "3.3333333333333335e+21"
            assert c_longdouble(float("0.1")).value == float("0.1")  # by way of the x87's stack
