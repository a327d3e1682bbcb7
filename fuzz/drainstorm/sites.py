# SPDX-License-Identifier: Apache-2.0
"""This module finds the plain accesses of a source line in a target.

Every plain access is a call of one of the machine's entry points right before the instruction; the
address that the call returns to is the access's site. The calls are direct ones, so they can be
read off the code. Price: about 0.1 s, once, for targets of which a case names a place.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from drainstorm.case import Place
    from drainstorm.symbols import Symbols

_ENTRY: Final = re.compile(rb"__tsan_(?!atomic|func|init)")
_CALL: Final = 0xE8
_CALL_BYTES: Final = 5
_HEADER: Final = struct.Struct("<QQQIHHHHHH")  # from e_entry on
_HEADER_AT: Final = 24
_SECTION: Final = struct.Struct("<IIQQQQIIQQ")
_SYMBOL: Final = struct.Struct("<IBBHQQ")
_SYMBOLS: Final = 2  # SHT_SYMTAB
_CODE: Final = 4  # SHF_EXECINSTR


class Sites:
    """The plain accesses of one shared object, by place.

    Args:
        path: A target as the build makes it, with its symbol table.
        symbols: Its source lines.
    """

    def __init__(self, path: Path, symbols: Symbols) -> None:
        self._path = path
        self._symbols = symbols
        self._found: dict[tuple[str, int], list[int]] | None = None

    def offsets(self, places: Iterable[Place]) -> tuple[int, ...]:
        """Sites of all plain accesses on these lines, ascending; unknown lines have none."""
        wanted = list(places)
        if not wanted:
            return ()
        if self._found is None:
            self._found = {}
            for offset, at in self._symbols.locate(_calls(self._path.read_bytes())).items():
                self._found.setdefault((at.file, at.line), []).append(offset)
        found = self._found
        return tuple(sorted({o for p in wanted for o in found.get((p.file, p.line), ())}))


def _calls(data: bytes) -> list[int]:
    """Return addresses of the calls of access entry points in an x86-64 shared object."""
    sections = list(_sections(data))
    entries = {
        value
        for kind, _, at, size, link in ((s[1], s[2], s[4], s[5], s[6]) for s in sections)
        if kind == _SYMBOLS
        for value in _entries(data[at : at + size], data[sections[link][4] :])
    }
    return [
        site
        for _, _, flags, address, at, size, *_ in sections
        if flags & _CODE
        for site in _calls_in(data[at : at + size], address, entries)
    ]


def _sections(data: bytes) -> Iterator[tuple[int, ...]]:
    """Rows of the section table; see _SECTION."""
    *_, size, count, _ = _HEADER.unpack_from(data, _HEADER_AT)
    table = _HEADER.unpack_from(data, _HEADER_AT)[2]
    for index in range(count):
        yield _SECTION.unpack_from(data, table + index * size)


def _entries(symbols: bytes, names: bytes) -> Iterator[int]:
    """Addresses of the machine's entry points for plain accesses."""
    for name, _, _, section, value, _ in _SYMBOL.iter_unpack(symbols):
        if section and _ENTRY.match(names, name):
            yield value


def _calls_in(code: bytes, address: int, entries: set[int]) -> Iterator[int]:
    at = code.find(_CALL)
    while 0 <= at <= len(code) - _CALL_BYTES:
        site = address + at + _CALL_BYTES
        (distance,) = struct.unpack_from("<i", code, at + 1)
        if site + distance in entries:
            yield site
        at = code.find(_CALL, at + 1)
