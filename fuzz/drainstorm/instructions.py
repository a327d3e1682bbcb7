# SPDX-License-Identifier: Apache-2.0
"""This module finds instructions of an object file that act behind the machine's back.

A target talks to the machine through calls: of the C library, and of those that the compiler puts
in the place of atomic operations. An instruction that enters the kernel or locks the bus by itself
is none of them. It comes from assembly, or from a driver, which is compiled without such calls and
has expanded a macro or an inline function of the target.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_FUNCTION: Final = re.compile(r"^[0-9a-f]+ <(.+)>:$", re.MULTILINE)
_HIDDEN: Final = re.compile(
    r"^\s*[0-9a-f]+:\t(?:(?P<kernel>syscall|sysenter|int +\$0x80)"
    r"|(?P<atomic>lock .*|xchg.*\(.*|mfence))\s*$",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class HiddenInstruction:
    """What was found.

    Args:
        function: Where.
        words: The instruction as objdump writes it.
        enters_the_kernel: Else it is an atomic operation.
    """

    function: str
    words: str
    enters_the_kernel: bool


def hidden_instruction(listing: str) -> HiddenInstruction | None:
    """The first such instruction; None: there is none.

    Args:
        listing: What `objdump -d --no-show-raw-insn` says of an object file.
    """
    found = _HIDDEN.search(listing)
    if found is None:
        return None
    function = _FUNCTION.findall(listing[: found.start()])[-1]
    words = found["kernel"] or found["atomic"]
    return HiddenInstruction(function, " ".join(words.split()), bool(found["kernel"]))
