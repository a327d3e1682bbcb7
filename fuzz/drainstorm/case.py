# SPDX-License-Identifier: Apache-2.0
"""This module holds the case: program + schedule + limits, the unit that is run and stored.

Values only: no files (`text`, `binary`), no target code (`machine`). What an operation code or an
actor number means stands in the target's `TargetSpec`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drainstorm.spec import TargetSpec

FAULTS: Final = ("wakeup", "memory", "thread", "short", "interrupt", "timer")
"""Names of what may go wrong because the schedule says so, by bit (DS_FAULT_* in engine.h)."""

FAULTS_MOST: Final = 3
"""A strategy lets at most so many faults happen in one run; a replay as many as its case says."""

KINDS: Final = ("run", "signal", "read", "spurious", "flush", *FAULTS)
"""Names of the questions that the machine asks, by `Deviation.kind` (DS_KIND_* in engine.h)."""

MODELS: Final = ("sc", "c11", "tso", "c11-graph")
"""Names of the memory models, by number (DS_MODEL_* in engine.h)."""

CHECKS: Final = ("access", "leak", "spurious", "c20-sequences", "volatile")
"""Names of what is judged or allowed besides the rules, by bit (DS_CHECK_* in engine.h)."""

CHECKS_DEFAULT: Final = ("access", "leak")

VERDICTS: Final = ("PASS", "UNKNOWN", "FAIL")
"""Names of the verdicts, by number (DS_PASS .. in engine.h)."""

OPERATIONS_MAX: Final = 4096
DEVIATIONS_MAX: Final = 4096
STORY_LINES_MAX: Final = 256
TEXT_CHARACTERS_MAX: Final = 1000
THREAD_ID_MAX: Final = 2**16 - 1
COUNT_MAX: Final = 2**32 - 1
STEPS_DEFAULT: Final = 20_000
STEPS_MAX: Final = 1_000_000
THREADS_MAX: Final = 192
PLACES_MAX: Final = 64
LINE_MAX: Final = 9_999_999

_PLACE: Final = re.compile(r"([^\s:#][^\s:]{0,254}):([1-9][0-9]{0,6})\Z")


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that an actor does.

    Args:
        actor: index in the target's actors; 0 is the main thread.
        code: 1-based position in the target's operations; 0 is the no-op.
        a: first operand, 0..255, taken modulo the live objects by the driver.
        b: second operand, likewise.
        note: one line of prose behind the operation, without influence.
    """

    actor: int
    code: int
    a: int = 0
    b: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Deviation:
    """One answer that differs from the quiet default.

    Args:
        kind: index into KINDS: which question.
        thread: simulated thread that was asked, 0..65535.
        position: that thread's own count of such questions before this one.
        answer: for "run" the thread that goes on, else the machine's numbering.
    """

    kind: int
    thread: int
    position: int
    answer: int


@dataclass(frozen=True, slots=True)
class Limits:
    """What ends a run with UNKNOWN, under which memory model it runs and what is judged.

    Args:
        steps: scheduling points, 1..STEPS_MAX.
        threads: simulated threads, 1..THREADS_MAX; 0 means what the target's description says.
        model: memory model, one of MODELS.
        checks: any of CHECKS, in their order.
        faults: what may go wrong: any of FAULTS, in their order.
    """

    steps: int = STEPS_DEFAULT
    threads: int = 0
    model: str = "c11"
    checks: tuple[str, ...] = CHECKS_DEFAULT
    faults: tuple[str, ...] = ()

    def clipped(self) -> Limits:
        """The nearest limits that are valid."""
        model = self.model if self.model in MODELS else MODELS[0]
        steps = min(max(self.steps, 1), STEPS_MAX)
        checks = tuple(check for check in CHECKS if check in self.checks)
        faults = faults_of(self.faults)
        return Limits(steps, min(max(self.threads, 0), THREADS_MAX), model, checks, faults)

    @property
    def check_bits(self) -> int:
        """The checks as a mask: bit i is CHECKS[i]."""
        return sum(1 << CHECKS.index(check) for check in self.checks)

    @property
    def fault_bits(self) -> int:
        """The faults as a mask: bit i is FAULTS[i]."""
        return sum(1 << FAULTS.index(fault) for fault in self.faults)


def checks_of(bits: int) -> tuple[str, ...]:
    """The checks whose bits are set; other bits mean nothing."""
    return tuple(check for bit, check in enumerate(CHECKS) if bits >> bit & 1)


def faults_of(words: Iterable[str]) -> tuple[str, ...]:
    """The faults that are named, in the order of FAULTS; other words mean nothing."""
    named = frozenset(words)
    return tuple(fault for fault in FAULTS if fault in named)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A line of the target's source; stands for all plain accesses that are written there.

    A line means the same in every build that has it, and wherever a compiler inlines it.

    Args:
        file: path relative to the target's folder, without blanks and colons.
        line: 1..LINE_MAX.
    """

    file: str
    line: int

    @classmethod
    def parse(cls, word: str) -> Place | None:
        """The place that "src/aio.c:17" means; None: it means none."""
        match = _PLACE.match(word)
        if match is None or not word.isprintable():
            return None
        return cls(match[1], int(match[2]))

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def unique_places(places: Iterable[Place]) -> tuple[Place, ...]:
    """Places sorted, each once; those that cannot be written are dropped."""
    return tuple(sorted({p for p in places if Place.parse(str(p)) == p}))[:PLACES_MAX]


@dataclass(frozen=True, slots=True)
class Expect:
    """The verdict that a stored case must get.

    Args:
        verdict: one of VERDICTS.
        rule: rule id ("R3") or, where the machine itself judges, the outcome's word ("deadlock").
            Empty: any.
        site: the driver's name of the check or the failed expression. Empty: any.
    """

    verdict: str
    rule: str = ""
    site: str = ""

    def __str__(self) -> str:
        return " ".join(word for word in (self.verdict, self.rule, self.site) if word)

    def cleaned(self) -> Expect:
        """The same in the form in which it can be stored: a rule is one word."""
        rule = clean_text(self.rule).replace(" ", "-")
        return Expect(self.verdict, rule, clean_text(self.site) if rule else "")


@dataclass(frozen=True, slots=True)
class Case:
    """A program with a schedule, its limits and what is known about it.

    Args:
        target: name of the target that the codes belong to.
        program: operations; only the order within an actor has a meaning.
        schedule: answers that differ from the quiet default, each at its own anchor.
        limits: what ends the run.
        expect: the verdict that it must get; None: nobody has said.
        bug: planted bug with which `expect` holds; empty: the shipped implementation.
        story: lines of prose for the reader.
        relaxed: where plain accesses are carried out as relaxed atomic ones: as scheduling points
            that may read old values and are in no race.
    """

    target: str
    program: tuple[Operation, ...]
    schedule: tuple[Deviation, ...] = ()
    limits: Limits = field(default_factory=Limits)
    expect: Expect | None = None
    bug: str = ""
    story: tuple[str, ...] = ()
    relaxed: tuple[Place, ...] = ()

    def normalised(self, spec: TargetSpec) -> Case:
        """The same case in the only form in which it is stored.

        No-ops and operations that their actor may not do are gone, unused operands are 0, the
        schedule is sorted with one answer per anchor (the last one), texts are one clean line
        each, limits are in range. Idempotent.
        """
        program = [kept for op in self.program if (kept := _normalised(op, spec)) is not None]
        expect = self.expect.cleaned() if self.expect is not None else None
        return replace(
            self,
            target=spec.name,
            program=tuple(program[:OPERATIONS_MAX]),
            schedule=unique_schedule(self.schedule),
            limits=self.limits.clipped(),
            expect=expect if expect is not None and expect.verdict in VERDICTS else None,
            bug=self.bug if spec.has_bug(self.bug) else "",
            story=tuple(clean_text(line) for line in self.story[:STORY_LINES_MAX]),
            relaxed=unique_places(self.relaxed),
        )


def unique_schedule(deviations: Iterable[Deviation]) -> tuple[Deviation, ...]:
    """Deviations sorted, one per anchor: the last one. Numbers out of range are dropped."""
    by_anchor = {
        (d.kind, d.thread, d.position): d
        for d in deviations
        if 0 <= d.kind < len(KINDS)
        and 0 <= d.thread <= THREAD_ID_MAX
        and 0 <= d.position <= COUNT_MAX
        and 0 <= d.answer <= COUNT_MAX
    }
    return tuple(by_anchor[anchor] for anchor in sorted(by_anchor))[:DEVIATIONS_MAX]


def clean_text(text: str) -> str:
    """One line of printable characters: whitespace collapsed, control characters dropped.

    A case may come from a stranger and is printed on terminals.
    """
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()[:TEXT_CHARACTERS_MAX].rstrip()
    words = "".join(c if c.isprintable() else " " if c.isspace() else "" for c in text).split()
    return " ".join(words)[:TEXT_CHARACTERS_MAX].rstrip()


def _normalised(op: Operation, spec: TargetSpec) -> Operation | None:
    if not spec.allows(op.actor, op.code):
        return None
    operands = len(spec.operations[op.code - 1].operands)
    a = op.a & 0xFF if operands > 0 else 0
    b = op.b & 0xFF if operands > 1 else 0
    return Operation(op.actor, op.code, a, b, clean_text(op.note))
