# SPDX-License-Identifier: Apache-2.0
"""The graph lock and the event loops once more, as one sequential program.

Written from RULES.md and from the rules of the real block layer, without fences, mutexes, atomics
or lost updates: a thread runs until it has to wait, then the next one by number that can run goes
on. Threads and whatever may make a thread wait are Python generators that yield what they wait
for; coroutines are generators that yield when they leave their thread.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from drainstorm.case import Operation

MAIN = 0
NS_PER_MS = 1_000_000


@dataclass(slots=True)
class Wait:
    """What a thread waits for: a condition, or a moment of virtual time, whichever is first."""

    ready: Callable[[], bool]
    until_ns: int | None = None
    in_poll: bool = False


Steps = Generator[Wait, None, None]
Leaves = Generator[None, None, None]
Callback = Callable[[], Steps]


@dataclass(slots=True)
class Coroutine:
    number: int
    actor: int
    script: list[Operation]
    home: int = -1
    arrives: int = -1
    started: bool = False
    ended: bool = False
    holds: bool = False
    body: Leaves | None = None

    @property
    def lives(self) -> bool:
        return self.started and not self.ended


@dataclass(slots=True)
class Context:
    """An event loop: what it will do next, and the readers that it counts."""

    state: str = "none"  # "live", "closing"
    readers: int = 0
    callbacks: list[Callback] = field(default_factory=list)  # newest last; newest runs first
    slices: list[list[Callback]] = field(default_factory=list)  # being run; next one first
    scheduled: list[Coroutine] = field(default_factory=list)
    is_entering_due: bool = False
    timers: list[tuple[int, Coroutine]] = field(default_factory=list)
    loop_runs: bool = False
    loop_ended: bool = False


class Loops:
    """Contexts, their threads, virtual time, and coroutines that move between them."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.contexts = [Context(state="live")]
        self.threads: list[Steps | None] = []
        self.waits: list[Wait] = []
        self.current = MAIN
        self.pollers_that_wait = 0  # for a condition, in the main thread

    # -------------------------------------------------------------- threads

    def add_thread(self, body: Steps) -> None:
        self.threads.append(body)
        self.waits.append(Wait(lambda: True))

    def run_threads(self, is_over: Callable[[], bool]) -> None:
        """Run until every thread has ended.

        Args:
            is_over: nothing can run; may the main thread's poll be interrupted?
        """
        while any(body is not None for body in self.threads):
            self._run_current()
            found = self._next_thread()
            if found is None:
                found = self._pass_time()
            if found is None and any(body is not None for body in self.threads):
                assert self.waits[MAIN].in_poll
                assert is_over(), "the model hangs"
                found = MAIN
            self.current = MAIN if found is None else found

    def _run_current(self) -> None:
        body = self.threads[self.current]
        assert body is not None
        for wait in body:
            if not wait.ready():
                self.waits[self.current] = wait
                return
        self.threads[self.current] = None

    def _next_thread(self) -> int | None:
        count = len(self.threads)
        order = [(self.current + 1 + i) % count for i in range(count)]
        ready = (i for i in order if self.threads[i] is not None and self.waits[i].ready())
        return next(ready, None)

    def _pass_time(self) -> int | None:
        """Wake who sleeps least long, one thread at a time."""
        waiting = enumerate(zip(self.threads, self.waits, strict=True))
        times = [(w.until_ns, i) for i, (t, w) in waiting if t is not None and w.until_ns]
        if not times:
            return None
        until_ns, index = min(times)
        self.now_ns = max(self.now_ns, until_ns)
        return index

    # -------------------------------------------------------------- event loops

    def schedule(self, index: int, callback: Callback) -> None:
        self.contexts[index].callbacks.append(callback)

    def poll(self, index: int, *, blocking: bool) -> Steps:
        context = self.contexts[index]
        if blocking and not context.callbacks and not context.slices:
            until_ns, left_ns = None, 1
            if context.timers:
                left_ns = context.timers[0][0] - self.now_ns
                until_ns = self.now_ns + -(-left_ns // NS_PER_MS) * NS_PER_MS
            if left_ns > 0:
                yield Wait(lambda: bool(context.callbacks), until_ns, in_poll=True)
        yield from self.run_callbacks(index)
        while context.timers and context.timers[0][0] <= self.now_ns:
            self.enter(context.timers.pop(0)[1])

    def run_callbacks(self, index: int) -> Steps:
        """All that is scheduled now, newest first; a nested call finishes the outer one's."""
        context = self.contexts[index]
        context.slices.append(context.callbacks[::-1])
        context.callbacks = []
        while context.slices:
            if context.slices[0]:
                yield from context.slices[0].pop(0)()
            else:
                context.slices.pop(0)

    def wait_while(self, condition: Callable[[], bool]) -> Steps:
        self.pollers_that_wait += 1
        while condition():
            yield from self.poll(MAIN, blocking=True)
        self.pollers_that_wait -= 1

    def kick(self) -> None:
        def nothing() -> Steps:
            yield from ()

        if self.pollers_that_wait:
            self.schedule(MAIN, nothing)

    # -------------------------------------------------------------- coroutines

    def enter(self, co: Coroutine) -> None:
        assert co.body is not None
        next(co.body, None)

    def schedule_coroutine(self, index: int, co: Coroutine) -> None:
        context = self.contexts[index]

        def enter_all() -> Steps:
            context.is_entering_due = False
            found, context.scheduled = context.scheduled, []
            for scheduled in found:
                self.enter(scheduled)
            yield from ()

        context.scheduled.append(co)
        if not context.is_entering_due:
            context.is_entering_due = True
            self.schedule(index, enter_all)

    def go_to(self, index: int, co: Coroutine) -> Leaves:
        """By way of its old loop, which sees that it has left before it arrives."""

        def hand_over() -> Steps:
            self.schedule_coroutine(index, co)
            yield from ()

        self.schedule(co.home, hand_over)
        yield

    def sleep(self, co: Coroutine, nanoseconds: int) -> Leaves:
        timers = self.contexts[co.home].timers
        expires_ns = self.now_ns + nanoseconds
        at = bisect.bisect_right([timer[0] for timer in timers], expires_ns)
        timers.insert(at, (expires_ns, co))
        yield


class Lock:
    """The graph lock: who holds it, who waits, and what the contexts count."""

    def __init__(self, loops: Loops) -> None:
        self._loops = loops
        self.has_writer = False
        self.orphans = 0
        self.waiting: list[Coroutine] = []

    @property
    def readers(self) -> int:
        """Only the sum means anything, modulo 2^32."""
        counted = self.orphans + sum(context.readers for context in self._loops.contexts)
        return counted % 2**32

    def read_lock(self, co: Coroutine) -> Leaves:
        while self.has_writer:
            self._loops.kick()  # who was counted for a moment is so no longer
            self.waiting.append(co)
            yield
        self._loops.contexts[co.home].readers += 1
        co.holds = True

    def read_unlock(self, co: Coroutine) -> None:
        co.holds = False
        self._loops.contexts[co.home].readers -= 1
        self._loops.kick()

    def write_lock(self) -> Steps:
        yield from self._loops.wait_while(lambda: self.readers >= 1)
        self.has_writer = True

    def write_unlock(self) -> Steps:
        self.has_writer = False
        woken, self.waiting = self.waiting, []
        for co in woken:
            assert co.home != MAIN, "the main thread does not poll while it holds the lock"
            self._loops.schedule_coroutine(co.home, co)
        yield from self._loops.run_callbacks(MAIN)

    def forget(self, index: int) -> None:
        """A context goes; its count does not."""
        self.orphans += self._loops.contexts[index].readers
        self._loops.contexts[index].readers = 0
