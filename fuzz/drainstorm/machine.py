# SPDX-License-Identifier: Apache-2.0
"""This module runs cases on a target: one machine, one private copy of the target."""

from __future__ import annotations

import os
import re
import shutil
import struct
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from drainstorm import case as model
from drainstorm import layout, native
from drainstorm.case import Deviation, clean_text
from drainstorm.errors import EngineError, StoreError, UsageError
from drainstorm.result import (
    BOUNDS,
    EVENT_KINDS,
    REMARKS,
    STRATEGY_KINDS,
    Event,
    Race,
    Run,
    Strategy,
    Totals,
    Waiter,
    race_site,
)
from drainstorm.sites import Sites
from drainstorm.symbols import Location, Symbols, text_offset
from drainstorm.verdict import Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType

    from drainstorm.build import Built
    from drainstorm.case import Case, Place
    from drainstorm.spec import TargetSpec

__all__ = ["Event", "Machine", "Race", "Run", "Strategy", "Totals", "Waiter"]

_DEVIATION: Final = struct.Struct("<IHHI")
_OFFSET: Final = struct.Struct("<Q")
_NOT_ZERO: Final = re.compile(rb"[^\0]")
_SEED: Final = 2**64 - 1


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
                result = handle.run(self._case(case, data), _strategy(strategy), flags)
                if result.outcome != Outcome.RACE or not self._suppress(handle):
                    return self._result(handle, result)

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
                totals = handle.batch(self._case(case, data), _strategy(strategy), count, flags)
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
            found = self._totals(handle, totals, strategy)
            if record and stop and totals.failed:
                count = totals.first_fail.deviation_count
                found = replace(found, first_fail_deviations=_deviations(handle, count))
            return found

    def races(self) -> tuple[Race, ...]:
        """The distinct data races since races_clear(), suppressed ones too, first seen first."""
        with self._lock:
            handle = self._working()
            return self._races(handle, handle.races())

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
        for raw, race in zip(seen, self._races(handle, seen), strict=True):
            counts = self._counts is None or self._counts(race)
            if not counts or any(race.is_meant_by(rule) for rule in self.built.spec.suppress):
                handle.suppress(raw)
                found = True
        return found

    def _races(
        self, handle: native.MachineHandle, found: Iterable[layout.Race]
    ) -> tuple[Race, ...]:
        raws = list(found)
        places = self.symbols.locate({pc for r in raws for pc in (r.pc, r.other_pc) if pc})
        for pc, place in places.items():
            if macros := self.built.macros.get((place.file, place.line)):
                places[pc] = replace(place, macros=macros)
        places[0] = Location("?")
        return tuple(
            Race(
                here=places[raw.pc],
                there=places[raw.other_pc],
                write=bool(raw.write),
                other_write=bool(raw.other_write),
                mixed=bool(raw.mixed),
                thread=raw.thread,
                other_thread=raw.other_thread,
                object=self._object(handle, raw.object),
                place=self._place(raw.place),
                count=raw.count,
                first_seed=raw.first_seed,
                is_suppressed=bool(raw.suppressed),
                pc=raw.pc,
                other_pc=raw.other_pc,
            )
            for raw in raws
        )

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
            self._prepared = (case, data, _native_case(case, data, self.built.spec, relaxed))
        return self._prepared[2]

    def _result(self, handle: native.MachineHandle, result: layout.Result) -> Run:
        return Run(
            verdict=self._verdict(handle, result),
            steps=result.steps,
            choices=result.choices,
            switches=result.switches,
            trace_hash=result.trace_hash,
            class_hash=result.class_hash,
            virtual_ns=result.virtual_ns,
            threads=result.threads,
            ops_done=result.ops_done,
            ops_skipped=result.ops_skipped,
            marks=result.marks,
            pct_steps=result.pct_steps,
            obligations=result.obligations,
            deviations=_deviations(handle, result.deviation_count),
            events=self._events(handle, result.event_count),
            waiters=self._waiters(handle, result.waiter_count),
            runnable=result.runnable,
            races=self._races(handle, [raw for raw in handle.races() if raw.in_last_run]),
            remarks=tuple(word for i, word in enumerate(REMARKS) if result.remarks >> i & 1),
        )

    def _events(self, handle: native.MachineHandle, count: int) -> tuple[Event, ...]:
        if not count:
            return ()
        objects: dict[int, str] = {}
        tasks: dict[int, str] = {}
        events = []
        for raw in handle.events(count):
            if raw.object not in objects:
                objects[raw.object] = self._object(handle, raw.object)
            if raw.task not in tasks:
                tasks[raw.task] = clean_text(handle.task_name(raw.task))
            events.append(
                Event(
                    kind=EVENT_KINDS[raw.kind],
                    thread=raw.thread,
                    task=tasks[raw.task],
                    actor=raw.actor,
                    step=raw.step,
                    position=raw.position,
                    object=objects[raw.object],
                    size=raw.size,
                    value=raw.value,
                    old=raw.old,
                    order=raw.order,
                    pc=raw.pc,
                    text=clean_text(handle.text(raw.text)),
                )
            )
        return tuple(events)

    def _waiters(self, handle: native.MachineHandle, count: int) -> tuple[Waiter, ...]:
        if not count:
            return ()
        return tuple(
            Waiter(
                thread=raw.thread,
                task=clean_text(handle.task_name(raw.task)),
                kind=EVENT_KINDS[raw.kind],
                object=self._object(handle, raw.object),
                text=clean_text(handle.text(raw.said) or handle.text(raw.text)),
                holder=raw.holder,
                holder_task=clean_text(handle.task_name(raw.holder_task)),
                stack=tuple(pc for pc in raw.pc if pc),
                holders=tuple(
                    clean_text(handle.task_name(task))
                    for task in raw.holders[: min(raw.holder_count, layout.HOLDERS)]
                ),
                holders_more=max(0, raw.holder_count - layout.HOLDERS),
            )
            for raw in handle.waiters(count)
        )

    def _object(self, handle: native.MachineHandle, number: int) -> str:
        """What the driver calls an object; else its variable; else where it lies."""
        return self.symbols.variable(clean_text(handle.object_name(number)))

    def _place(self, place: int) -> str:
        """Where a race is, in words that no schedule changes."""
        kind, offset = divmod(place, 1 << layout.PLACE_SHIFT)
        if kind == layout.PLACE_MODULE:
            return self.symbols.word_of_variable(offset, bytes_most=layout.PLACE_BLOCK_BYTES)
        return f"block+{offset}" if kind == layout.PLACE_BLOCK else ""

    def _verdict(self, handle: native.MachineHandle, result: layout.Result) -> Verdict:
        outcome = Outcome(result.outcome)
        site = clean_text(native.decode(result.site))
        message = clean_text(native.decode(result.message))
        if not site and result.pc and outcome.kind == "FAIL" and not result.rule:
            # A crash has no name of its own: the function it happened in is stable.
            pcs = [result.pc]
            if outcome is Outcome.RACE:
                pcs.append(result.other_pc)
                there = self.symbols[result.other_pc] if result.other_pc else "?"
                message += f": {self.symbols[result.pc]}, earlier {there}"
            elif outcome in (Outcome.LIVELOCK, Outcome.STARVATION) and result.other_pc:
                pcs.append(result.other_pc)
            functions = [self.symbols[pc].function if pc else "?" for pc in pcs]
            if outcome is Outcome.RACE:
                place = self._place(result.place)
                site = race_site(functions, place, mixed=bool(result.mixed))
            else:
                site = "|".join(sorted(set(functions)))
        if not site and outcome is Outcome.DEADLOCK:
            site = self._waits(result)
        return Verdict(
            kind=outcome.kind,
            outcome=outcome,
            rule=clean_text(native.decode(result.rule)),
            site=site,
            message=message,
            thread=result.thread,
            task=handle.task_name(result.task),
            pc=result.pc,
            other_pc=result.other_pc,
        )

    def _waits(self, result: layout.Result) -> str:
        """Who waits in a deadlock, as one name: "lock:f|wait:g", the same in any order."""
        words = set()
        for wait in result.waits[: result.wait_count]:
            kind = EVENT_KINDS[wait.kind] if wait.kind else "parked"
            function = self.symbols[wait.pc].function if wait.pc else "?"
            what = clean_text(native.decode(wait.what)).replace(" ", "-")
            words.add(f"{kind}:{what or function}")
        return clean_text("|".join(sorted(words)))

    def _totals(
        self, handle: native.MachineHandle, totals: layout.Totals, strategy: Strategy
    ) -> Totals:
        verdict, first = None, None
        if totals.failed:
            verdict = self._verdict(handle, totals.first_fail)
            first = Strategy(
                strategy.kind,
                totals.first_fail_seed,
                strategy.sticky,
                strategy.pct_depth,
                totals.first_fail_pct_steps if strategy.kind == "pct" else 0,
                obligations=totals.first_fail_obligations,
            )
        names = [operation.name for operation in self.built.spec.operations]
        done, skipped = list(totals.op_done), list(totals.op_skipped)
        return Totals(
            runs=totals.runs,
            passed=totals.passed,
            unknown=totals.unknown,
            failed=totals.failed,
            steps=totals.steps,
            choices=totals.choices,
            switches=totals.switches,
            marked=tuple(totals.marked),
            marked_any=totals.marked_any,
            shared=totals.shared,
            new_classes=totals.new_classes,
            single_classes=totals.single_classes,
            suppressed=totals.suppressed,
            op_done={name: count for name, count in zip(names, done[1:], strict=False) if count},
            op_skipped={
                name: count for name, count in zip(names, skipped[1:], strict=False) if count
            },
            observed={
                value: runs
                for value, runs in zip(totals.observed, totals.observed_runs, strict=True)
                if runs
            },
            exhausted=bool(totals.exhausted),
            bounded={name: n for name, n in zip(BOUNDS, totals.bounded, strict=True) if n},
            remarked={name: n for name, n in zip(REMARKS, totals.remarked, strict=True) if n},
            first_remarked={
                name: strategy.with_seed(seed)
                for name, n, seed in zip(
                    REMARKS, totals.remarked, totals.first_remarked_seed, strict=True
                )
                if n
            },
            outcomes={Outcome(i): count for i, count in enumerate(totals.outcome) if count},
            not_simulated={
                clean_text(native.decode(kind.message)).removeprefix("not simulated: "): kind.runs
                for kind in totals.unsupported
                if kind.runs
            },
            first_fail=verdict,
            first_fail_strategy=first,
        )


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


def _native_case(case: Case, data: bytes, spec: TargetSpec, relaxed: Iterable[int]) -> layout.Case:
    if case.target != spec.name:
        raise UsageError(f"a case of target '{case.target}' cannot run on '{spec.name}'")
    ops = b"".join([bytes((op.actor, op.code, op.a, op.b)) for op in case.program])
    deviations = b"".join(
        [_DEVIATION.pack(d.position, d.thread, d.kind, d.answer) for d in case.schedule]
    )
    offsets = b"".join(_OFFSET.pack(offset) for offset in relaxed)
    return layout.Case(
        ops=ops,
        deviations=deviations,
        bytes=data,
        op_count=len(case.program),
        deviation_count=len(case.schedule),
        byte_count=len(data),
        step_limit=case.limits.steps,
        thread_limit=case.limits.threads or spec.limits.threads,
        model=model.MODELS.index(case.limits.model),
        checks=case.limits.check_bits,
        relaxed_count=len(offsets) // _OFFSET.size,
        relaxed=offsets,
        faults=case.limits.fault_bits,
    )


def _strategy(strategy: Strategy) -> layout.Strategy:
    return layout.Strategy(
        seed=strategy.seed & _SEED,
        kind=STRATEGY_KINDS.index(strategy.kind),
        sticky=strategy.sticky,
        pct_depth=strategy.pct_depth,
        pct_steps=strategy.pct_steps,
        obligations=strategy.obligations,
        preemptions=layout.PREEMPTIONS_ANY if strategy.preemptions < 0 else strategy.preemptions,
    )


def _deviations(handle: native.MachineHandle, count: int) -> tuple[Deviation, ...]:
    if not count:
        return ()
    found = (Deviation(d.kind, d.thread, d.position, d.answer) for d in handle.deviations(count))
    return tuple(sorted(found))
