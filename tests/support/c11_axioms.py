# SPDX-License-Identifier: Apache-2.0
"""What a tiny program of atomic operations may show, by the axioms of C and C++.

An execution is a choice of the store that each read reads (rf) and of an order of the stores to
each object (mo). It is allowed when
  * happens-before and extended coherence order agree: hb ; (rf | mo | rb)+ has no loop;
  * a read-modify-write comes right after the store that it read in mo;
  * seq_cst operations have an order that agrees with both (C++20 [atomics.order] 4, with fences);
  * without load buffering: sb | rf has no loop.
Nothing here is shared with the machine: it knows no clocks, no histories and no schedules.
Exponential in everything; for up to eight operations. All objects are 0 at first.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

RELAXED, ACQUIRE, RELEASE, ACQ_REL, SEQ_CST = 0, 2, 3, 4, 5
ACQUIRES: Final = (ACQUIRE, ACQ_REL, SEQ_CST)
RELEASES: Final = (RELEASE, ACQ_REL, SEQ_CST)


@dataclass(frozen=True, slots=True)
class Step:
    """One operation of a thread.

    Args:
        kind: load, store, exchange, add, replace (stores only where it reads the first value),
            fence.
        order: Memory order as <stdatomic.h> numbers them.
        place: Object; of a fence: -1.
        value: What it stores or adds.
    """

    kind: str
    order: int
    place: int = -1
    value: int = 0


Program = Sequence[Sequence[Step]]
Relation = list[int]
"""For each event the set of events that it is related to, as bits."""

FIRST: Final = -1
"""Thread of the first values."""

READING: Final = ("load", "exchange", "add", "replace")
WRITING: Final = ("store", "exchange", "add")


@dataclass(frozen=True, slots=True)
class Axioms:
    """Which executions are allowed.

    Args:
        buffered_loads: sb | rf may have a loop: load buffering.
        executed: seq_cst operations can also be executed in their order: it agrees with sb and rf.
    """

    buffered_loads: bool = False
    executed: bool = False


STANDARD: Final = Axioms(buffered_loads=True)
MACHINE: Final = Axioms(executed=True)


@dataclass(frozen=True, slots=True)
class _Event:
    thread: int
    number: int
    step: Step
    writes: bool

    @property
    def reads(self) -> bool:
        return self.thread != FIRST and self.step.kind in READING

    def acquires(self) -> bool:
        order = RELAXED if self.step.kind == "replace" and not self.writes else self.step.order
        return order in ACQUIRES and (self.reads or self.step.kind == "fence")

    def releases(self) -> bool:
        return self.step.order in RELEASES and (self.writes or self.step.kind == "fence")

    def is_seq_cst(self) -> bool:
        fails = self.step.kind == "replace" and not self.writes
        return self.step.order == SEQ_CST and not fails


def _closed(relation: Relation) -> Relation:
    """Transitive closure (Warshall)."""
    rows = list(relation)
    for via in range(len(rows)):
        for at in range(len(rows)):
            if rows[at] >> via & 1:
                rows[at] |= rows[via]
    return rows


def _has_loop(closed: Relation) -> bool:
    return any(row >> at & 1 for at, row in enumerate(closed))


def _then(one: Relation, other: Relation) -> Relation:
    """Composition: one step of each."""
    rows = []
    for row in one:
        out = 0
        for via, reached in enumerate(other):
            if row >> via & 1:
                out |= reached
        rows.append(out)
    return rows


def _either(*relations: Relation) -> Relation:
    rows = [0] * len(relations[0])
    for relation in relations:
        rows = [a | b for a, b in zip(rows, relation, strict=True)]
    return rows


class Execution:
    """One choice of rf and mo, and what follows from it."""

    def __init__(self, events: list[_Event], rf: dict[int, int], mo: dict[int, list[int]]) -> None:
        self.events, self.rf, self.mo = events, rf, mo
        count = len(events)
        self.identity = [1 << at for at in range(count)]
        self.sb = [
            sum(
                1 << b
                for b, later in enumerate(events)
                if (later.thread == event.thread and later.number > event.number)
                or (event.thread == FIRST and later.thread != FIRST)
            )
            for event in events
        ]
        self.rf_edges, self.mo_edges, rb = ([0] * count for _ in range(3))
        for read, write in rf.items():
            self.rf_edges[write] |= 1 << read
        for order in mo.values():
            for early, late in itertools.combinations(order, 2):
                self.mo_edges[early] |= 1 << late
        for read, write in rf.items():
            rb[read] = self.mo_edges[write] & ~(1 << read)
        self.eco = _closed(_either(self.rf_edges, self.mo_edges, rb))

    def is_atomic(self) -> bool:
        """Nothing comes between a read-modify-write and what it read."""
        return all(
            order.index(read) == order.index(self.rf[read]) + 1
            for order in self.mo.values()
            for read in order
            if read in self.rf
        )

    def _sequence(self, head: int) -> set[int]:
        """Release sequence by C11: later stores of the same thread continue it as well."""
        order = self.mo[self.events[head].step.place]
        rest = order[order.index(head) + 1 :]
        found = {head}
        for late in rest:
            ours = self.events[late].thread == self.events[head].thread
            if not ours and self.rf.get(late) not in found:
                break
            found.add(late)
        return found

    def synchronizes(self) -> Relation:
        """Release to acquire, directly or through fences."""
        rows = [0] * len(self.events)
        for head, writer in enumerate(self.events):
            if not writer.writes or writer.thread == FIRST:
                continue
            sources = [
                at
                for at, event in enumerate(self.events)
                if event.releases()
                and (at == head or (event.step.kind == "fence" and self.sb[at] >> head & 1))
            ]
            if not sources:
                continue
            sequence = self._sequence(head)
            for read, write in self.rf.items():
                if write not in sequence:
                    continue
                for at, event in enumerate(self.events):
                    after = event.step.kind == "fence" and self.sb[read] >> at & 1
                    if event.acquires() and (at == read or after):
                        for source in sources:
                            rows[source] |= 1 << at
        return rows

    def is_allowed(self, axioms: Axioms) -> bool:
        """By all of them."""
        causes = _either(self.sb, self.rf_edges)
        if not self.is_atomic() or (not axioms.buffered_loads and _has_loop(_closed(causes))):
            return False
        sw = self.synchronizes()
        hb = _closed(_either(self.sb, sw))
        if _has_loop(hb) or _has_loop(_then(hb, self.eco)):
            return False
        order = self._seq_cst(hb, sw)
        return not _has_loop(_closed(_either(order, causes) if axioms.executed else order))

    def _seq_cst(self, hb: Relation, sw: Relation) -> Relation:
        """What the order of seq_cst operations must agree with, between any two of them."""
        ours = [event.is_seq_cst() for event in self.events]
        chosen = sum(1 << at for at, yes in enumerate(ours) if yes)
        fences = sum(
            1 << at
            for at, event in enumerate(self.events)
            if ours[at] and event.step.kind == "fence"
        )
        begins = [
            row | 1 << at if fences >> at & 1 else 1 << at if ours[at] else 0
            for at, row in enumerate(hb)
        ]
        ends = [row & fences | (1 << at if ours[at] else 0) for at, row in enumerate(hb)]
        by_coherence = _then(_then(begins, self.eco), ends)
        both = [row & chosen if ours[at] else 0 for at, row in enumerate(sw)]
        strongly = _closed(_either(self.sb, both, _then(_then(self.sb, hb), self.sb)))
        return _either(by_coherence, [row & chosen * ours[at] for at, row in enumerate(strongly)])

    def outcome(self) -> tuple[int, ...]:
        """What each read returned, thread by thread; then what is left in each object."""
        seen = [self._value(self.rf[at]) for at, event in enumerate(self.events) if event.reads]
        return (*seen, *(self._value(order[-1]) for _, order in sorted(self.mo.items())))

    def _value(self, write: int) -> int:
        step = self.events[write].step
        return step.value + (self._value(self.rf[write]) if step.kind == "add" else 0)


def executions(program: Program, objects: int = 2) -> Iterator[Execution]:
    """Every choice of rf and mo, allowed or not."""
    first = [_Event(FIRST, at, Step("store", RELAXED, at), writes=True) for at in range(objects)]
    steps = [(t, n, step) for t, thread in enumerate(program) for n, step in enumerate(thread)]
    replaces = [at for at, (_, _, step) in enumerate(steps) if step.kind == "replace"]
    for done in itertools.product((False, True), repeat=len(replaces)):
        succeeds = dict(zip(replaces, done, strict=True))
        events = first + [
            _Event(t, n, step, writes=step.kind in WRITING or succeeds.get(at, False))
            for at, (t, n, step) in enumerate(steps)
        ]
        yield from _choices(events, objects)


def _choices(events: list[_Event], objects: int) -> Iterator[Execution]:
    writes = {
        place: [at for at, e in enumerate(events) if e.writes and e.step.place == place]
        for place in range(objects)
    }
    reads = [at for at, event in enumerate(events) if event.reads]
    sources = []
    for read in reads:
        event = events[read]
        fits = [write for write in writes[event.step.place] if write != read]
        if event.step.kind == "replace":  # done exactly when it reads the first value
            fits = [w for w in fits if (events[w].thread == FIRST) == event.writes]
        sources.append(fits)
    orders = [
        [(place, (all_[0], *rest)) for rest in itertools.permutations(all_[1:])]
        for place, all_ in writes.items()
    ]
    for chosen in itertools.product(*sources):
        rf = dict(zip(reads, chosen, strict=True))
        for order in itertools.product(*orders):
            yield Execution(events, rf, {place: list(stores) for place, stores in order})


def outcomes(program: Program, axioms: Axioms) -> set[tuple[int, ...]]:
    """What the program may show: see Execution.outcome()."""
    return {
        execution.outcome() for execution in executions(program) if execution.is_allowed(axioms)
    }
