# SPDX-License-Identifier: Apache-2.0
"""This module reads what the engine says of its runs, and gives names to its numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from drainstorm import layout, native
from drainstorm.case import Deviation, clean_text
from drainstorm.result import (
    BOUNDS,
    EVENT_KINDS,
    REMARKS,
    Event,
    Race,
    Run,
    Strategy,
    Totals,
    Waiter,
    race_site,
)
from drainstorm.symbols import Location
from drainstorm.verdict import Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drainstorm.build import Built
    from drainstorm.symbols import Symbols


class Reading:
    """What a machine's answers mean for one build of a target."""

    def __init__(self, built: Built, symbols: Symbols) -> None:
        self._built = built
        self._symbols = symbols

    def races(self, handle: native.MachineHandle, found: Iterable[layout.Race]) -> tuple[Race, ...]:
        raws = list(found)
        places = self._symbols.locate({pc for r in raws for pc in (r.pc, r.other_pc) if pc})
        for pc, place in places.items():
            if macros := self._built.macros.get((place.file, place.line)):
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

    def result(self, handle: native.MachineHandle, result: layout.Result) -> Run:
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
            deviations=deviations(handle, result.deviation_count),
            events=self._events(handle, result.event_count),
            waiters=self._waiters(handle, result.waiter_count),
            runnable=result.runnable,
            races=self.races(handle, [raw for raw in handle.races() if raw.in_last_run]),
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
        return self._symbols.variable(clean_text(handle.object_name(number)))

    def _place(self, place: int) -> str:
        """Where a race is, in words that no schedule changes."""
        kind, offset = divmod(place, 1 << layout.PLACE_SHIFT)
        if kind == layout.PLACE_MODULE:
            return self._symbols.word_of_variable(offset, bytes_most=layout.PLACE_BLOCK_BYTES)
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
                there = self._symbols[result.other_pc] if result.other_pc else "?"
                message += f": {self._symbols[result.pc]}, earlier {there}"
            elif outcome in (Outcome.LIVELOCK, Outcome.STARVATION) and result.other_pc:
                pcs.append(result.other_pc)
            functions = [self._symbols[pc].function if pc else "?" for pc in pcs]
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
            function = self._symbols[wait.pc].function if wait.pc else "?"
            what = clean_text(native.decode(wait.what)).replace(" ", "-")
            words.add(f"{kind}:{what or function}")
        return clean_text("|".join(sorted(words)))

    def totals(
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
        names = [operation.name for operation in self._built.spec.operations]
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


def deviations(handle: native.MachineHandle, count: int) -> tuple[Deviation, ...]:
    if not count:
        return ()
    found = (Deviation(d.kind, d.thread, d.position, d.answer) for d in handle.deviations(count))
    return tuple(sorted(found))
