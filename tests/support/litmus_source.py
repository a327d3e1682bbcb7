# SPDX-License-Identifier: Apache-2.0
"""The programs of targets/litmus/src/litmus.c as the axioms take them, read from the C source."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from support import c11_axioms
from support.c11_axioms import Axioms, Step, outcomes

PROGRAM: Final = re.compile(r"^PROGRAM_(\d)\((\w+), (.*?);\)$", re.MULTILINE | re.DOTALL)
STATEMENT: Final = re.compile(r"(?:(\w) = )?(\w+)\(([^)]*)\)")
ORDERS: Final = {
    "RLX": c11_axioms.RELAXED,
    "ACQ": c11_axioms.ACQUIRE,
    "REL": c11_axioms.RELEASE,
    "AR": c11_axioms.ACQ_REL,
    "SC": c11_axioms.SEQ_CST,
}
REGISTERS: Final = "abcdxy"


@dataclass(frozen=True, slots=True)
class Litmus:
    """One program.

    Args:
        threads: Operations of each.
        registers: What each read is kept in, thread by thread.
    """

    threads: tuple[tuple[Step, ...], ...]
    registers: tuple[str, ...]

    def outcomes(self, axioms: Axioms) -> set[tuple[int, ...]]:
        """Allowed values of REGISTERS; one that is not used is 0."""
        return {
            tuple(dict(zip((*self.registers, "x", "y"), seen, strict=True)).get(name, 0)
                  for name in REGISTERS)
            for seen in outcomes(self.threads, axioms)
        }  # fmt: skip


def programs(source: Path) -> dict[str, Litmus]:
    """All programs of the file, by name."""
    found = {}
    for count, name, body in PROGRAM.findall(source.read_text("utf-8")):
        threads = [_steps(thread) for thread in re.split(r";\s*,\s*", body)]
        assert len(threads) == int(count)
        found[name] = Litmus(
            tuple(tuple(step for _, step in steps) for steps in threads),
            tuple(register for steps in threads for register, _ in steps if register),
        )
    return found


def _steps(thread: str) -> list[tuple[str, Step]]:
    steps = []
    for statement in thread.split(";"):
        matched = STATEMENT.fullmatch(statement.strip())
        assert matched, statement
        register, name, words = matched.groups()
        steps.append((register or "", _step(name, [word.strip() for word in words.split(",")])))
    return steps


def _step(name: str, words: list[str]) -> Step:
    order = ORDERS[words[-1]]
    if name == "FENCE":
        return Step("fence", order)
    place = "xy".index(words[0])
    if name == "W":
        return Step("store", order, place, int(words[1]))
    return Step("load", order, place) if name == "R" else Step("add", order, place, 1)
