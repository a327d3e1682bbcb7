# SPDX-License-Identifier: Apache-2.0
"""This module finds the basic blocks of a `cov` build in its machine code.

The compiler calls back at the start of every basic block: a block is what lies between one call and
the next one in the same function. Blocks from which every way ends in a failed assertion or abort()
are told apart: correct code never takes them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from drainstorm.compiler import find_tool, run_tool

if TYPE_CHECKING:
    from pathlib import Path

_FUNCTION: Final = re.compile(r"^([0-9a-f]+) <([^>]+)>:")
_INSTRUCTION: Final = re.compile(r"^\s*([0-9a-f]+):\t(?:(?:bnd|notrack)\s+)?(\S+)\s*(.*)")
_TARGET: Final = re.compile(r"^([0-9a-f]+) <([^>]+)>")
_ANNOUNCES: Final = "__sanitizer_cov_trace_pc"
_FAILS: Final = frozenset({"__assert_fail", "abort", "__tsan_init"})  # the last: the compiler's own


@dataclass(slots=True)
class Block:
    """A basic block.

    Args:
        start: Offset of the instruction behind the call that announces it.
        end: Offset behind its last instruction: the next such call, or the next function.
        function: Offset of its function.
        fails: Whether it leads nowhere else than to a failure.
    """

    start: int
    end: int
    function: int
    fails: bool = False


def blocks_of(path: Path) -> list[Block]:
    """The blocks of a build, in the order of their addresses.

    Raises:
        TargetError: objdump is missing or does not understand the build.
    """
    return _Code(path).blocks


def objdump(path: Path, *arguments: str) -> list[str]:
    """What objdump prints about a build, line by line.

    Raises:
        TargetError: it is missing or does not understand the build.
    """
    command = [find_tool("objdump"), *arguments, str(path)]
    return run_tool(command, what=f"reading the code of {path.name}").splitlines()


class _Code:
    """The instructions of a build and its blocks."""

    def __init__(self, path: Path) -> None:
        self.blocks: list[Block] = []
        self._rows: list[tuple[str, str]] = []  # mnemonic, operands
        self._index: dict[int, int] = {}  # of the instruction at an address
        function, is_announced = 0, False
        for row in objdump(path, "-d", "--no-show-raw-insn"):
            if match := _FUNCTION.match(row):
                function = int(match[1], 16)
                self._end_at(function)
            elif match := _INSTRUCTION.match(row):
                address, index = int(match[1], 16), len(self._rows)
                self._index[address] = index
                self._rows.append((match[2], match[3]))
                if is_announced:
                    self.blocks.append(Block(address, -1, function))
                is_announced = self._called(index) == _ANNOUNCES
                if is_announced:
                    self._end_at(address)
        self._end_at(1 << 62)
        self._judge()

    def _end_at(self, address: int) -> None:
        if self.blocks and self.blocks[-1].end < 0:
            self.blocks[-1].end = address

    def _called(self, index: int) -> str:
        mnemonic, operands = self._rows[index]
        match = _TARGET.match(operands) if mnemonic.startswith("call") else None
        return match[2].split("@")[0] if match else ""

    def _judge(self) -> None:
        """A block fails if it leads nowhere else than to a failure or to blocks that fail."""
        first = [self._index[block.start] for block in self.blocks]
        next_of = {index: self._next(index) for index in first}
        failing: set[int] = set()
        while more := {
            index
            for index, following in next_of.items()
            if index not in failing and following is not None and following <= failing
        }:
            failing |= more
        for block, index in zip(self.blocks, first, strict=True):
            block.fails = index in failing

    def _next(self, start: int) -> frozenset[int] | None:
        """First instructions of the blocks that may follow the one that starts with this one.

        None: it may leave the function.
        """
        following, seen, waiting = set[int](), set[int](), [start]
        while waiting:
            index = waiting.pop()
            if index in seen or index >= len(self._rows):
                continue
            seen.add(index)
            mnemonic, operands = self._rows[index]
            if self._called(index) == _ANNOUNCES:
                following.add(index + 1)
            elif mnemonic.startswith("ret"):
                return None
            elif mnemonic.startswith("j"):
                match = _TARGET.match(operands)
                target = self._index.get(int(match[1], 16)) if match else None
                if target is None:
                    return None
                waiting.append(target)
                if mnemonic != "jmp":
                    waiting.append(index + 1)
            elif self._called(index) not in _FAILS:
                waiting.append(index + 1)
        return frozenset(following)
