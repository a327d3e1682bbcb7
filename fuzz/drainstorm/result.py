# SPDX-License-Identifier: Apache-2.0
"""This module holds what goes into and comes out of a machine besides the case itself."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

    from drainstorm.case import Deviation
    from drainstorm.verdict import Outcome, Verdict

    StrategyKind = Literal["replay", "random", "sticky", "pct", "bytes"]

STRATEGY_KINDS: Final = ("replay", "random", "sticky", "pct", "bytes")
"""Kinds of strategies by number (DS_STRATEGY_* in engine.h)."""

EVENT_KINDS: Final = (
    "none", "operation", "skip", "note", "load", "store", "rmw",
    "cas", "cas-failed", "fence", "lock", "trylock-failed", "unlock",
    "wait", "signal", "broadcast", "create", "start", "join", "exit",
    "once", "poll", "read", "write", "sleep", "yield", "woken",
    "fail",
)  # fmt: skip
"""Kinds of events by number (DS_EV_* in engine.h)."""

MARKS: Final = 8

_K = TypeVar("_K")


@dataclass(frozen=True, slots=True)
class Strategy:
    """What chooses a schedule. Use the constructors; the fields are for printing and storing.

    Args:
        kind: one of STRATEGY_KINDS.
        seed: 64-bit seed; the same seed gives the same run.
        sticky: chance in 256 of leaving the running thread, 1..256 ("sticky" only).
        pct_depth: depth of PCT, 1..32 ("pct" only).
        pct_steps: expected number of choices; 0: the longest run of the batch so far.
    """

    kind: StrategyKind
    seed: int = 0
    sticky: int = 0
    pct_depth: int = 0
    pct_steps: int = 0

    @classmethod
    def replay(cls) -> Strategy:
        """The case's deviations and nothing else."""
        return cls("replay")

    @classmethod
    def random(cls, seed: int) -> Strategy:
        """Uniform over the runnable threads at every scheduling point."""
        return cls("random", seed)

    @classmethod
    def sticky_random(cls, seed: int, *, sticky: int = 32) -> Strategy:
        """Random, but leaves the running thread only with probability sticky/256."""
        return cls("sticky", seed, sticky=sticky)

    @classmethod
    def pct(cls, seed: int, *, depth: int = 3, steps: int = 0) -> Strategy:
        """Random priorities with depth - 1 change points (Burckhardt et al., ASPLOS 2010)."""
        return cls("pct", seed, pct_depth=depth, pct_steps=steps)

    @classmethod
    def from_bytes(cls) -> Strategy:
        """Every byte given to run() answers one question, modulo; then the quiet default."""
        return cls("bytes")

    def with_seed(self, seed: int) -> Strategy:
        """The same strategy with another seed (taken modulo 2**64)."""
        return replace(self, seed=seed & (2**64 - 1))

    @property
    def name(self) -> str:
        """As tables show it: "sticky 1/8", "pct 3"."""
        if self.kind == "sticky":
            whole = 256 % self.sticky == 0 if self.sticky else False
            return f"sticky 1/{256 // self.sticky}" if whole else f"sticky {self.sticky}/256"
        return f"pct {self.pct_depth}" if self.kind == "pct" else self.kind


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a traced run.

    Args:
        kind: one of EVENT_KINDS.
        thread: simulated thread.
        task: name of the logical task, empty: none.
        actor: index of the actor ("operation" and "skip" only).
        step: scheduling points before it, over all threads.
        position: scheduling points before it in its own thread; the anchor of a deviation.
        object: name of the object, empty: none.
        size: bytes accessed.
        value: value read or written; for "operation": code | a << 8 | b << 16.
        old: value before a store or read-modify-write.
        order: memory order as <stdatomic.h> numbers it.
        pc: offset in the target's shared object, 0: none.
        text: note or failure message.
    """

    kind: str
    thread: int
    task: str
    actor: int
    step: int
    position: int
    object: str
    size: int
    value: int
    old: int
    order: int
    pc: int
    text: str


@dataclass(frozen=True, slots=True)
class Waiter:
    """Who waited for what when the run ended in a deadlock.

    Args:
        thread: simulated thread, -1 for a parked task.
        task: name of the task that runs there or is parked, empty: none.
        kind: event kind of the operation that blocks.
        object: name of the object that is waited for, empty: none.
        text: what the driver says that it waits for.
        holder: thread that holds the object, -1: none known.
        holder_task: task that holds it, empty: none known.
        stack: offsets in the target, innermost first.
    """

    thread: int
    task: str
    kind: str
    object: str
    text: str
    holder: int
    holder_task: str
    stack: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """One case run once. Hashes need hashes=True, deviations record=True, events trace=True."""

    verdict: Verdict
    steps: int
    choices: int
    switches: int
    trace_hash: int
    class_hash: int
    virtual_ns: int
    threads: int
    ops_done: int
    ops_skipped: int
    marks: int
    pct_steps: int
    deviations: tuple[Deviation, ...] = ()
    events: tuple[Event, ...] = ()
    waiters: tuple[Waiter, ...] = ()


@dataclass(frozen=True, slots=True)
class Totals:
    """What a batch counted; `a + b` adds two batches (the first failure of `a` comes first).

    Args:
        marked: runs in which the driver set mark 0, 1, ...
        marked_any: runs in which it set any mark.
        new_classes: class hashes that the machine had not seen (hashes=True).
        op_done: operations carried out, by operation name.
        op_skipped: operations whose precondition did not hold, by operation name.
        outcomes: runs by outcome; outcomes that did not occur are missing.
        first_fail: verdict of the first failing run.
        first_fail_strategy: passed to Machine.run(), it repeats that run.
    """

    runs: int = 0
    passed: int = 0
    unknown: int = 0
    failed: int = 0
    steps: int = 0
    choices: int = 0
    switches: int = 0
    marked: tuple[int, ...] = (0,) * MARKS
    marked_any: int = 0
    new_classes: int = 0
    op_done: Mapping[str, int] = field(default_factory=dict)
    op_skipped: Mapping[str, int] = field(default_factory=dict)
    outcomes: Mapping[Outcome, int] = field(default_factory=dict)
    first_fail: Verdict | None = None
    first_fail_strategy: Strategy | None = None

    def __add__(self, other: Totals) -> Totals:
        first = self if self.first_fail is not None else other
        return Totals(
            runs=self.runs + other.runs,
            passed=self.passed + other.passed,
            unknown=self.unknown + other.unknown,
            failed=self.failed + other.failed,
            steps=self.steps + other.steps,
            choices=self.choices + other.choices,
            switches=self.switches + other.switches,
            marked=tuple(a + b for a, b in zip(self.marked, other.marked, strict=True)),
            marked_any=self.marked_any + other.marked_any,
            new_classes=self.new_classes + other.new_classes,
            op_done=_sum(self.op_done, other.op_done),
            op_skipped=_sum(self.op_skipped, other.op_skipped),
            outcomes=_sum(self.outcomes, other.outcomes),
            first_fail=first.first_fail,
            first_fail_strategy=first.first_fail_strategy,
        )

    @property
    def skipped_share(self) -> float:
        """Operations skipped, as a fraction of all that were taken; 0.0 when there were none."""
        skipped = sum(self.op_skipped.values())
        taken = skipped + sum(self.op_done.values())
        return skipped / taken if taken else 0.0


def _sum(a: Mapping[_K, int], b: Mapping[_K, int]) -> dict[_K, int]:
    total = dict(a)
    for key, count in b.items():
        total[key] = total.get(key, 0) + count
    return total
