# SPDX-License-Identifier: Apache-2.0
"""This module turns basic blocks that ran into lines of source that ran.

The compiler calls back at the start of every basic block. Code between one call and the next one
in the same function belongs to that block; the line table says which lines that code stands for.
"""

from __future__ import annotations

import bisect
import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drainstorm.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from drainstorm.build import Built

_ROW = re.compile(r"^(\S+)\s+(\d+|-)\s+(0x[0-9a-f]+)")  # "-": the code ends here
_CALL = re.compile(r"^\s*([0-9a-f]+):.*\bcall\s.*<__sanitizer_cov_trace_pc>")
_FUNCTION = re.compile(r"^([0-9a-f]+) <")
_INSTRUCTION = re.compile(r"^\s*([0-9a-f]+):\t")


@dataclass(frozen=True, slots=True)
class LineCoverage:
    """Lines of one file that have code: those that ran and those that did not."""

    hit: tuple[int, ...]
    missed: tuple[int, ...]

    @property
    def share(self) -> float:
        """Lines that ran, of all that have code; 0.0 when there are none."""
        total = len(self.hit) + len(self.missed)
        return len(self.hit) / total if total else 0.0

    def __str__(self) -> str:
        missed = ", ".join(map(str, self.missed)) or "none"
        return (
            f"{len(self.hit)} of {len(self.hit) + len(self.missed)} ran ({self.share:.1%}); "
            f"missed: {missed}"
        )


def line_coverage(built: Built, blocks: Iterable[int], file: str) -> LineCoverage:
    """Lines of `file` (relative to the target's folder) that the blocks stand for.

    Args:
        built: A `cov` build.
        blocks: Offsets as Machine.coverage() gives them.

    Raises:
        TargetError: objdump is missing or does not understand the build.
    """
    starts, ends = _block_ranges(built.path)
    ran = set(blocks)
    hit: dict[int, bool] = {}
    for line, address in _line_table(built.path, file.rsplit("/", 1)[-1]):
        at = bisect.bisect_right(starts, address) - 1
        if at >= 0 and address < ends[at]:
            hit[line] = hit.get(line, False) or starts[at] in ran
    return LineCoverage(
        tuple(sorted(line for line, ran_it in hit.items() if ran_it)),
        tuple(sorted(line for line, ran_it in hit.items() if not ran_it)),
    )


def file_rows(path: Path) -> list[tuple[int, str, int]]:
    """(address, file name without folders, line) where the line table changes, ascending.

    The name is empty where the code of a source ends.
    """
    rows = []
    for row in objdump(path, "--dwarf=decodedline"):
        if match := _ROW.match(row):
            line = 0 if match[2] == "-" else int(match[2])
            rows.append((int(match[3], 16), match[1] if line else "", line))
    return sorted(rows, key=lambda row: row[0])


def _block_ranges(path: Path) -> tuple[list[int], list[int]]:
    """Where each block's code starts (behind its call) and ends (next call or function)."""
    starts: list[int] = []
    borders: list[int] = []
    pending = False
    for row in objdump(path, "-d", "--no-show-raw-insn"):
        if function := _FUNCTION.match(row):
            borders.append(int(function[1], 16))
        elif (instruction := _INSTRUCTION.match(row)) and pending:
            starts.append(int(instruction[1], 16))
            pending = False
        if call := _CALL.match(row):
            borders.append(int(call[1], 16))
            pending = True
    borders = [*sorted(borders), 1 << 62]
    return starts, [borders[bisect.bisect_right(borders, start)] for start in starts]


def _line_table(path: Path, name: str) -> list[tuple[int, int]]:
    rows = []
    for row in objdump(path, "--dwarf=decodedline"):
        match = _ROW.match(row)
        if match and match[1] == name and match[2] != "-":
            rows.append((int(match[2]), int(match[3], 16)))
    return rows


def objdump(path: Path, *arguments: str) -> list[str]:
    """What objdump prints about a build, line by line.

    Raises:
        TargetError: it is missing or does not understand the build.
    """
    try:
        done = subprocess.run(
            ["objdump", *arguments, str(path)], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise TargetError(
            f"objdump (package binutils) is needed for line coverage: {error}"
        ) from error
    return done.stdout.splitlines()
