# SPDX-License-Identifier: Apache-2.0
"""The block layer's driver once more, on the sequential model of the lock: what a run must show.

Written from RULES.md and target.toml: which operations a precondition forbids, which object an
operand names, when a context goes, how a program ends.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from drainstorm.case import Case, Operation
from drainstorm.spec import TargetSpec
from support.lock_model import MAIN, Context, Coroutine, Leaves, Lock, Loops, Steps, Wait

NODES = 8
CONTEXTS_MOST = 13
POLL_DEPTH_MOST = 2
NS_PER_US = 1_000
FIRST_EDGES = {(0, 1), (0, 3), (1, 2)}


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing that a run shows: an operation taken, one not carried out, or a note."""

    kind: str
    thread: int
    words: str


@dataclass(slots=True)
class BottomHalf:
    number: int
    actor: int
    script: list[Operation]
    home: int = -1
    started: bool = False
    ended: bool = False

    @property
    def lives(self) -> bool:
        return self.started and not self.ended


def choose(operand: int, usable: list[int]) -> int | None:
    """The operand itself if that is usable, else the one that it names modulo how many there are.

    Args:
        usable: numbers of objects, ascending.
    """
    if operand in usable:
        return operand
    return usable[operand % len(usable)] if usable else None


class Program:
    """The driver: actors that do their operations, or skip them when a precondition fails."""

    def __init__(self, case: Case, spec: TargetSpec) -> None:
        def script(name: str) -> tuple[int, list[Operation]]:
            actor = spec.actor_index(name)
            return actor, [op for op in case.program if op.actor == actor]

        counts = {kind.kind: kind.count for kind in spec.actors}
        self.spec = spec
        self.seen: list[Seen] = []
        self.loops = Loops()
        self.lock = Lock(self.loops)
        self.main_script = script("main")[1]
        self.coroutines = [Coroutine(i, *script(f"co{i}")) for i in range(1, counts["co"] + 1)]
        self.halves = [BottomHalf(i, *script(f"bh{i}")) for i in range(1, counts["bh"] + 1)]
        self.edges = set(FIRST_EDGES)
        self.writer: int | None = None
        self.depth = 0  # bottom halves of the main context on the stack
        self.closing = False

    def run(self) -> list[Seen]:
        """What the run shows, in order."""
        self.loops.add_thread(self._main())
        self.loops.run_threads(lambda: self.closing and self._all_ended())
        assert self.lock.readers == 0
        return self.seen

    # -------------------------------------------------------------- scripts

    def _take(self, op: Operation) -> None:
        self._show("operation", self._words(op))

    def _skip(self, op: Operation) -> None:
        self._show("skip", self._words(op))

    def _show(self, kind: str, words: str) -> None:
        self.seen.append(Seen(kind, self.loops.current, words))

    def _words(self, op: Operation) -> str:
        name = self.spec.operations[op.code - 1].name
        return f"{self.spec.actor_name(op.actor)} {name} {op.a} {op.b}"

    def _main(self) -> Steps:
        for op in self.main_script:
            self._take(op)
            yield from self._in_main(op)
        if self.writer is not None:
            yield from self._release()
        self.closing = True
        while not self._all_ended():
            yield from self.loops.poll(MAIN, blocking=True)
        left = [i for i, context in enumerate(self.loops.contexts) if i and context.state != "none"]
        for index in left:
            yield from self._stop(index)
        for index in left:
            self._drop(index)

    def _all_ended(self) -> bool:
        return not any(co.lives for co in self.coroutines) and not any(h.lives for h in self.halves)

    def _bottom_half(self, half: BottomHalf) -> Steps:
        in_main = half.home == MAIN
        self.depth += in_main
        for op in half.script:
            self._take(op)
            if in_main:
                yield from self._in_main(op)
            elif not self._anywhere(op):
                self._skip(op)
        if self.writer == half.actor:
            yield from self._release()
        self.depth -= in_main
        half.ended = True

    def _coroutine(self, co: Coroutine) -> Leaves:
        co.home, co.arrives = co.arrives, -1
        for op in co.script:
            self._take(op)
            yield from self._in_coroutine(co, op)
        if co.holds:
            self.lock.read_unlock(co)
        co.ended = True

    # -------------------------------------------------------------- operations anywhere

    def _anywhere(self, op: Operation) -> bool:
        name = self.spec.operations[op.code - 1].name
        return name in ("start", "post") and self._launch(name, op)

    def _launch(self, name: str, op: Operation) -> bool:
        actors: list[Coroutine] | list[BottomHalf]
        actors, kind = (self.coroutines, "co") if name == "start" else (self.halves, "bh")
        usable = [a.number for a in actors if a.script and not a.started]
        number, where = choose(op.a, usable), choose(op.b, self._live())
        if number is None or where is None:
            return False
        if (number, where) != (op.a, op.b):
            self._show("note", f"{name} {kind}{number} ctx{where}")
        actor = actors[number - 1]
        actor.started = True
        if isinstance(actor, Coroutine):
            actor.arrives, actor.body = where, self._coroutine(actor)
            self.loops.schedule_coroutine(where, actor)
        else:
            half = actor
            half.home = where
            self.loops.schedule(where, lambda: self._bottom_half(half))
        return True

    def _live(self, *, but: int | None = None) -> list[int]:
        states = enumerate(self.loops.contexts)
        return [i for i, context in states if context.state == "live" and i != but]

    # -------------------------------------------------------------- operations of coroutines

    def _in_coroutine(self, co: Coroutine, op: Operation) -> Leaves:
        name = self.spec.operations[op.code - 1].name
        if name == "yield":
            self.loops.schedule_coroutine(co.home, co)
            yield
        elif name == "sleep":
            yield from self.loops.sleep(co, (op.a + 1) * NS_PER_US)
        elif name == "migrate" and (where := choose(op.a, self._live(but=co.home))) is not None:
            yield from self._migrate(co, op, where)
        elif name == "rdlock" and not co.holds:
            yield from self.lock.read_lock(co)
        elif name == "rdunlock" and co.holds:
            self.lock.read_unlock(co)
        elif not (name == "walk" and co.holds) and not self._anywhere(op):
            self._skip(op)

    def _migrate(self, co: Coroutine, op: Operation, where: int) -> Leaves:
        if where != op.a:
            self._show("note", f"migrate ctx{where}")
        co.arrives = where
        yield from self.loops.go_to(where, co)
        co.home, co.arrives = where, -1

    # -------------------------------------------------------------- operations of the main thread

    def _in_main(self, op: Operation) -> Steps:
        name = self.spec.operations[op.code - 1].name
        steps = {
            "create_context": self._create, "delete_context": self._delete, "poll": self._poll,
            "wrlock": self._write_lock, "wrunlock": self._write_unlock, "sleep": self._sleep,
        }.get(name)  # fmt: skip
        if steps is not None:
            done = yield from steps(op)
        elif name in ("attach", "detach"):
            done = self._change_edge(name, op)
        else:
            done = self._anywhere(op)
        yield from self._reap()
        if not done:
            self._skip(op)

    def _create(self, op: Operation) -> Generator[Wait, None, bool]:
        del op
        if len(self.loops.contexts) == CONTEXTS_MOST:
            return False
        index, context = len(self.loops.contexts), Context()
        self.loops.contexts.append(context)
        self.loops.add_thread(self._loop(index))
        yield Wait(lambda: context.loop_runs)
        context.state = "live"
        return True

    def _loop(self, index: int) -> Steps:
        context = self.loops.contexts[index]
        context.loop_runs = True
        while context.loop_runs:
            yield from self.loops.poll(index, blocking=True)
        context.loop_ended = True

    def _delete(self, op: Operation) -> Generator[Wait, None, bool]:
        yield from ()
        index = choose(op.a, self._live(but=MAIN))
        if index is None:
            return False
        if index != op.a:
            self._show("note", f"delete_context ctx{index}")
        self.loops.contexts[index].state = "closing"
        return True

    def _reap(self) -> Steps:
        """Drop what is to go and has nobody in it, or on the way to it."""
        for index, context in enumerate(self.loops.contexts):
            if context.state == "closing" and not self._is_inhabited(index):
                context.state = "none"
                yield from self._stop(index)
                self._drop(index)

    def _is_inhabited(self, index: int) -> bool:
        lives = [co for co in self.coroutines if co.lives and index in (co.home, co.arrives)]
        return bool(lives) or any(half.lives and half.home == index for half in self.halves)

    def _stop(self, index: int) -> Steps:
        context = self.loops.contexts[index]

        def stop() -> Steps:
            context.loop_runs = False
            yield from ()

        self.loops.schedule(index, stop)
        yield Wait(lambda: context.loop_ended)

    def _drop(self, index: int) -> None:
        context = self.loops.contexts[index]
        self._show("note", f"ctx{index} goes with {context.readers} readers on its counter")
        context.state = "none"
        self.lock.forget(index)

    def _poll(self, op: Operation) -> Generator[Wait, None, bool]:
        del op
        if self.writer is not None or self.depth > POLL_DEPTH_MOST:
            return False
        yield from self.loops.poll(MAIN, blocking=False)
        return True

    def _write_lock(self, op: Operation) -> Generator[Wait, None, bool]:
        if self.writer is not None:
            return False
        yield from self.lock.write_lock()
        assert not any(co.holds for co in self.coroutines)
        self.writer = op.actor
        return True

    def _write_unlock(self, op: Operation) -> Generator[Wait, None, bool]:
        if self.writer != op.actor:
            return False
        yield from self._release()
        return True

    def _release(self) -> Steps:
        self.writer = None
        yield from self.lock.write_unlock()

    def _sleep(self, op: Operation) -> Generator[Wait, None, bool]:
        yield Wait(lambda: False, self.loops.now_ns + (op.a + 1) * NS_PER_US)
        return True

    # -------------------------------------------------------------- the graph

    def _change_edge(self, name: str, op: Operation) -> bool:
        if self.writer != op.actor:
            return False
        first = op.a % NODES * NODES + op.b % NODES
        for number in range(first, first + NODES * NODES):
            edge = divmod(number % (NODES * NODES), NODES)
            if edge in self.edges if name == "detach" else self._is_attachable(*edge):
                if number != first:
                    self._show("note", f"{name} node{edge[0]} node{edge[1]}")
                self.edges ^= {edge}
                return True
        return False

    def _is_attachable(self, parent: int, child: int) -> bool:
        """No second edge, no cycle."""
        below, before = {child}, 0
        while len(below) != before:
            before = len(below)
            below |= {b for a, b in self.edges if a in below}
        return (parent, child) not in self.edges and parent not in below
