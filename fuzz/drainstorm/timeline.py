# SPDX-License-Identifier: Apache-2.0
"""This module draws a traced run: one column per simulated thread, time going down.

A run has a hundred points and a reader looks for three, so stretches in which one thread did
nothing that others could see are folded. `full=True` folds nothing. Where another logical task goes
on in a thread than in the line above it in its column, the line begins with it: `[co2]`, or `[T1]`
for the thread itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from drainstorm.wording import event_words, is_stale, place_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drainstorm.case import Deviation
    from drainstorm.result import Event, Run
    from drainstorm.spec import TargetSpec

QUIET_MAX: Final = 3
"""A stretch of up to this many unremarkable events is shown as it is."""

COLUMN_MIN: Final = 22
STEP_WIDTH: Final = 6
PLACE_COLUMN: Final = 40
"""Where places stand, so that the eye can skip them; further left where room is short."""

_REMARKABLE: Final = frozenset((
    "operation", "skip", "note", "fail", "create", "exit", "cas-failed", "trylock-failed",
    "wait", "signal", "broadcast", "fault", "woken",
))  # fmt: skip
_CHANGES: Final = frozenset(("store", "rmw", "cas"))


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the timeline before it is laid out.

    Args:
        step: Scheduling points before it; -1: a folded stretch.
        task: Logical task, empty: the thread's own; None: of no single one.
        is_switch: Whether another thread ran before.
        is_decisive: Whether a deviation of the case made this thread wait before this event.
    """

    step: int
    thread: int
    task: str | None
    words: str
    place: str
    is_operation: bool
    is_switch: bool
    is_decisive: bool


def rows(
    events: Sequence[Event],
    *,
    spec: TargetSpec,
    places: Mapping[int, str],
    schedule: Sequence[Deviation] = (),
    full: bool = False,
) -> list[Row]:
    """The rows of a run.

    Args:
        events: In the order of the run.
        places: "function:line" by offset.
        schedule: Deviations of the case: where they hit is always shown.
        full: Whether to show every event.
    """
    anchors = {(d.thread, d.position) for d in schedule if d.kind == 0}
    shared = _shared_objects(events)
    keep = [full or _is_remarkable(e, anchors, shared) for e in events]
    _keep_around_switches(events, keep)
    result: list[Row] = []
    at = 0
    while at < len(events):
        end = _end_of_quiet(events, keep, at)
        if end - at > QUIET_MAX:
            result.append(_folded(events[at:end], places))
            at = end
            continue
        for index in range(at, max(end, at + 1)):
            before = events[index - 1].thread if index else events[index].thread
            result.append(_row(events[index], before, anchors, spec, places))
        at = max(end, at + 1)
    return result


def end_row(run: Run) -> Row:
    """The last row of a run that did not pass: where it ended and how."""
    before = run.events[-1].thread if run.events else run.verdict.thread
    return Row(
        step=max(run.steps, run.events[-1].step if run.events else 0),
        thread=run.verdict.thread,
        task=run.verdict.task or None,
        words=str(run.verdict),
        place="",
        is_operation=True,
        is_switch=before != run.verdict.thread,
        is_decisive=False,
    )


def render(lines: Sequence[Row], *, threads: Mapping[int, str], width: int) -> list[str]:
    """Lay rows out.

    Args:
        threads: Title of each thread that gets a column, by thread id.
        width: Characters of a line; many threads in a narrow terminal share one column.
    """
    columns = sorted(threads)
    space = (width - STEP_WIDTH) // max(1, len(columns))
    if space >= COLUMN_MIN:
        return _render_columns(lines, columns, threads, space)
    return _render_list(lines, threads, width)


def _render_columns(
    lines: Sequence[Row], columns: list[int], threads: Mapping[int, str], space: int
) -> list[str]:
    head = "".join(_fit(threads[thread], space - 1) + " " for thread in columns)
    result = [f"{'step':>5} {head}".rstrip(), "-" * (STEP_WIDTH + space * len(columns))]
    for row, task in zip(lines, _task_marks(lines), strict=True):
        step = f"{row.step:>5}" if row.step >= 0 else "     "
        pad = " " * (space * columns.index(row.thread)) if row.thread in columns else ""
        room = space * (len(columns) - columns.index(row.thread)) - 1
        text = _cell(row, task, room, space - 1)
        result.append(f"{step} {pad}{text}".rstrip())
    return result


def _render_list(lines: Sequence[Row], threads: Mapping[int, str], width: int) -> list[str]:
    """One column: each row says its thread, indented by it."""
    result = [f"{'step':>5} {'; '.join(threads[t] for t in sorted(threads))}"[:width]]
    for row, task in zip(lines, _task_marks(lines), strict=True):
        step = f"{row.step:>5}" if row.step >= 0 else "     "
        head = f"{step} {'  ' * min(row.thread, 6)}T{row.thread} "
        room = max(20, width - len(head))
        result.append((head + _cell(row, task, room, room)).rstrip())
    return result


def _task_marks(lines: Sequence[Row]) -> list[str]:
    """For each row: what says that its thread runs another task than where it was seen before.

    An operation names its actor, which is the task or stands for its thread.
    """
    shown: dict[int, str] = {}
    marks = []
    for row in lines:
        before = shown.get(row.thread, "")
        task = before if row.task is None else row.task
        shown[row.thread] = task
        is_said = row.is_operation and (not task or row.words.startswith(f"{task}: "))
        marks.append("" if task == before or is_said else f"[{task or f'T{row.thread}'}] ")
    return marks


def _cell(row: Row, task: str, room: int, column: int) -> str:
    """A row's text; may run over the columns to its right, which are empty in its line."""
    mark = "*" if row.is_decisive else ">" if row.is_switch else " "
    if row.is_operation:
        return _fit(f"{mark}{task}[{row.words}]", room)
    text = f"{mark} {task}{row.words}"
    if not row.place:
        return _fit(text, room)
    width = max(0, min(column, PLACE_COLUMN, room - len(row.place) - 2))
    return _fit(f"{text:<{width}}  {row.place}", room)


def _fit(text: str, room: int) -> str:
    return f"{text:<{room}}" if len(text) <= room else text[: max(1, room - 2)] + ".."


def _row(
    event: Event, before: int, anchors: set[tuple[int, int]], spec: TargetSpec,
    places: Mapping[int, str],
) -> Row:  # fmt: skip
    is_operation = event.kind == "operation"
    return Row(
        step=event.step,
        thread=event.thread,
        task=event.task,
        words=event_words(event, spec),
        place="" if is_operation or event.kind == "note" else place_words(event, places),
        is_operation=is_operation,
        is_switch=before != event.thread,
        is_decisive=_has_anchor(event) and (event.thread, event.position) in anchors,
    )


def _folded(events: Sequence[Event], places: Mapping[int, str]) -> Row:
    names: list[str] = []
    for event in events:
        function = place_words(event, places).split(":", 1)[0]
        if function and function not in names:
            names.append(function)
    inside = f" in {', '.join(names[:2])}{' ..' if len(names) > 2 else ''}" if names else ""
    points = len({(e.thread, e.position) for e in events})
    tasks = {event.task for event in events}
    task = tasks.pop() if len(tasks) == 1 else None
    return Row(-1, events[0].thread, task, f"... {points} points{inside}", "", False, False, False)


def _shared_objects(events: Sequence[Event]) -> frozenset[str]:
    """Objects that more than one thread touches: only those can carry a defect."""
    owners: dict[str, set[int]] = {}
    for event in events:
        if event.object:
            owners.setdefault(event.object, set()).add(event.thread)
    return frozenset(name for name, threads in owners.items() if len(threads) > 1)


def _is_remarkable(event: Event, anchors: set[tuple[int, int]], shared: frozenset[str]) -> bool:
    if event.kind in _REMARKABLE or is_stale(event):
        return True
    if _has_anchor(event) and (event.thread, event.position) in anchors:
        return True
    changed = event.kind in _CHANGES and event.value != event.old
    return changed and event.object in shared and not _is_plumbing(event.object)


def _is_plumbing(name: str) -> bool:
    """Objects that nobody named ("heap 3 + 16"): true, but no help to a reader."""
    return " " in name or "+" in name or name.startswith(("0x", "heap", "data", "stack"))


def _has_anchor(event: Event) -> bool:
    """Whether the event itself is a scheduling point, at which a deviation may sit."""
    return event.kind not in ("operation", "skip", "note", "fail", "fault", "woken")


def _keep_around_switches(events: Sequence[Event], keep: list[bool]) -> None:
    """A thread's last event before another one runs, and its first one after, are shown."""
    for at in range(1, len(events)):
        if events[at].thread != events[at - 1].thread:
            keep[at] = keep[at - 1] = True


def _end_of_quiet(events: Sequence[Event], keep: Sequence[bool], at: int) -> int:
    """End of the stretch of quiet events of one thread that begins at `at`; `at` if none."""
    end = at
    while end < len(events) and not keep[end] and events[end].thread == events[at].thread:
        end += 1
    return end
