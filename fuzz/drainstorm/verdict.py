# SPDX-License-Identifier: Apache-2.0
"""This module says what a run's result means: verdict, outcome, signature."""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drainstorm.case import Expect

if TYPE_CHECKING:
    from typing import Literal

    VerdictKind = Literal["PASS", "UNKNOWN", "FAIL"]


class Outcome(enum.IntEnum):
    """Why a run ended; mirrors DS_OK .. of engine.h."""

    OK = 0
    RULE = 1
    DEADLOCK = 2
    ASSERT = 3
    ABORT = 4
    SEGV = 5
    ARITHMETIC = 6
    STACK = 7
    LOCK_MISUSE = 8
    BAD_FREE = 9
    HANG = 10
    STEP_LIMIT = 11
    THREAD_LIMIT = 12
    MEMORY_LIMIT = 13
    UNSUPPORTED = 14
    RACE = 15
    USE_AFTER_FREE = 16
    OUT_OF_BOUNDS = 17
    LEAK = 18
    LOST_WAKEUP = 19
    USE_AFTER_RETURN = 20
    LIVELOCK = 21
    STARVATION = 22

    @property
    def word(self) -> str:
        """The outcome as it is printed: "lock-misuse"."""
        return self.name.lower().replace("_", "-")

    @property
    def kind(self) -> VerdictKind:
        """The verdict that this outcome means."""
        if self is Outcome.OK:
            return "PASS"
        return "UNKNOWN" if Outcome.HANG <= self <= Outcome.UNSUPPORTED else "FAIL"


@dataclass(frozen=True, slots=True, order=True)
class Signature:
    """By what findings are compared: two runs with one signature show the same defect.

    Args:
        outcome: why the run ended.
        rule: rule id, empty when the machine itself judged.
        site: the driver's name of the check, or the failed expression.
    """

    outcome: Outcome
    rule: str = ""
    site: str = ""

    def __str__(self) -> str:
        return str(self.expect())

    @property
    def bucket(self) -> str:
        """Eight hexadecimal digits: name of the folder in which such findings are kept."""
        text = f"{self.outcome.word}\0{self.rule}\0{self.site}"
        return hashlib.sha1(text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()[:8]

    @property
    def judged(self) -> str:
        """The rule that was broken; where the machine itself judged, the outcome's word."""
        return self.rule or self.outcome.word

    def meets(self, expect: Expect) -> bool:
        """Whether it is the expected one; empty fields of `expect` match everything.

        The two functions of a data race stand for all their races.
        """
        mine = self.expect().cleaned()
        return (
            expect.verdict == mine.verdict
            and expect.rule in ("", mine.rule)
            and (
                expect.site in ("", mine.site)
                or (self.outcome is Outcome.RACE and mine.site.startswith(f"{expect.site} "))
            )
        )

    def expect(self) -> Expect:
        """The expectation that exactly this signature meets."""
        if self.outcome is Outcome.OK:
            return Expect("PASS")
        return Expect(self.outcome.kind, self.judged, self.site)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a run ended.

    Args:
        kind: "PASS", "UNKNOWN" (a bound was reached, the trace was cut) or "FAIL".
        outcome: why.
        rule: rule id, empty when the machine itself judged.
        site: stable name of the check or the failed expression.
        message: one sentence with this run's values.
        thread: simulated thread that was running.
        task: name of the logical task that was running there, empty: none known.
        pc: offset in the target's shared object where it happened, 0: none known.
        other_pc: its other side: the earlier access of a race, the free of a use after free.
    """

    kind: VerdictKind
    outcome: Outcome
    rule: str = ""
    site: str = ""
    message: str = ""
    thread: int = 0
    task: str = ""
    pc: int = 0
    other_pc: int = 0

    @property
    def signature(self) -> Signature:
        """What stays the same when the case shrinks."""
        return Signature(self.outcome, self.rule, self.site)

    @property
    def judged(self) -> str:
        """The rule that was broken; where the machine itself judged, the outcome's word."""
        return self.signature.judged

    def matches(self, expect: Expect) -> bool:
        """Whether this is the expected verdict; empty fields of `expect` match everything."""
        return self.signature.meets(expect)

    def __str__(self) -> str:
        return str(self.signature)
