# SPDX-License-Identifier: Apache-2.0
"""This module finds what an object file would run when it is loaded or unloaded.

Constructors and destructors run before a machine is there and after it: no run could repeat, end or
undo what they do.
"""

from __future__ import annotations

import re
from typing import Final

_SYMBOL: Final = re.compile(
    r"^([0-9a-f]+) (.{7}) (\S+)\t[0-9a-f]+ +(?:\.hidden |\.protected )?(\S+)$"
)
_RELOCATIONS: Final = re.compile(r"^RELOCATION RECORDS FOR \[(.+)\]:$")
_ENTRY: Final = re.compile(r"^[0-9a-f]+ +R_\S+ +([^\s+-]+)(?:[+]0x([0-9a-f]+))?")
_ARRAYS: Final = re.compile(r"\.(?:preinit_array|init_array|fini_array|ctors|dtors)(?:\.\d+)?\Z")
_CODE: Final = (".init", ".fini")
_OF_THE_COMPILER: Final = re.compile(r"_sub_I_\d+_\d+|(?:tsan|sancov)\.module_ctor.*")
"""Calls __tsan_init(), which does nothing here (stub.py)."""


def run_when_loaded(listing: str) -> list[str]:
    """Functions that run at load or unload, or are asked then which function to use.

    Args:
        listing: what `objdump -r -t` says of an object file.

    Returns:
        Their names, sorted; the section's name where a function has none.
    """
    found: set[str] = set()
    names: dict[tuple[str, int], str] = {}
    section = ""
    for line in listing.splitlines():
        if symbol := _SYMBOL.match(line):
            address, flags, where, name = symbol.groups()
            if "F" in flags or "i" in flags:
                names[where, int(address, 16)] = name
            if where in _CODE or "i" in flags:
                found.add(name)
        elif head := _RELOCATIONS.match(line):
            section = head[1]
        elif _ARRAYS.match(section) and (entry := _ENTRY.match(line)):
            at = (entry[1], int(entry[2] or "0", 16))
            found.add(names.get(at, entry[1]))
    return sorted(name for name in found if name not in _CODE and not _OF_THE_COMPILER.match(name))
