# SPDX-License-Identifier: Apache-2.0
"""This module turns basic blocks that ran into branches of the sources that were taken.

A branch is a way through a function, counted once however many files include the function: where
one of its basic blocks begins; blocks that only fail are none.
"""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from drainstorm.bench.blocks import blocks_of
from drainstorm.bench.lines import file_rows
from drainstorm.errors import TargetError
from drainstorm.symbols import Symbols

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from drainstorm.build import Built


@dataclass(frozen=True, slots=True, order=True)
class Branch:
    """A way through a function.

    Args:
        file: Relative to the target's folder, "src/block/io.c".
        function: Its name in the source.
        line: Where its first instruction stands.
        which: Of the blocks of that function that begin on that line, counted from 0.
    """

    file: str
    line: int
    function: str
    which: int


@dataclass(frozen=True, slots=True)
class Reason:
    """Why branches are not taken: those of a function that begin with this text.

    Args:
        file: Relative to the target's folder.
        function: Its name.
        text: The source line without its indentation; "": all of the function.
        words: The reason.
    """

    file: str
    function: str
    text: str
    words: str

    def covers(self, branch: Branch, text: str) -> bool:
        """Is it about this branch, which begins on a line of this text?"""
        same = (self.file, self.function) == (branch.file, branch.function)
        return same and self.text in ("", text)


def branches_of(built: Built, files: Iterable[Path]) -> dict[Branch, frozenset[int]]:
    """All branches of these files, each with the blocks that stand for it.

    Args:
        built: A `cov` build.
        files: Sources and headers of its target; no two with one name.

    Returns:
        Offsets as Machine.coverage() gives them; without the blocks that only fail.

    Raises:
        TargetError: objdump is missing or does not understand the build.
    """
    wanted = {path.name: path.relative_to(built.spec.folder).as_posix() for path in files}
    blocks = [block for block in blocks_of(built.path) if not block.fails]
    # locate() takes return addresses: one behind the instruction that is meant.
    places = Symbols(built.path).locate(block.start + 1 for block in blocks)
    rows = file_rows(built.path)
    found: dict[Branch, set[int]] = {}
    counts: dict[tuple[int, Branch], int] = {}
    for block in blocks:
        at = places[block.start + 1]
        row = bisect.bisect_right(rows, block.start, key=lambda row: row[0]) - 1
        _, name, line = rows[row] if row >= 0 else (0, "", 0)
        file = wanted.get(name, "")
        # addr2line knows folders, but calls a header by its includer's name where that begins
        # with a function of the header.
        if not file or (at.file.endswith(f"/{name}") and at.file != file):
            continue
        first = Branch(file, line, at.function, 0)
        which = counts.get((block.function, first), 0)
        counts[block.function, first] = which + 1
        found.setdefault(replace(first, which=which), set()).add(block.start)
    return {branch: frozenset(starts) for branch, starts in sorted(found.items())}


def taken(branches: Mapping[Branch, frozenset[int]], blocks: Iterable[int]) -> frozenset[Branch]:
    """Those of the branches for which any of the blocks stands."""
    ran = frozenset(blocks)
    return frozenset(branch for branch, starts in branches.items() if starts & ran)


def source_text(folder: Path, branch: Branch) -> str:
    """The line where it begins, without its indentation."""
    lines = (folder / branch.file).read_text("utf-8").splitlines()
    return lines[branch.line - 1].strip() if 0 < branch.line <= len(lines) else ""


_ENTRY: Final = re.compile(r"^- `([^`]+)` `([^`]+)`(?: `([^`]+)`)?: (.+)$")


def read_reasons(path: Path) -> tuple[Reason, ...]:
    """The entries of a table of reasons; none if there is no such file.

    An entry is one line, "- `file` `function` `source text`: reason"; without the text it is about
    the whole function.

    Raises:
        TargetError: a line begins like an entry and is none.
    """
    if not path.exists():
        return ()
    reasons = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if match := _ENTRY.match(line):
            reasons.append(Reason(match[1], match[2], match[3] or "", match[4]))
        elif line.startswith("- `"):
            raise TargetError(f"{path}:{number}: wanted '- `file` `function` `text`: reason'")
    return tuple(reasons)
