# SPDX-License-Identifier: Apache-2.0
"""This module holds the structs of engine.h as ctypes sees them; `native` checks their sizes."""

from __future__ import annotations

import ctypes
from ctypes import (
    c_char,
    c_char_p,
    c_int32,
    c_int64,
    c_uint8,
    c_uint16,
    c_uint32,
    c_uint64,
)
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

OUTCOMES: Final = 23
OBSERVATIONS: Final = 256
PREEMPTIONS_ANY: Final = 2**32 - 1
MARKS: Final = 8
BOUNDS: Final = 5
REMARKS: Final = 2
OPERATION_CODES: Final = 256
STACK_FRAMES: Final = 12
HOLDERS: Final = 8


class Op(ctypes.Structure):
    """ds_op."""

    _fields_ = (("actor", c_uint8), ("code", c_uint8), ("a", c_uint8), ("b", c_uint8))


class Deviation(ctypes.Structure):
    """ds_deviation."""

    _fields_ = (
        ("position", c_uint32),
        ("thread", c_uint16),
        ("kind", c_uint16),
        ("answer", c_uint32),
    )
    position: int
    thread: int
    kind: int
    answer: int


class Case(ctypes.Structure):
    """ds_case; the arrays are packed bytes, which ctypes keeps alive as long as the struct."""

    _fields_ = (
        ("ops", c_char_p),
        ("deviations", c_char_p),
        ("bytes", c_char_p),
        ("op_count", c_uint32),
        ("deviation_count", c_uint32),
        ("byte_count", c_uint32),
        ("step_limit", c_uint32),
        ("thread_limit", c_uint32),
        ("model", c_uint32),
        ("checks", c_uint32),
        ("relaxed_count", c_uint32),
        ("relaxed", c_char_p),
        ("faults", c_uint32),
    )


class Strategy(ctypes.Structure):
    """ds_strategy."""

    _fields_ = (
        ("seed", c_uint64),
        *((name, c_uint32) for name in ("kind", "sticky", "pct_depth", "pct_steps")),
        *((name, c_uint32) for name in ("preemptions", "obligations")),
    )
    seed: int
    kind: int
    sticky: int
    pct_depth: int
    pct_steps: int
    preemptions: int
    obligations: int


WAITS: Final = 8
UNSUPPORTED_KINDS: Final = 8


class Wait(ctypes.Structure):
    """ds_wait."""

    _fields_ = (("pc", c_uint64), ("kind", c_uint32), ("what", c_char * 44))
    pc: int
    kind: int
    what: bytes


class Result(ctypes.Structure):
    """ds_result."""

    _fields_ = (
        *((name, c_uint32) for name in ("verdict", "outcome", "thread", "task")),
        *((name, c_uint64) for name in ("steps", "choices", "switches")),
        *((name, c_uint64) for name in ("trace_hash", "class_hash", "virtual_ns", "observed")),
        *((name, c_uint32) for name in ("threads", "ops_done", "ops_skipped", "marks")),
        *((name, c_uint32) for name in ("pct_steps", "deviation_count", "event_count")),
        *((name, c_uint32) for name in ("waiter_count", "obligations", "bounds")),
        *((name, c_uint32) for name in ("remarks", "wait_count", "shared", "mixed")),
        *((name, c_uint32) for name in ("runnable", "unused")),
        *((name, c_uint64) for name in ("pc", "other_pc", "place")),
        ("rule", c_char * 16),
        ("site", c_char * 96),
        ("message", c_char * 256),
        ("waits", Wait * WAITS),
    )
    verdict: int
    outcome: int
    thread: int
    task: int
    steps: int
    choices: int
    switches: int
    trace_hash: int
    class_hash: int
    virtual_ns: int
    threads: int
    ops_done: int
    ops_skipped: int
    marks: int
    pct_steps: int
    deviation_count: int
    event_count: int
    waiter_count: int
    obligations: int
    bounds: int
    remarks: int
    shared: int
    mixed: int
    runnable: int
    pc: int
    other_pc: int
    place: int
    rule: bytes
    site: bytes
    message: bytes
    wait_count: int
    waits: Sequence[Wait]


class Unsupported(ctypes.Structure):
    """ds_unsupported."""

    _fields_ = (("runs", c_uint64), ("message", c_char * 88))
    runs: int
    message: bytes


class Totals(ctypes.Structure):
    """ds_totals."""

    _fields_ = (
        *((name, c_uint64) for name in ("runs", "passed", "unknown", "failed")),
        *((name, c_uint64) for name in ("steps", "choices", "switches")),
        ("marked", c_uint64 * MARKS),
        ("marked_any", c_uint64),
        ("shared", c_uint64),
        ("new_classes", c_uint64),
        ("op_done", c_uint64 * OPERATION_CODES),
        ("op_skipped", c_uint64 * OPERATION_CODES),
        ("outcome", c_uint64 * OUTCOMES),
        ("bounded", c_uint64 * BOUNDS),
        ("remarked", c_uint64 * REMARKS),
        ("first_remarked_seed", c_uint64 * REMARKS),
        ("observed", c_uint64 * OBSERVATIONS),
        ("observed_runs", c_uint64 * OBSERVATIONS),
        ("observed_count", c_uint32),
        ("exhausted", c_uint32),
        *((name, c_uint64) for name in ("observations_lost", "suppressed")),
        ("single_classes", c_int64),
        *((name, c_uint64) for name in ("unrepeated", "first_unrepeated_seed")),
        ("unsupported", Unsupported * UNSUPPORTED_KINDS),
        ("first_fail_seed", c_uint64),
        ("first_fail_pct_steps", c_uint32),
        ("first_fail_obligations", c_uint32),
        ("first_fail", Result),
    )
    runs: int
    passed: int
    unknown: int
    failed: int
    steps: int
    choices: int
    switches: int
    marked: Sequence[int]
    marked_any: int
    shared: int
    new_classes: int
    op_done: Sequence[int]
    op_skipped: Sequence[int]
    outcome: Sequence[int]
    bounded: Sequence[int]
    remarked: Sequence[int]
    first_remarked_seed: Sequence[int]
    observed: Sequence[int]
    observed_runs: Sequence[int]
    exhausted: int
    suppressed: int
    single_classes: int
    unrepeated: int
    first_unrepeated_seed: int
    unsupported: Sequence[Unsupported]
    first_fail_seed: int
    first_fail_pct_steps: int
    first_fail_obligations: int
    first_fail: Result


class Event(ctypes.Structure):
    """ds_event."""

    _fields_ = (
        *((name, c_uint64) for name in ("object", "value", "old", "pc")),
        *((name, c_uint32) for name in ("step", "position", "text")),
        *((name, c_uint16) for name in ("thread", "task")),
        *((name, c_uint8) for name in ("kind", "size", "actor", "order")),
        ("reserved", c_uint32),
    )
    object: int
    value: int
    old: int
    pc: int
    step: int
    position: int
    text: int
    thread: int
    task: int
    kind: int
    size: int
    actor: int
    order: int


class Waiter(ctypes.Structure):
    """ds_waiter."""

    _fields_ = (
        ("object", c_uint64),
        ("pc", c_uint64 * STACK_FRAMES),
        *((name, c_int32) for name in ("thread", "task", "holder", "holder_task")),
        *((name, c_uint32) for name in ("kind", "text", "said", "holder_count")),
        ("holders", c_uint16 * HOLDERS),
    )
    object: int
    pc: Sequence[int]
    thread: int
    task: int
    holder: int
    holder_task: int
    kind: int
    text: int
    said: int
    holder_count: int
    holders: Sequence[int]


class Race(ctypes.Structure):
    """ds_race."""

    _fields_ = (
        *((name, c_uint64) for name in ("pc", "other_pc", "object", "place")),
        *((name, c_uint64) for name in ("count", "first_seed")),
        *((name, c_uint16) for name in ("thread", "other_thread")),
        *((name, c_uint8) for name in ("write", "other_write", "mixed")),
        *((name, c_uint8) for name in ("in_last_run", "suppressed")),
        ("reserved", c_uint8 * 7),
    )
    pc: int
    other_pc: int
    object: int
    place: int
    count: int
    first_seed: int
    thread: int
    other_thread: int
    write: int
    other_write: int
    mixed: int
    in_last_run: int
    suppressed: int


PLACE_SHIFT: Final = 40
PLACE_MODULE, PLACE_BLOCK = 2, 6
PLACE_BLOCK_BYTES: Final = 512
"""DS_PLACE_*."""

STRUCTS: Final = (Op, Deviation, Case, Strategy, Result, Totals, Event, Waiter, Race)
"""In the order of ds_abi_size()."""
