# SPDX-License-Identifier: Apache-2.0
"""This module tells in some ten lines why a case failed: operations, decisive switches, the end.

A shrunk case has one or two deviations. Each of them is a moment at which a thread was stopped
just before something; what others did to the same object until it went on is the explanation.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from drainstorm.case import FAULTS, KINDS
from drainstorm.verdict import Outcome
from drainstorm.waiting import waiter_lines
from drainstorm.wording import (
    event_words,
    is_stale,
    operation_words,
    place_words,
    value_words,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drainstorm.case import Deviation
    from drainstorm.result import Event, Run
    from drainstorm.spec import TargetSpec
    from drainstorm.verdict import Verdict

OPERATIONS_SHOWN: Final = 6
SWITCHES_SHOWN: Final = 6
STALE_SHOWN: Final = 6
WOKEN_SHOWN: Final = 6
RACES_SHOWN: Final = 6
MEANWHILE_SHOWN: Final = 3

_SILENT: Final = frozenset(("operation", "skip", "note", "fail", "fault", "woken"))
_WRITES: Final = frozenset(("store", "rmw", "cas"))
_CHANGES: Final = frozenset(("store", "rmw", "cas", "lock", "unlock", "write", "signal"))


def thread_titles(run: Run, spec: TargetSpec) -> dict[int, str]:
    """What each simulated thread is called: its number, and the actors that acted on it."""
    actors: dict[int, list[str]] = {0: []}
    for event in run.events:
        names = actors.setdefault(event.thread, [])
        if event.kind == "operation" and event.actor < spec.actor_count:
            name = spec.actor_name(event.actor)
            if name not in names:
                names.append(name)
    for waiter in run.waiters:
        if waiter.thread >= 0:
            actors.setdefault(waiter.thread, [])
    return {
        thread: f"T{thread}" + (f" {', '.join(names[:4])}" if names else "")
        for thread, names in sorted(actors.items())
    }


def tell(
    run: Run, schedule: Sequence[Deviation], *, spec: TargetSpec, places: Mapping[int, str]
) -> list[str]:
    """Operations that were carried out, what decided, what was accessed, who waits for what."""
    lines = _operations(run.events, spec)
    lines += _switches(run.events, schedule, spec, places)
    lines += _stale_reads(run.events, places)
    lines += _faults(run.events, spec, places)
    lines += _woken(run.events)
    lines += _other_decisions(schedule)
    lines += _accesses(run, places)
    parked = {e.task: place for e in run.events if e.task and (place := place_words(e, places))}
    lines += waiter_lines(run.waiters, places, parked=parked, runnable=run.runnable)
    return lines


def _who(event: Event | Verdict) -> str:
    """ "T1 (co2)": a thread and the task that ran on it then."""
    return f"T{event.thread}" + (f" ({event.task})" if event.task else "")


def _operations(events: Sequence[Event], spec: TargetSpec) -> list[str]:
    """The last operations of each actor, in the order in which actors end."""
    by_actor: dict[int, list[str]] = {}
    for at, event in enumerate(events):
        if event.kind != "operation":
            continue
        skipped = any(
            e.kind == "skip" and e.actor == event.actor and e.step == event.step
            for e in events[at + 1 : at + 4]
        )
        words = operation_words(event, spec).split(": ", 1)[1]
        mine = by_actor.pop(event.actor, [])
        by_actor[event.actor] = [*mine, f"({words}: skipped)" if skipped else words]
    if not by_actor:
        return []
    lines = ["Last operations"]
    width = max(len(spec.actor_name(actor)) for actor in by_actor)
    for actor in sorted(by_actor):
        words_of = by_actor[actor]
        dots = ".. " if len(words_of) > OPERATIONS_SHOWN else ""
        said = "; ".join(words_of[-OPERATIONS_SHOWN:])
        lines.append(f"  {spec.actor_name(actor):<{width}}  {dots}{said}")
    return lines


def _switches(
    events: Sequence[Event], schedule: Sequence[Deviation], spec: TargetSpec,
    places: Mapping[int, str],
) -> list[str]:  # fmt: skip
    decisive = [d for d in schedule if d.kind == 0]
    if not decisive:
        end = ", the undisturbed run fails" if not schedule else ""
        return [f"Decisive switches: none{end}"]
    lines = [f"Decisive switches ({len(decisive)})"]
    for number, deviation in enumerate(decisive[:SWITCHES_SHOWN], 1):
        lines += _switch(number, deviation, events, spec, places)
    if len(decisive) > SWITCHES_SHOWN:
        lines.append(f"  .. and {len(decisive) - SWITCHES_SHOWN} more: drainstorm shrink FILE")
    return lines


def _switch(
    number: int, deviation: Deviation, events: Sequence[Event], spec: TargetSpec,
    places: Mapping[int, str],
) -> list[str]:  # fmt: skip
    """One deviation: before what the thread was stopped, and what happened until it went on."""
    who, other = f"T{deviation.thread}", f"T{deviation.answer}"
    held = next(
        (
            at for at, e in enumerate(events)
            if e.thread == deviation.thread and e.position == deviation.position
            and e.kind not in _SILENT
        ),
        None,
    )  # fmt: skip
    if held is None:
        last = [e for e in events if e.thread == deviation.thread and e.position
                <= deviation.position and e.kind == "operation"]  # fmt: skip
        during = f" during {operation_words(last[-1], spec)}" if last else ""
        return [f"  {number}. {who} stops{during} and never goes on; {other} runs instead"]
    event = events[held]
    begin = held
    while begin > 0 and events[begin - 1].thread != deviation.thread:
        begin -= 1
    place = place_words(event, places)
    lines = [
        f"  {number}. {_who(event)} is stopped just before `{event_words(event, spec)}`"
        + (f" at {place}" if place else "")
        + f"; {other} runs"
    ]
    for between in _meanwhile(events[begin:held], event):
        where = place_words(between, places)
        who = f"T{between.thread}" if between.kind == "operation" else _who(between)
        lines.append(
            f"     meanwhile {who}: {event_words(between, spec)}"
            + (f"  {where}" if where and between.kind not in _SILENT else "")
        )
    return lines


def _meanwhile(events: Sequence[Event], held: Event) -> list[Event]:
    """What matters most of what happened while a thread was held back, in order."""
    same = [e for e in events if e.object and e.object == held.object and e.kind in _CHANGES]
    operations = [e for e in events if e.kind in ("operation", "fail")]
    chosen = (same[-MEANWHILE_SHOWN:] + operations[-MEANWHILE_SHOWN:])[: MEANWHILE_SHOWN + 1]
    ids = {id(e) for e in chosen}
    return [e for e in events if id(e) in ids]


def _stale_reads(events: Sequence[Event], places: Mapping[int, str]) -> list[str]:
    """Loads that did not return what memory held, each with the store that it did not see."""
    stale = [at for at, event in enumerate(events) if is_stale(event)]
    if not stale:
        return []
    lines = [f"Reads of something else than memory held ({len(stale)})"]
    for at in stale[:STALE_SHOWN]:
        load = events[at]
        missed = next(
            (e for e in reversed(events[:at]) if e.object == load.object and e.kind in _WRITES
             and e.value == load.old), None,
        )  # fmt: skip
        read, held = value_words(load.value, load.size), value_words(load.old, load.size)
        place = place_words(load, places)
        lines.append(
            f"  {_who(load)} reads {load.object} = {read}"
            + (f" at {place}" if place else "")
            + f"; memory has {held}"
            + (f", stored by {_who(missed)} at {place_words(missed, places)}" if missed else "")
        )
    if len(stale) > STALE_SHOWN:
        lines.append(f"  .. and {len(stale) - STALE_SHOWN} more")
    return lines


def _faults(events: Sequence[Event], spec: TargetSpec, places: Mapping[int, str]) -> list[str]:
    """What went wrong because the schedule said so."""
    faults = [event for event in events if event.kind == "fault"]
    lines = [f"Faults that the schedule chose ({len(faults)})"] * bool(faults)
    for event in faults:
        place = place_words(event, places)
        lines.append(f"  {_who(event)}: {event.text}" + (f" at {place}" if place else ""))
    return lines


def _woken(events: Sequence[Event]) -> list[str]:
    """When everybody slept and only a timer let the run go on."""
    woken = [event for event in events if event.kind == "woken"]
    lines = [f"Went on by a timer only ({len(woken)})"] * bool(woken)
    for event in woken[:WOKEN_SHOWN]:
        lines.append(f"  {_who(event)} is woken {event.text}")
    if len(woken) > WOKEN_SHOWN:
        lines.append(f"  .. and {len(woken) - WOKEN_SHOWN} more")
    return lines


def _other_decisions(schedule: Sequence[Deviation]) -> list[str]:
    """Answers that are neither switch, read nor fault: which waiter, spurious failures, buffers."""
    told = ("run", "read", *FAULTS)
    counts = Counter(KINDS[d.kind] for d in schedule if KINDS[d.kind] not in told)
    return [f"Other decisions: {', '.join(f'{n} {kind}' for kind, n in counts.items())}"] * bool(
        counts
    )


def _accesses(run: Run, places: Mapping[int, str]) -> list[str]:
    """Data races with both their sides, and where memory was freed that is used."""
    lines = []
    if run.races:
        lines.append(f"Data races ({len(run.races)})")
        for race in run.races[:RACES_SHOWN]:
            lines.append(f"  {race}" + (" [not judged]" if race.is_suppressed else ""))
        if len(run.races) > RACES_SHOWN:
            lines.append(f"  .. and {len(run.races) - RACES_SHOWN} more")
    verdict = run.verdict
    if verdict.outcome is Outcome.USE_AFTER_FREE:
        lines.append(f"Used by {_who(verdict)} at {places.get(verdict.pc, '?')}")
        lines.append(f"  freed at {places.get(verdict.other_pc, '?')}")
    if verdict.outcome is Outcome.USE_AFTER_RETURN:
        lines.append(f"Used by {_who(verdict)} at {places.get(verdict.pc, '?')}")
        lines.append(f"  another access to it at {places.get(verdict.other_pc, '?')}")
    return lines
