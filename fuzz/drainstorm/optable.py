# SPDX-License-Identifier: Apache-2.0
"""This module turns a target's operation table into what the program generator asks it.

Nothing here knows a lock or a drain. That two operations open and close something, that one
makes sense only in between, that one operand kind is an actor which must be launched: all of it
stands in `target.toml`. It shapes what is *likely*; what is *legal* the driver alone decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drainstorm.case import Operation
    from drainstorm.spec import TargetSpec


@dataclass(frozen=True, slots=True)
class Entry:
    """One operation as the generator sees it; codes are 1-based, 0 means none.

    Args:
        closes: code of the operation whose effect this one ends.
        inside: code of the operation whose effect must last.
        outside: code of the operation whose effect must not last.
        launches: kind of actor that this operation sets going; empty: none.
        makes: operand kind of which this operation sets up one more; empty: none.
        removes: operand kind of which this operation takes one away; empty: none.
        group: what it belongs to; empty: to everything.
    """

    code: int
    name: str
    actors: frozenset[str]
    operands: tuple[str, ...]
    weight: float
    opens: bool
    closes: int
    inside: int
    outside: int
    launches: str
    makes: str
    removes: str
    group: str


@dataclass(slots=True)
class Script:
    """How far an actor's script has come: what it holds and what it has set up.

    Args:
        held: codes of openers whose effect lasts.
        live: how many objects of an operand kind the script has set up and not taken away.
    """

    held: set[int]
    live: dict[str, int]

    @classmethod
    def empty(cls) -> Script:
        """Nothing held, nothing set up."""
        return cls(set(), {})

    def allows(self, entry: Entry) -> bool:
        """Whether the operation can be carried out here, as far as a script alone can tell."""
        if entry.opens and entry.code in self.held:
            return False
        if entry.closes and entry.closes not in self.held:
            return False
        if entry.inside and entry.inside not in self.held:
            return False
        if entry.removes and self.live.get(entry.removes, 0) <= 0:
            return False
        return not entry.outside or entry.outside not in self.held

    def advance(self, entry: Entry) -> None:
        """Note that the operation was carried out."""
        if entry.opens:
            self.held.add(entry.code)
        if entry.closes:
            self.held.discard(entry.closes)
        if entry.makes:
            self.live[entry.makes] = self.live.get(entry.makes, 0) + 1
        if entry.removes:
            self.live[entry.removes] = self.live.get(entry.removes, 0) - 1


class OperationTable:
    """A target's operations, by code and by who may do them."""

    def __init__(self, spec: TargetSpec) -> None:
        codes = {op.name: code for code, op in enumerate(spec.operations, 1)}
        hints = spec.generate
        openers = {codes[opener] for opener, _ in hints.pairs}
        closes = {codes[closer]: codes[opener] for opener, closer in hints.pairs}
        inside = {codes[name]: codes[opener] for name, opener in hints.inside.items()}
        outside = {codes[name]: codes[opener] for name, opener in hints.outside.items()}
        kinds = [actor.kind for actor in spec.actors]
        self.root_kind = kinds[0]
        self.counts = {actor.kind: actor.count for actor in spec.actors}
        starts = accumulate(self.counts.values(), initial=0)
        self.first_index = dict(zip(kinds, starts, strict=False))
        self.entries = tuple(
            Entry(
                code=code,
                name=op.name,
                actors=frozenset(op.actors),
                operands=tuple(op.operands),
                weight=op.weight,
                opens=code in openers,
                closes=closes.get(code, 0),
                inside=inside.get(code, 0),
                outside=outside.get(code, 0),
                launches=next((k for k in op.operands if k in kinds), ""),
                makes=hints.makes.get(op.name, ""),
                removes=hints.removes.get(op.name, ""),
                group=op.group,
            )
            for code, op in enumerate(spec.operations, 1)
        )
        self.launchers = {e.launches: e for e in self.entries if e.launches}
        self.makers = tuple(e for e in self.entries if e.makes)
        self.groups = tuple(dict.fromkeys(e.group for e in self.entries if e.group))
        self.closer = {e.closes: e for e in self.entries if e.closes}
        self._groups = {e.code: self._groups_with(e) for e in self.entries}

    def entry(self, code: int) -> Entry:
        """The operation with this code, 1..number of operations."""
        return self.entries[code - 1]

    def groups_of(self, entry: Entry) -> frozenset[str]:
        """Groups whose programs want this operation: its own; empty: all.

        An operation that makes sense only inside another one brings that one along, and its end.
        """
        return self._groups[entry.code]

    def _groups_with(self, entry: Entry) -> frozenset[str]:
        opener = self.entry(entry.closes or entry.code)
        return self._groups_around(opener) | self._groups_around(entry)

    def _groups_around(self, entry: Entry) -> frozenset[str]:
        inside = {e.group for e in self.entries if e.inside == entry.code and e.group}
        return frozenset({entry.group} | inside if entry.group else ())

    def ordinary(self, kind: str) -> tuple[Entry, ...]:
        """What an actor of this kind does by itself: neither set-up nor launching others."""
        return tuple(e for e in self.entries if kind in e.actors and not e.launches and not e.makes)

    def launched_kinds(self) -> tuple[str, ...]:
        """Kinds of actors that only run when an operation sets them going, in table order."""
        return tuple(kind for kind in self.counts if kind in self.launchers)

    def legal(self, program: Iterable[Operation]) -> list[Operation]:
        """The program without operations that its own script forbids, grouped by actor."""
        scripts: dict[int, Script] = {}
        kept: dict[int, list[Operation]] = {}
        for op in program:
            script = scripts.setdefault(op.actor, Script.empty())
            entry = self.entry(op.code)
            if script.allows(entry):
                script.advance(entry)
                kept.setdefault(op.actor, []).append(op)
        return [op for actor in sorted(kept) for op in kept[actor]]
