# SPDX-License-Identifier: Apache-2.0
"""This module says an event in a few words: "store graph.has_writer = 1"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drainstorm import text
from drainstorm.case import Operation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drainstorm.result import Event
    from drainstorm.spec import TargetSpec

_VERBS: Final = {
    "rmw": "update",
    "cas": "cas",
    "cas-failed": "cas failed",
    "trylock-failed": "trylock failed",
    "create": "create thread",
    "start": "thread starts",
    "exit": "thread ends",
    "join": "join thread",
    "wait": "wait on",
    "woken": "woken",
}
"""What is said instead of the event's kind."""

_ALL_ONES: Final = {1: (1 << 8) - 1, 2: (1 << 16) - 1, 4: (1 << 32) - 1, 8: (1 << 64) - 1}
_DECIMAL_MAX: Final = 9999


def value_words(value: int, size: int) -> str:
    """A value as a reader wants it: small ones decimal, small negative ones too, else hex.

    Args:
        size: Bytes that it has in memory; decides what -1 looks like.
    """
    most = _ALL_ONES.get(size, _ALL_ONES[8])
    if value > most - 64:
        return str(value - most - 1)
    return str(value) if value <= _DECIMAL_MAX else f"{value:#x}"


def operation_words(event: Event, spec: TargetSpec) -> str:
    """ "co1: rdlock": the operation of an "operation" or "skip" event, with its actor."""
    code, a, b = event.value & 0xFF, event.value >> 8 & 0xFF, event.value >> 16 & 0xFF
    actor = spec.actor_name(event.actor) if event.actor < spec.actor_count else f"#{event.actor}"
    if not 1 <= code <= len(spec.operations):
        return f"{actor}: operation {code}"
    return f"{actor}: {text.render_operation(Operation(event.actor, code, a, b), spec)}"


def event_words(event: Event, spec: TargetSpec) -> str:
    """What happened, without where in the source."""
    if event.kind == "operation":
        return operation_words(event, spec)
    if event.kind == "skip":
        return "skipped: a precondition does not hold"
    if event.kind in ("note", "fail", "fault"):
        before = "FAIL " if event.kind == "fail" else ""
        behind = " (a fault that the schedule chose)" if event.kind == "fault" else ""
        return f"{before}{event.text}{behind}"
    words = _VERBS.get(event.kind, event.kind)
    if event.object:
        words += f" {event.object}"
    if event.kind == "load":
        held = f" (memory has {value_words(event.old, event.size)})" if is_stale(event) else ""
        return f"{words} = {value_words(event.value, event.size)}{held}"
    if event.kind in ("store", "rmw", "cas"):
        old = value_words(event.old, event.size)
        return f"{words} {old} -> {value_words(event.value, event.size)}"
    return f"{words} {event.text}".rstrip()


def is_stale(event: Event) -> bool:
    """Whether a load returned something else than memory held.

    Under `c11` an older store, under `tso` the thread's own store that is still in its buffer.
    """
    return event.kind == "load" and event.value != event.old


def place_words(event: Event, places: Mapping[int, str]) -> str:
    """ "bdrv_graph_wrlock:88", empty when the machine has recorded no place."""
    return places.get(event.pc, "")


def full_words(event: Event, spec: TargetSpec, places: Mapping[int, str]) -> str:
    """What happened and where."""
    place = place_words(event, places)
    words = event_words(event, spec)
    return f"{words}  {place}" if place and event.kind not in ("operation", "note") else words
