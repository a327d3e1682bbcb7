# SPDX-License-Identifier: Apache-2.0
"""Places in a target's source, with and without addr2line."""

from __future__ import annotations

import subprocess

import pytest

from drainstorm.build import Built
from drainstorm.symbols import Location, Symbols


def address_of(built: Built, function: str) -> int:
    listing = subprocess.run(
        ["nm", str(built.path)], capture_output=True, text=True, check=True
    ).stdout
    return next(int(line.split()[0], 16) for line in listing.splitlines() if function in line)


def test_an_offset_becomes_function_file_and_line(tally_built: Built) -> None:
    place = Symbols(tally_built.path)[address_of(tally_built, "tally_hold") + 4]
    assert (place.function, place.file) == ("tally_hold", "src/tally.c")
    assert place.line > 0
    assert str(place) == f"tally_hold src/tally.c:{place.line}"


def test_many_offsets_cost_one_process(tally_built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    symbols = Symbols(tally_built.path)
    first = address_of(tally_built, "tally_hold")
    places = symbols.locate(range(first + 1, first + 20))
    assert {place.function for place in places.values()} == {"tally_hold"}
    monkeypatch.setattr(subprocess, "run", None)
    assert symbols.locate(range(first + 1, first + 20)) == places


def test_an_offset_outside_the_target_stays_a_number(tally_built: Built) -> None:
    assert Symbols(tally_built.path)[0xFFFFFF] == Location("0xffffff")


def test_without_addr2line_the_offset_is_the_answer(
    tally_built: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    assert Symbols(tally_built.path)[0x10] == Location("0x10")


def test_data_is_called_by_its_variable(tally_built: Built) -> None:
    symbols = Symbols(tally_built.path)
    mutex = address_of(tally_built, " mutex")

    assert symbols.variable(f"data+0x{mutex:x}") == "mutex"
    assert symbols.variable(f"data+0x{mutex + 40:x}") == "mutex+40"
    assert symbols.variable(f"data+0x{address_of(tally_built, ' counter'):x}") == "counter"


def test_what_is_no_variable_keeps_its_name(
    tally_built: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("heap+0x10", "graph.has_writer", "fd1", "data+0xffffffff", "data+0x0", ""):
        assert Symbols(tally_built.path).variable(name) == name
    monkeypatch.setenv("PATH", "")
    mutex = f"data+0x{1 << 12:x}"
    assert Symbols(tally_built.path).variable(mutex) == mutex
