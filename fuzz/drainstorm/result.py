# SPDX-License-Identifier: Apache-2.0
"""This module holds what goes into and comes out of a machine besides the case itself."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeVar

from drainstorm.verdict import Outcome, Signature

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Literal

    from drainstorm.case import Deviation, Expect
    from drainstorm.suppression import Suppression
    from drainstorm.symbols import Location
    from drainstorm.verdict import Verdict

    StrategyKind = Literal[
        "replay", "random", "sticky", "pct", "bytes", "exhaustive", "pos", "urw", "surw", "rff"
    ]

STRATEGY_KINDS: Final = (
    "replay", "random", "sticky", "pct", "bytes", "exhaustive", "pos", "urw", "surw", "rff",
)  # fmt: skip
"""Kinds of strategies by number (DS_STRATEGY_* in engine.h)."""

EVENT_KINDS: Final = (
    "none", "operation", "skip", "note", "load", "store", "rmw",
    "cas", "cas-failed", "fence", "lock", "trylock-failed", "unlock",
    "wait", "signal", "broadcast", "create", "start", "join", "exit",
    "once", "poll", "read", "write", "sleep", "yield", "woken",
    "fail", "loop", "fault", "await",
)  # fmt: skip
"""Kinds of events by number (DS_EV_* in engine.h)."""

MARKS: Final = 8

BOUNDS: Final = ("history", "stale-reads", "mixed-stores", "accesses", "store-buffer")
"""Names of the machine's approximations, by bit (DS_BOUND_* in engine.h)."""

REMARKS: Final = ("timer", "masked")
"""What is worth knowing of a run and no verdict, by bit (DS_REMARK_* in engine.h)."""

REMARK_WORDS: Final = {
    "timer": "went on only because of a timer while somebody waited for something else",
    "masked": "would have stopped but for a timer, though what somebody waited for held already: "
    "a lost wakeup that the timer hides",
}

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
        preemptions: most switches away from a thread that can run, -1: any number ("exhaustive"
            only).
        obligations: what a run asks for, as Run.obligations says it; 0: drawn ("rff" only).
    """

    kind: StrategyKind
    seed: int = 0
    sticky: int = 0
    pct_depth: int = 0
    pct_steps: int = 0
    preemptions: int = -1
    obligations: int = 0

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
    def pos(cls, seed: int) -> Strategy:
        """Partial order sampling: random priorities of operations (Yuan et al., CAV 2018)."""
        return cls("pos", seed)

    @classmethod
    def urw(cls, seed: int) -> Strategy:
        """Uniform over interleavings, as far as the counts of a profile hold (ALGORITHMS 3.4)."""
        return cls("urw", seed)

    @classmethod
    def surw(cls, seed: int) -> Strategy:
        """Uniform over the orders of the accesses to one object (Zhao et al., ASPLOS 2025)."""
        return cls("surw", seed)

    @classmethod
    def rff(cls, seed: int, *, obligations: int = 0) -> Strategy:
        """POS that asks for one or two reads-from pairs (after Wolff et al., ASPLOS 2024)."""
        return cls("rff", seed, obligations=obligations)

    @classmethod
    def exhaustive(cls, *, preemptions: int = -1) -> Strategy:
        """Every schedule, depth first; for batches, which end when all have been run."""
        return cls("exhaustive", preemptions=preemptions)

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
    """Who waited for what when the run ended because somebody did.

    Args:
        thread: simulated thread, -1 for a parked task.
        task: name of the task that runs there or is parked, empty: none.
        kind: event kind of the operation that blocks.
        object: name of the object that is waited for, empty: none.
        text: what the driver says that it waits for.
        holder: thread that holds the object, -1: none known.
        holder_task: task that holds it, empty: none known.
        stack: offsets in the target, innermost first.
        holders: tasks that hold it, as the driver lists them; `holder_task` is the first of these.
        holders_more: how many others it lists.
    """

    thread: int
    task: str
    kind: str
    object: str
    text: str
    holder: int
    holder_task: str
    stack: tuple[int, ...]
    holders: tuple[str, ...] = ()
    holders_more: int = 0


def race_site(functions: Iterable[str], place: str, *, mixed: bool) -> str:
    """How a data race is called: "f|g", then where it is and whether one of the two is atomic."""
    return " ".join(
        ["|".join(sorted(functions)), *([place] if place else []), *(["(atomic)"] if mixed else [])]
    )


def functions_of(signature: Signature) -> str:
    """Between which two functions a data race is: "f|g"."""
    return signature.site.partition(" ")[0]


@dataclass(frozen=True, slots=True)
class Race:
    """Two accesses to the same bytes, at least one a write, that nothing orders.

    Args:
        here, there: source places of the access that was noticed, and of the one before it.
        write, other_write: whether each of them writes.
        mixed: whether one of the two is atomic.
        thread, other_thread: simulated threads that made them when it was first seen.
        object: name of what they touched, empty: none known.
        place: the variable or the word of a heap block, the same in every run; empty: none known.
        count: runs in which it was seen.
        first_seed: seed of the first of these runs.
        is_suppressed: whether it counts as no failure.
        pc, other_pc: offsets in the target's shared object, 0: none known.
    """

    here: Location
    there: Location
    write: bool
    other_write: bool
    mixed: bool
    thread: int
    other_thread: int
    object: str
    place: str
    count: int
    first_seed: int
    is_suppressed: bool
    pc: int
    other_pc: int

    @property
    def site(self) -> str:
        """Its name, the same whichever access came first."""
        return race_site((self.here.function, self.there.function), self.place, mixed=self.mixed)

    @property
    def signature(self) -> Signature:
        """What a finding of this race has."""
        return Signature(Outcome.RACE, "", self.site)

    def is_meant_by(self, suppression: Suppression) -> bool:
        """Whether the target's description says that this race is no finding."""
        function = suppression.function
        if isinstance(function, tuple):
            one, two = function
            return (_is_at(self.here, one) and _is_at(self.there, two)) or (
                _is_at(self.here, two) and _is_at(self.there, one)
            )
        where = (function, suppression.file, suppression.line, suppression.macro)
        return _is_at(self.here, *where) or _is_at(self.there, *where)

    def __str__(self) -> str:
        verbs = tuple("write" if write else "read" for write in (self.write, self.other_write))
        kind = "atomic against plain" if self.mixed else "plain"
        what = f" of {self.object}" if self.object else ""
        return (
            f"{verbs[0]}{what} in {self.here} by T{self.thread}, not ordered after the "
            f"{verbs[1]} in {self.there} by T{self.other_thread} ({kind})"
        )


def _is_at(place: Location, function: str, file: str = "", line: int = 0, macro: str = "") -> bool:
    """Whether a place is in this function (inlined or not), file, line and macro; empty, 0: any."""
    return (
        function in ("", place.function, *place.inlined_into)
        and file in ("", place.file)
        and line in (0, place.line)
        and macro in ("", *place.macros)
    )


def races_meant_by(signature: Signature) -> Callable[[Race], bool]:
    """For `Runner.judging()`: which races count while this signature is looked for.

    Others of the same run would otherwise be its verdict; a rule that breaks ends a run before.
    """
    return lambda race: race.signature == signature


def races_expected(expect: Expect | None) -> Callable[[Race], bool] | None:
    """For `Runner.judging()`: which races count while a stored case is replayed.

    A case that shall fail with one race, or in another way, is not judged by other races.
    """
    if expect is None or expect.verdict != "FAIL" or (expect.rule == "race" and not expect.site):
        return None
    return lambda race: race.signature.meets(expect)


@dataclass(frozen=True, slots=True)
class Run:
    """One case run once. Hashes need hashes=True, deviations record=True, events trace=True.

    `races` are all of this run, suppressed ones too; the verdict names the first that is not.
    `remarks` are words of REMARKS. `runnable`: threads that could run while `waiters` slept.
    """

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
    obligations: int = 0
    deviations: tuple[Deviation, ...] = ()
    events: tuple[Event, ...] = ()
    waiters: tuple[Waiter, ...] = ()
    runnable: int = 0
    races: tuple[Race, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Totals:
    """What a batch counted; `a + b` adds two batches (the first failure of `a` comes first).

    Args:
        marked: runs in which the driver set mark 0, 1, ...
        marked_any: runs in which it set any mark.
        shared: runs in which two threads did something to the same object (hashes=True); plain
            accesses do not count.
        new_classes: class hashes that the machine had not seen (hashes=True).
        single_classes: how many more classes than before exactly one run has shown; may be
            negative (hashes=True).
        suppressed: runs that did not fail but showed a suppressed data race.
        op_done: operations carried out, by operation name.
        op_skipped: operations whose precondition did not hold, by operation name.
        observed: runs by the value that the driver observed; runs that observed none are missing.
        exhausted: every schedule was run ("exhaustive").
        remarked: runs by remark (REMARKS); remarks that no run has are missing.
        first_remarked: by remark, the strategy that repeats the first such run.
        bounded: runs in which the machine showed less than the memory model allows, by BOUNDS.
        outcomes: runs by outcome; outcomes that did not occur are missing.
        not_simulated: runs by what the machine does not imitate and they came to; the first few.
        first_fail: verdict of the first failing run.
        first_fail_strategy: passed to Machine.run(), it repeats that run.
        first_fail_deviations: a replay of these repeats it, too (record=True).
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
    shared: int = 0
    new_classes: int = 0
    single_classes: int = 0
    suppressed: int = 0
    op_done: Mapping[str, int] = field(default_factory=dict)
    op_skipped: Mapping[str, int] = field(default_factory=dict)
    observed: Mapping[int, int] = field(default_factory=dict)
    exhausted: bool = False
    bounded: Mapping[str, int] = field(default_factory=dict)
    remarked: Mapping[str, int] = field(default_factory=dict)
    first_remarked: Mapping[str, Strategy] = field(default_factory=dict)
    outcomes: Mapping[Outcome, int] = field(default_factory=dict)
    not_simulated: Mapping[str, int] = field(default_factory=dict)
    first_fail: Verdict | None = None
    first_fail_strategy: Strategy | None = None
    first_fail_deviations: tuple[Deviation, ...] = ()

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
            shared=self.shared + other.shared,
            new_classes=self.new_classes + other.new_classes,
            single_classes=self.single_classes + other.single_classes,
            suppressed=self.suppressed + other.suppressed,
            op_done=_sum(self.op_done, other.op_done),
            op_skipped=_sum(self.op_skipped, other.op_skipped),
            observed=_sum(self.observed, other.observed),
            exhausted=self.exhausted or other.exhausted,
            bounded=_sum(self.bounded, other.bounded),
            remarked=_sum(self.remarked, other.remarked),
            first_remarked={**other.first_remarked, **self.first_remarked},
            outcomes=_sum(self.outcomes, other.outcomes),
            not_simulated=_sum(self.not_simulated, other.not_simulated),
            first_fail=first.first_fail,
            first_fail_strategy=first.first_fail_strategy,
            first_fail_deviations=first.first_fail_deviations,
        )

    @property
    def unseen_share(self) -> float:
        """Chance that one more run shows a class of traces that no run has shown, 0.0 .. 1.0.

        Good-Turing: classes seen once, divided by runs. The hunt changes programs and strategies
        as it goes, so this is an estimate for more of the same. 1.0 when nothing was run.

        Source: Good, "The population frequencies of species", Biometrika 1953.
        """
        return min(1.0, max(0, self.single_classes) / self.runs) if self.runs else 1.0

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
