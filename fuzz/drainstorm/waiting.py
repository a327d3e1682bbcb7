# SPDX-License-Identifier: Apache-2.0
"""This module tells who waits for what when a run ends: the cycle first, then all others.

A cycle is a closed path in the graph of those who wait and those who hold what they wait for
(Coffman, Elphick, Shoshani, "System deadlocks", Computing Surveys 1971). Whoever waits for somebody
in a cycle waits for ever, too, but is no part of the cause.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from drainstorm.result import Waiter

FRAMES_SHOWN: Final = 5


def waiter_lines(
    waiters: Sequence[Waiter],
    places: Mapping[int, str],
    *,
    parked: Mapping[str, str] = MappingProxyType({}),
    runnable: int = 0,
) -> list[str]:
    """Who waits for what, who holds it, and where in the source.

    Args:
        parked: Where each task was last seen, by name: all that is known of one that no thread
            runs.
        runnable: Threads that could run all the same.
    """
    if not waiters:
        return []
    goes_round = any(waiter.kind == "loop" for waiter in waiters)
    others_run = "Waiting, while something else can run" if runnable else "Nothing can run"
    lines = ["Goes round for ever" if goes_round else others_run]
    told: list[Waiter] = []
    for cycle in cycles(waiters):
        lines.append(f"  cycle: {_path(cycle)}")
        told += [waiter for waiter in cycle if waiter not in told]
    others = [waiter for waiter in waiters if waiter not in told]
    for waiter in told:
        lines += _waiter(waiter, places, parked)
    lines += ["  not in a cycle:"] * bool(told and others)
    for waiter in others:
        lines += _waiter(waiter, places, parked)
    return lines


def cycles(waiters: Sequence[Waiter]) -> Iterator[list[Waiter]]:
    """Shortest cycles, such that all who are in any are in one of these; each once, in order.

    A cycle starts with the first of its members in the order of `waiters`; each next one holds what
    the one before it waits for.
    """
    seen: list[Waiter] = []
    for waiter in waiters:
        if waiter not in seen and (cycle := _cycle_of(waiter, waiters)):
            seen += cycle
            yield cycle


def _cycle_of(start: Waiter, waiters: Sequence[Waiter]) -> list[Waiter]:
    """A shortest path from somebody over holders back to it; empty: there is none."""
    paths, reached = [[start]], [start]
    for path in paths:
        for holder in _holders(path[-1], waiters):
            if holder is start:
                return path
            if holder not in reached:
                reached.append(holder)
                paths.append([*path, holder])
    return []


def _holders(waiter: Waiter, waiters: Sequence[Waiter]) -> list[Waiter]:
    """Those of the others who have what this one waits for."""
    if names := waiter.holders or (waiter.holder_task,) * bool(waiter.holder_task):
        return [other for other in waiters if other.task in names]
    return [other for other in waiters if other.thread == waiter.holder >= 0]


def _path(cycle: Sequence[Waiter]) -> str:
    steps = [f"{_name(waiter)} -[{_what(waiter)}]->" for waiter in cycle]
    return " ".join([*steps, _name(cycle[0])])


def _name(waiter: Waiter) -> str:
    """The shortest name: of the task that waits, else of the thread."""
    return waiter.task or (f"T{waiter.thread}" if waiter.thread >= 0 else "a task")


def _what(waiter: Waiter) -> str:
    if not waiter.text and waiter.thread < 0:
        return "something that the driver does not name"
    return waiter.text or f"{waiter.kind} {waiter.object}".strip()


def _waiter(waiter: Waiter, places: Mapping[int, str], parked: Mapping[str, str]) -> list[str]:
    """Two lines: what for, and where."""
    who = _name(waiter)
    if waiter.thread >= 0:
        who = f"T{waiter.thread}" + (f" ({waiter.task})" if waiter.task else "")
    if waiter.kind == "loop":
        visited = [places[pc] for pc in waiter.stack if places.get(pc)]
        does = f"spins on {waiter.object}, at" if waiter.object else "goes through"
        return [f"  {who} {does} {', '.join(visited) or '?'}"]
    lines = [f"  {who} waits for {_what(waiter)}{_held(waiter)}"]
    frames = [places[pc] for pc in waiter.stack if places.get(pc)][:FRAMES_SHOWN]
    if frames:
        lines.append(f"     in {' < '.join(frames)}")
    elif waiter.thread < 0 and waiter.task in parked:
        lines.append(f"     last seen at {parked[waiter.task]}")
    return lines


def _held(waiter: Waiter) -> str:
    """By whom, where that is known and not said by the operation itself."""
    names = list(waiter.holders) or [waiter.holder_task] * bool(waiter.holder_task)
    if not names and waiter.holder >= 0 and waiter.kind != "join":
        names = [f"T{waiter.holder}"]
    names += [f"{waiter.holders_more} more"] * bool(waiter.holders_more)
    return f", held by {', '.join(names)}" if names else ""
