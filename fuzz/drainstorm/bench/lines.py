# SPDX-License-Identifier: Apache-2.0
"""This module turns basic blocks that ran into lines of source that ran.

The line table says which lines the code of a block stands for.
"""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drainstorm.bench.blocks import blocks_of, objdump

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from drainstorm.build import Built

_ROW = re.compile(r"^(\S+)\s+(\d+|-)\s+(0x[0-9a-f]+)")  # "-": the code ends here


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
    all_blocks = blocks_of(built.path)
    ran = set(blocks)
    wanted = file.rsplit("/", 1)[-1]
    hit: dict[int, bool] = {}
    for address, name, line in file_rows(built.path):
        at = bisect.bisect_right(all_blocks, address, key=lambda block: block.start) - 1
        if name == wanted and at >= 0 and address < all_blocks[at].end:
            hit[line] = hit.get(line, False) or all_blocks[at].start in ran
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
