# SPDX-License-Identifier: Apache-2.0
"""This module turns offsets in a target into function, file and line, through addr2line.

One process per batch of offsets (about 20 ms), every answer is kept. Without addr2line the
offset itself is the answer. Offsets in data become variables, through nm.
"""

from __future__ import annotations

import bisect
import posixpath
import re
import shutil
import struct
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_BATCH: Final = 500
_MARK: Final = "0x"
_ELF_HEADER: Final = struct.Struct("<QQIHHH")  # from e_phoff on
_PROGRAM_HEADER: Final = struct.Struct("<IIQQ")  # p_type, p_flags, p_offset, p_vaddr
_LOADED: Final = 1
_EXECUTABLE: Final = 1
_TOOLS: Final = ("addr2line", "llvm-addr2line", "eu-addr2line")
_LISTERS: Final = ("nm", "llvm-nm", "eu-nm")
_WORD_BYTES: Final = 8
_DATA: Final = re.compile(r"data\+0x([0-9a-f]+)\Z")
_VARIABLE: Final = re.compile(r"^([0-9a-f]+) ([0-9a-f]+) [bBdDrR] ([\w$]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a target's source.

    Args:
        function: name of the innermost function, inlined or not.
        file: path relative to the target's folder, empty: unknown.
        line: 1-based, 0: unknown.
        inlined_into: functions around it in the same frame, innermost first.
        macros: those that suppressions name and that its statement uses; of races only.
    """

    function: str
    file: str = ""
    line: int = 0
    inlined_into: tuple[str, ...] = ()
    macros: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{self.function} {self.file}:{self.line}" if self.file else self.function


def text_offset(path: Path) -> int:
    """Where the executable segment of a 64-bit shared object starts; 0 when there is none.

    Machines report coverage relative to it.
    """
    data = path.read_bytes()
    table, _, _, _, size, count = _ELF_HEADER.unpack_from(data, 32)
    for index in range(count):
        kind, flags, _, address = _PROGRAM_HEADER.unpack_from(data, table + index * size)
        if kind == _LOADED and flags & _EXECUTABLE:
            return int(address)
    return 0


class Symbols:
    """The places of one shared object."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: dict[int, Location] = {}
        self._variables: list[tuple[int, int, str]] | None = None  # first byte, size, name
        self._tool = _first(_TOOLS)

    def __getitem__(self, offset: int) -> Location:
        return self.locate([offset])[offset]

    def locate(self, offsets: Iterable[int]) -> dict[int, Location]:
        """The places of many offsets at once.

        Args:
            offsets: return addresses or pcs in the target; the place is that of the call itself.
        """
        wanted = list(dict.fromkeys(offsets))
        unknown = [offset for offset in wanted if offset not in self._known]
        for first in range(0, len(unknown), _BATCH):
            batch = unknown[first : first + _BATCH]
            found = self._ask(batch)
            for offset in batch:
                self._known[offset] = found.get(offset, Location(f"{_MARK}{offset:x}"))
        return {offset: self._known[offset] for offset in wanted}

    def variable(self, name: str) -> str:
        """The variable that the machine calls "data+0x4a10", "queue" or "queue+8".

        Args:
            name: what the machine calls an object; any but such a name comes back as it is.
        """
        match = _DATA.match(name)
        found = self._variable_at(int(match[1], 16)) if match is not None else None
        if found is None:
            return name
        within, _, variable = found
        return f"{variable}+{within}" if within else variable

    def word_of_variable(self, offset: int, *, bytes_most: int) -> str:
        """The variable at an offset in the object, or which of its words: "queue", "queue+8".

        Args:
            bytes_most: The words of a larger variable are not told apart.

        Returns:
            Empty when no variable lies there.
        """
        found = self._variable_at(offset)
        if found is None:
            return ""
        within, size, variable = found
        is_one = size <= _WORD_BYTES or size > bytes_most
        return variable if is_one else f"{variable}+{within // _WORD_BYTES * _WORD_BYTES}"

    def _variable_at(self, offset: int) -> tuple[int, int, str] | None:
        """Offset within it, size, name."""
        if self._variables is None:
            self._variables = self._list_variables()
        at = bisect.bisect_right(self._variables, offset, key=lambda variable: variable[0]) - 1
        if at < 0:
            return None
        first, size, variable = self._variables[at]
        return (offset - first, size, variable) if offset < first + size else None

    def _list_variables(self) -> list[tuple[int, int, str]]:
        lister = _first(_LISTERS)
        if lister is None:
            return []
        command = [lister, "-S", str(self.path)]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, errors="replace", check=False
            )
        except OSError:
            return []
        found = _VARIABLE.findall(done.stdout)
        return sorted((int(first, 16), int(size, 16), name) for first, size, name in found)

    def _ask(self, offsets: list[int]) -> dict[int, Location]:
        if self._tool is None:
            return {}
        # A return address is one behind its call, which may be on the line before.
        before = {max(offset - 1, 0): offset for offset in offsets}
        command = [self._tool, "-a", "-f", "-i", "-e", str(self.path)]
        try:
            done = subprocess.run(
                command,
                input="".join(f"{_MARK}{pc:x}\n" for pc in before),
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
            )
        except OSError:
            return {}
        return {before[pc]: place for pc, place in _parse(done.stdout).items() if pc in before}


def _first(tools: Iterable[str]) -> str | None:
    """The first of these tools that is installed."""
    return next((path for tool in tools if (path := shutil.which(tool))), None)


def _parse(output: str) -> dict[int, Location]:
    """addr2line's answer: an address line, then function and file:line for each inlined level."""
    places: dict[int, Location] = {}
    frames: list[tuple[str, str]] = []
    address = -1
    lines = iter([*output.splitlines(), f"{_MARK}0"])
    for line in lines:
        if not line.startswith(_MARK):
            frames.append((line, next(lines, "")))
            continue
        if address >= 0 and frames and frames[0][0] != "??":
            places[address] = _location(frames)
        address, frames = int(line, 16), []
    return places


def _location(frames: list[tuple[str, str]]) -> Location:
    path, _, number = frames[0][1].partition(" ")[0].rpartition(":")
    line = int(number) if number.isdigit() else 0
    file = "" if path in ("", "??") else posixpath.normpath(path)
    inlined_into = tuple(function for function, _ in frames[1:])
    return Location(frames[0][0], file, line, inlined_into)
