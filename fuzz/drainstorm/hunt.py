# SPDX-License-Identifier: Apache-2.0
"""This module supervises a hunt with Trio: workers in threads, a budget, signals, findings.

One nursery per hunt. A worker's thread is inside native batches of milliseconds that another
thread can interrupt, so a hunt ends at once and orderly: no batch is abandoned, no finding lost.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio

from drainstorm import text
from drainstorm.build import build
from drainstorm.case import CHECKS_DEFAULT, Case
from drainstorm.errors import DrainstormError
from drainstorm.explore import Explorer
from drainstorm.findings import Failure, Finding, secure
from drainstorm.generate import limits_of
from drainstorm.machine import Machine
from drainstorm.result import Totals, functions_of
from drainstorm.store import Store
from drainstorm.strategies import PORTFOLIO
from drainstorm.verdict import Outcome
from drainstorm.view import Status
from drainstorm.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from drainstorm.build import Built
    from drainstorm.result import Strategy
    from drainstorm.spec import TargetSpec
    from drainstorm.verdict import Signature
    from drainstorm.view import View
    from drainstorm.worker import Slice

RACES_MAX: Final = 8
"""Findings between the same two functions that a hunt reports, each at another place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HuntConfig:
    """What to hunt and for how long.

    Args:
        bug: Planted bug, empty: the shipped implementation.
        seconds: Wall-clock budget; building is not counted.
        seed: Campaign seed.
        workers: Threads with a machine each, at least 1.
        from_nothing: Whether to leave out `corpus/seeds/`.
        strategies: The rotation.
        state_dir: Where findings are stored.
        until: End at the first finding that breaks this rule or has this outcome; empty: use the
            whole budget.
        shrink_seconds: Wall-clock bound of shrinking one finding.
    """

    spec: TargetSpec
    bug: str = ""
    seconds: float = 60.0
    seed: int = 0
    workers: int = 1
    from_nothing: bool = False
    strategies: tuple[Strategy, ...] = PORTFOLIO
    state_dir: Path = Path(".drainstorm")
    until: str = ""
    shrink_seconds: float = 5.0

    @property
    def label(self) -> str:
        """What is hunted, as it is printed."""
        return f"{self.spec.name} + {self.bug}" if self.bug else self.spec.name


@dataclass(slots=True)
class Summary:
    """What a hunt did; complete also when it was interrupted.

    Args:
        totals: Over all workers.
        blocks_seen, blocks: Basic blocks reached and instrumented, 0: not measured.
        findings: One per signature, in the order in which they were found.
        known_failures: Failing runs beyond the first of each signature; known races not counted.
        suppressed: Runs that showed a suppressed race, by suppression.
    """

    label: str = ""
    seconds: float = 0.0
    programs: int = 0
    totals: Totals = field(default_factory=Totals)
    blocks_seen: int = 0
    blocks: int = 0
    findings: list[Finding] = field(default_factory=list)
    known_failures: int = 0
    suppressed: Counter[str] = field(default_factory=Counter)

    def first_of(self, judged: str) -> Finding | None:
        """The first finding that breaks this rule or has this outcome."""
        return next((f for f in self.findings if f.verdict.judged == judged), None)


class Control:
    """How a signal ends hunts, wherever they are.

    Args:
        view: Closed before a second signal ends the process.
    """

    def __init__(self, view: View) -> None:
        self.signal = 0
        self._view = view
        self._stopped = threading.Event()
        self._machines: list[Machine] = []
        self._scope: trio.CancelScope | None = None

    @property
    def exit_code(self) -> int:
        """128 + signal number; 0 without a signal."""
        return 128 + self.signal if self.signal else 0

    def is_stopped(self) -> bool:
        """Whether work in threads shall end; may be called from any thread."""
        return self._stopped.is_set()

    def begin(self, scope: trio.CancelScope, machines: list[Machine]) -> None:
        """A hunt begins: this scope and these machines are stopped by stop()."""
        self._scope, self._machines = scope, machines
        if self.signal:
            scope.cancel()
        else:
            self._stopped.clear()

    def stop(self) -> None:
        """End the hunt that is going on: threads return soon, tasks are cancelled."""
        self._stopped.set()
        if self._scope is not None:
            self._scope.cancel()
        for machine in self._machines:
            machine.interrupt()

    async def watch(self) -> None:
        """Wait for SIGINT and SIGTERM: the first ends in order, the second at once."""
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for number in signals:
                if self.signal:
                    self._view.close()
                    os._exit(128 + number)
                self.signal = number
                self._view.note(f"{signal.Signals(number).name}: saving and ending ...")
                self.stop()


def run_supervised(view: View, work: Callable[[Control], Coroutine[object, object, int]]) -> int:
    """Run hunts under Trio with signals watched.

    Args:
        work: Does the hunts and returns the exit code.

    Returns:
        The exit code of `work`, or 128 + signal number.

    Raises:
        DrainstormError: what a hunt raised, unwrapped.
    """

    async def main() -> int:
        control = Control(view)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(control.watch)
            try:
                code = await work(control)
            finally:
                view.close()
            nursery.cancel_scope.cancel()
        return control.exit_code or code

    try:
        return trio.run(main)
    except BaseExceptionGroup as group:
        error = _first_of_ours(group)
        if error is None:
            raise
        raise error from group


async def hunt(config: HuntConfig, view: View, control: Control) -> Summary:
    """Run cases until the budget is used, the wanted rule is broken or a signal comes.

    Args:
        config: What to hunt.
        view: Told of progress and of every finding, once that is stored.
        control: Ends the hunt when a signal comes.

    Raises:
        TargetError: the target does not build or load.
        StoreError: a finding cannot be stored.
    """
    summary = Summary(label=config.label)
    machines: list[Machine] = []
    with trio.CancelScope() as scope:
        control.begin(scope, machines)
        view.progress(Status(config.label, budget=config.seconds))
        sim, cov = await trio.to_thread.run_sync(_build_both, config, abandon_on_cancel=True)
        state = _Hunt(config, view, control, summary, sim)
        summary.blocks = cov.blocks
        try:
            workers = await trio.to_thread.run_sync(_workers, config, machines, sim, cov, state)
            scope.deadline = trio.current_time() + config.seconds
            state.started = time.monotonic()
            async with trio.open_nursery() as nursery:
                limiter = trio.CapacityLimiter(config.workers)
                for worker in workers:
                    nursery.start_soon(state.supervise, worker, limiter)
        finally:
            summary.seconds = time.monotonic() - state.started
            for machine in machines:
                machine.close()
    return summary


class _Hunt:
    """What the workers of one hunt share; touched by the Trio thread only, but for is_known()."""

    def __init__(
        self, config: HuntConfig, view: View, control: Control, summary: Summary, built: Built
    ) -> None:
        self.started = time.monotonic()
        self._config = config
        self._view = view
        self._control = control
        self._summary = summary
        self._built = built
        self._store = Store(config.state_dir)
        self._known: set[Signature] = set()
        self._races: Counter[str] = Counter()  # found, by the two functions
        self._blocks: set[int] = set()

    def is_known(self, signature: Signature) -> bool:
        """Whether this signature has been found; reading a set is safe from any thread.

        Two functions that race at so many places, as those of an array, show nothing new.
        """
        if signature in self._known:
            return True
        return (
            signature.outcome is Outcome.RACE and self._races[functions_of(signature)] >= RACES_MAX
        )

    async def supervise(self, worker: Worker, limiter: trio.CapacityLimiter) -> None:
        """Give one worker slices until the hunt ends."""
        while not self._control.is_stopped():
            done = await trio.to_thread.run_sync(
                worker.slice, self._control.is_stopped, limiter=limiter
            )
            self._take_in(done)
            for failure in done.failures:
                if not self.is_known(failure.verdict.signature):
                    self._known.add(failure.verdict.signature)
                    if failure.verdict.outcome is Outcome.RACE:
                        self._races[functions_of(failure.verdict.signature)] += 1
                    with trio.CancelScope(shield=True):
                        await self._secure(worker, failure, limiter)

    def _take_in(self, done: Slice) -> None:
        summary = self._summary
        summary.totals += done.totals
        summary.programs += done.programs
        summary.known_failures += done.failures_known
        summary.suppressed += done.suppressed
        self._blocks |= done.new_blocks
        summary.blocks_seen = len(self._blocks)
        totals = summary.totals
        self._view.progress(
            Status(
                self._config.label,
                seconds=time.monotonic() - self.started,
                budget=self._config.seconds,
                schedules=totals.runs,
                programs=summary.programs,
                classes=totals.new_classes,
                blocks_seen=summary.blocks_seen,
                blocks=summary.blocks,
                findings=len(summary.findings),
                unknown=totals.unknown,
            )
        )

    async def _secure(
        self, worker: Worker, failure: Failure, limiter: trio.CapacityLimiter
    ) -> None:
        """Record, shrink and store a failure, then announce it."""
        failure = dataclasses.replace(failure, schedules=self._summary.totals.runs)
        seconds = time.monotonic() - self.started
        until = time.monotonic() + self._config.shrink_seconds

        def work() -> Finding:
            return secure(
                worker.runner,
                failure,
                spec=self._config.spec,
                store=self._store,
                bug=self._config.bug,
                build=self._built.digest,
                seconds=seconds,
                stop=lambda: self._control.is_stopped() or time.monotonic() > until,
            )

        finding = await trio.to_thread.run_sync(work, limiter=limiter)
        self._summary.findings.append(finding)
        self._view.result(*finding.lines())
        if self._config.until and finding.verdict.judged == self._config.until:
            self._control.stop()


def seed_cases(spec: TargetSpec) -> tuple[Case, ...]:
    """Programs of `corpus/seeds/<target>/` beside the targets' folder, without schedules.

    A program that names no checks or no faults gets those of the target's description.
    """
    own = limits_of(spec)
    folder = spec.folder.parent.parent / "corpus" / "seeds" / spec.name
    seeds = []
    for path in sorted(folder.glob("*.case")):
        stored = text.load(path, spec)
        limits = replace(stored.limits, faults=stored.limits.faults or own.faults)
        if limits.checks == CHECKS_DEFAULT:
            limits = replace(limits, checks=own.checks)
        seeds.append(Case(spec.name, stored.program, limits=limits))
    return tuple(seeds)


def _build_both(config: HuntConfig) -> tuple[Built, Built]:
    bug = config.bug or None
    return build(config.spec, bug=bug), build(config.spec, flavour="cov", bug=bug)


def _workers(
    config: HuntConfig, machines: list[Machine], sim: Built, cov: Built, state: _Hunt
) -> list[Worker]:
    """The workers with their machines; a machine is listed as soon as it exists."""
    seeds: Sequence[Case] = () if config.from_nothing else seed_cases(config.spec)
    workers = []
    for shard in range(config.workers):
        machine, probe = Machine(sim), Machine(cov)
        machines += [machine, probe]
        explorer = Explorer(
            config.spec, seed=config.seed, shard=shard, strategies=config.strategies, seeds=seeds
        )
        workers.append(
            Worker(
                machine, explorer, probe=probe, is_known=state.is_known,
                suppress=config.spec.suppress,
            )
        )  # fmt: skip
    return workers


def _first_of_ours(group: BaseExceptionGroup[BaseException]) -> DrainstormError | None:
    for error in group.exceptions:
        if isinstance(error, DrainstormError):
            return error
        if isinstance(error, BaseExceptionGroup) and (inner := _first_of_ours(error)):
            return inner
    return None
