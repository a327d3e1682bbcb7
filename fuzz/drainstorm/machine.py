# SPDX-License-Identifier: Apache-2.0
"""This module runs cases on a target: one machine, one private copy of the target."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from drainstorm import layout, native
from drainstorm.errors import EngineError, StoreError, UsageError
from drainstorm.forms import native_case, native_strategy
from drainstorm.reading import Reading, deviations
from drainstorm.result import Event, Race, Run, Strategy, Totals, Waiter
from drainstorm.sites import Sites
from drainstorm.symbols import Symbols, text_offset
from drainstorm.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from drainstorm.build import Built
    from drainstorm.case import Case, Place

__all__ = ["Event", "Machine", "Race", "Run", "Strategy", "Totals", "Waiter"]

_NOT_ZERO: Final = re.compile(rb"[^\0]")


class Machine:
    """A small deterministic computer with one target in it; a context manager.

    One case at a time, by any OS thread; run() and batch() release the interpreter lock.
    Two machines share nothing.
    """

    def __init__(self, built: Built) -> None:
        """Load a private copy of a target.

        Raises:
            EngineError: the engine is not installed, or the system has no room for a machine.
            StoreError: the temporary folder cannot be written.
            TargetError: the target does not load.
        """
        self.built = built
        self.symbols = Symbols(built.path)
        self._reading = Reading(built, self.symbols)
        self._sites = Sites(built.path, self.symbols)
        self._text = text_offset(built.path) if built.flavour == "cov" else 0
        self._lock = threading.Lock()  # held while the machine works
        self._gate = threading.Lock()  # held while the handle is used for a moment or dropped
        self._prepared: tuple[Case, bytes, layout.Case] | None = None
        self._counts: Callable[[Race], bool] | None = None
        self._handle: native.MachineHandle | None = _load(built.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def run(
        self,
        case: Case,
        strategy: Strategy,
        *,
        record: bool = False,
        trace: bool = False,
        hashes: bool = False,
        data: bytes = b"",
    ) -> Run:
        """Run a case once.

        Args:
            case: program, schedule (followed by "replay" only) and limits.
            strategy: what chooses the schedule.
            record: keep the deviations, so that a replay of them repeats the run.
            trace: keep the events.
            hashes: compute trace_hash and class_hash.
            data: answers for the "bytes" strategy.
        """
        flags = native.FLAG_RECORD * record | native.FLAG_TRACE * trace | native.FLAG_HASH * hashes
        with self._lock:
            handle = self._working()
            while True:
                result = handle.run(self._case(case, data), native_strategy(strategy), flags)
                if result.outcome != Outcome.RACE or not self._suppress(handle):
                    return self._reading.result(handle, result)

    def batch(
        self,
        case: Case,
        strategy: Strategy,
        count: int,
        *,
        stop: bool = True,
        hashes: bool = False,
        feedback: bool = False,
        twice: bool = False,
        record: bool = False,
        data: bytes = b"",
    ) -> Totals:
        """Run many schedules of a case, with seeds seed, seed + 1, ...

        Args:
            case: program and limits.
            strategy: what chooses the schedules.
            count: how many.
            stop: return after the first failing run.
            hashes: count new classes of runs (about a fifth slower).
            feedback: fill the interleaving counters for libFuzzer.
            twice: replay every run and compare the traces (three times slower).
            record: keep the deviations of the first failing run (with stop=True only).
            data: answers for the "bytes" strategy.

        Raises:
            EngineError: a replay differed from its run (twice=True).
        """
        flags = native.FLAG_STOP * stop | native.FLAG_HASH * hashes
        flags |= native.FLAG_FEEDBACK * feedback | native.FLAG_TWICE * twice
        flags |= native.FLAG_RECORD * (record and stop)
        new_classes = 0
        if count < 1:
            return Totals()
        with self._lock:
            handle = self._working()
            while True:
                totals = handle.batch(
                    self._case(case, data), native_strategy(strategy), count, flags
                )
                new_classes += totals.new_classes
                if not totals.outcome[Outcome.RACE] or not self._suppress(handle):
                    break
            totals.new_classes = new_classes
            if totals.unrepeated:
                again = strategy.with_seed(totals.first_unrepeated_seed)
                raise EngineError(
                    f"the replay of a run differs from the run: {again}, case {case}; "
                    "does the target read something that the machine does not control?"
                )
            found = self._reading.totals(handle, totals, strategy)
            if record and stop and totals.failed:
                count = totals.first_fail.deviation_count
                found = replace(found, first_fail_deviations=deviations(handle, count))
            return found

    def races(self) -> tuple[Race, ...]:
        """The distinct data races since races_clear(), suppressed ones too, first seen first."""
        with self._lock:
            handle = self._working()
            return self._reading.races(handle, handle.races())

    def races_clear(self) -> None:
        """Forget the races that were seen; what is suppressed stays so."""
        with self._lock:
            self._working().races_clear()

    @contextmanager
    def judging(self, counts: Callable[[Race], bool] | None) -> Iterator[None]:
        """Let only some data races fail a run; others are seen and counted, but hide nothing.

        Args:
            counts: Whether a race is a failure; those that the target suppresses never are. None:
                all others are. Once it has said no to a pair of places it must stay so.
        """
        before = self._counts
        self._judge(counts)
        try:
            yield
        finally:
            self._judge(before)

    def _judge(self, counts: Callable[[Race], bool] | None) -> None:
        with self._lock:
            if self._handle is not None and self._counts is not counts:
                self._counts = counts
                self._handle.suppress_clear()
                self._suppress(self._handle)

    def _suppress(self, handle: native.MachineHandle) -> bool:
        """Suppress every race seen so far that is no failure; whether there was a new one."""
        seen = [raw for raw in handle.races() if not raw.suppressed]
        found = False
        for raw, race in zip(seen, self._reading.races(handle, seen), strict=True):
            counts = self._counts is None or self._counts(race)
            if not counts or any(race.is_meant_by(rule) for rule in self.built.spec.suppress):
                handle.suppress(raw)
                found = True
        return found

    def places_without_access(self, case: Case) -> tuple[Place, ...]:
        """Places of `case.relaxed` where this build has no plain access."""
        return tuple(place for place in case.relaxed if not self._sites.offsets([place]))

    def interrupt(self) -> None:
        """Ask a batch that runs in another OS thread to return after its current run."""
        with self._gate:
            if self._handle is not None:
                self._handle.interrupt()

    def coverage(self) -> frozenset[int]:
        """Offsets of the basic blocks that ran since the last coverage_clear() ("cov" only)."""
        with self._lock:
            data = self._working().coverage()
        return frozenset(self._text + match.start() for match in _NOT_ZERO.finditer(data))

    def coverage_clear(self) -> None:
        """Forget which basic blocks ran."""
        with self._lock:
            self._working().coverage_clear()

    def close(self) -> None:
        """Free the machine; waits for a batch in another thread. May be called twice."""
        self.interrupt()
        with self._lock, self._gate:
            if self._handle is not None:
                self._handle.close()
                self._handle = None

    def _working(self) -> native.MachineHandle:
        if self._handle is None:
            raise UsageError("this machine is closed")
        return self._handle

    def _case(self, case: Case, data: bytes) -> layout.Case:
        """The native form; the last one is kept, since one case is usually run many times."""
        if self._prepared is None or self._prepared[0] is not case or self._prepared[1] != data:
            relaxed = self._sites.offsets(case.relaxed)
            self._prepared = (case, data, native_case(case, data, self.built.spec, relaxed))
        return self._prepared[2]


def _load(path: Path) -> native.MachineHandle:
    """A machine with a copy of the file: a second load of one file would share its data."""
    try:
        handle, name = tempfile.mkstemp(prefix="drainstorm-", suffix=".so")
        with os.fdopen(handle, "wb") as copy, path.open("rb") as source:
            shutil.copyfileobj(source, copy)
    except OSError as error:
        raise StoreError(
            f"cannot copy the target to {tempfile.gettempdir()}: {error.strerror or error} "
            "(set TMPDIR to a folder that can be written)"
        ) from error
    try:
        return native.MachineHandle(Path(name))
    finally:
        Path(name).unlink(missing_ok=True)
