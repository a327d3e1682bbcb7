# SPDX-License-Identifier: Apache-2.0
"""This module holds the data races that a target's description accepts, with their reasons."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

_MACRO: Final = re.compile(r"[A-Za-z_]\w*\Z", re.ASCII)


class Suppression(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Data races that are known and accepted: counted, named in the summary, no findings.

    Args:
        reason: Why they are harmless; required.
        kind: What is suppressed; only "race" can be.
        function: A function that one of the two accesses is in, or [f, g]: one in each.
        macro: A macro that is used in the statement that one of the two is in (macros.py).
        file: The file, relative to the target's folder, that one of the two is in.
        line: Its line there; 0: any.
    """

    reason: str
    kind: str = "race"
    function: str | tuple[str, str] = ""
    macro: str = ""
    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        function = self.function
        words = [" and ".join(function) if isinstance(function, tuple) else function]
        words.append(f"macro {self.macro}" if self.macro else "")
        words.append(f"{self.file}:{self.line}" if self.line else self.file)
        return f"{self.kind} in {' '.join(word for word in words if word)}"

    def problems(self) -> Iterator[str]:
        """What is wrong with it, one sentence each."""
        where = f"[[suppress]] '{self}'"
        if self.kind != "race":
            yield f"{where}: kind '{self.kind}'; only 'race' can be suppressed"
        if not self.reason.strip():
            yield f"{where}: a reason is needed"
        if not (self.function or self.file or self.macro):
            yield f"{where}: say a function or a file or a macro, else it hides every race"
        if isinstance(self.function, tuple) and (self.file or self.macro or not all(self.function)):
            yield f"{where}: two functions, one for each access, and nothing else"
        if self.line and not self.file:
            yield f"{where}: a line needs its file"
        if self.macro and not _MACRO.match(self.macro):
            yield f"{where}: the macro's name alone, without its arguments"
