# SPDX-License-Identifier: Apache-2.0
"""This module reads and writes the byte form of a case, the one that fuzzers mutate.

Every byte string is a case: decode() is total and takes linear time. The bytes are a stream of
self-delimiting records in any order; the first byte says what a record is:

    0x00-0xDF  operation   4 bytes: code, actor, a, b; code modulo (operations + 1), 0 = no-op,
                           actor modulo the number of actors
    0xE0-0xFD  deviation  11 bytes: 0xE0 + kind (modulo), thread u16, position u32, answer u32
    0xFE       limits      9 bytes: steps u32, threads u16, model u8, checks u8, clipped or modulo
    0xFF       text        4 bytes: type u8, length u16, then so many bytes of UTF-8

Numbers are little endian. A record cut off by the end is padded with zero bytes. Operations that
their actor may not do, unknown or damaged texts and what exceeds a bound are dropped. Of several
answers at one anchor, limits, faults, expectations or bugs the last one counts. Zero bytes are
no-ops, so that the empty and the zero string are the empty, quiet case.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from drainstorm import case as model
from drainstorm.case import Case, Deviation, Expect, Limits, Operation, Place, clean_text

if TYPE_CHECKING:
    from drainstorm.spec import TargetSpec

DEVIATION: Final = 0xE0
LIMITS: Final = 0xFE
TEXT: Final = 0xFF

TEXT_EXPECT: Final = 1
TEXT_BUG: Final = 2
TEXT_STORY: Final = 3
TEXT_NOTE: Final = 4
"""Belongs to the operation record before it."""
TEXT_TARGET: Final = 5
"""For readers that do not know the target yet; decode() is told it."""
TEXT_RELAXED: Final = 6
"""A place whose plain accesses are relaxed atomic ones: "src/graph.c:17"."""
TEXT_FAULTS: Final = 7
"""The faults of the limits, as words: a record of its own, so that older bytes mean the same."""

OPERATION_BYTES: Final = 4
DEVIATION_BYTES: Final = 11
LIMITS_BYTES: Final = 9
TEXT_HEADER_BYTES: Final = 4

_ANSWER: Final = struct.Struct("<HII")
_LIMITS: Final = struct.Struct("<IHBB")
_TEXT: Final = struct.Struct("<BBH")
_PADDING: Final = bytes(DEVIATION_BYTES)
_CACHE_MAX: Final = 1 << 16


class _Memory:
    """Records seen before, by their bytes: values are immutable and creating them is the cost."""

    def __init__(self, spec: TargetSpec) -> None:
        self.spec = spec
        self.operations: dict[bytes, Operation | None] = {}
        self.deviations: dict[bytes, Deviation] = {}

    def operation(self, record: bytes) -> Operation | None:
        """The operation of four bytes; None: a no-op or not allowed."""
        if len(self.operations) >= _CACHE_MAX:
            self.operations.clear()
        spec = self.spec
        code = record[0] % (len(spec.operations) + 1)
        actor = record[1] % spec.actor_count
        operation = None
        if spec.allows(actor, code):
            operands = len(spec.operations[code - 1].operands)
            a = record[2] if operands > 0 else 0
            operation = Operation(actor, code, a, record[3] if operands > 1 else 0)
        self.operations[record] = operation
        return operation

    def deviation(self, record: bytes) -> Deviation:
        """The deviation of eleven bytes."""
        if len(self.deviations) >= _CACHE_MAX:
            self.deviations.clear()
        kind = (record[0] - DEVIATION) % len(model.KINDS)
        deviation = Deviation(kind, *_ANSWER.unpack_from(record, 1))
        self.deviations[record] = deviation
        return deviation


@lru_cache(maxsize=8)
def _memory(spec: TargetSpec) -> _Memory:
    return _Memory(spec)


class _Texts:
    """What the text records of a stream said."""

    def __init__(self, spec: TargetSpec) -> None:
        self.spec = spec
        self.expect: Expect | None = None
        self.bug = ""
        self.faults: tuple[str, ...] = ()
        self.story: list[str] = []
        self.relaxed: set[Place] = set()

    def take(self, kind: int, text: str, program: list[Operation], *, may_note: bool) -> None:
        """One text record; unknown kinds and impossible values are dropped."""
        if kind == TEXT_STORY:
            if len(self.story) < model.STORY_LINES_MAX:
                self.story.append(text)
        elif kind == TEXT_NOTE:
            if may_note and program:
                op = program[-1]
                program[-1] = Operation(op.actor, op.code, op.a, op.b, text)
        elif kind == TEXT_BUG:
            if self.spec.has_bug(text):
                self.bug = text
        elif kind == TEXT_RELAXED:
            place = Place.parse(text)
            if place is not None and len(self.relaxed) < model.PLACES_MAX:
                self.relaxed.add(place)
        elif kind == TEXT_FAULTS:
            self.faults = model.faults_of(text.split())
        elif kind == TEXT_EXPECT:
            words = text.split(None, 2)
            if words and words[0] in model.VERDICTS:
                self.expect = Expect(*words).cleaned()


def decode(data: bytes, spec: TargetSpec) -> Case:
    """The case that a byte string means; total, linear time.

    Returns:
        A normalised case: `decode(encode(c, spec), spec) == c` for every normalised c.
    """
    memory = _memory(spec)
    texts = _Texts(spec)
    program: list[Operation] = []
    schedule: dict[tuple[int, int, int], Deviation] = {}
    limits = Limits()
    may_note = False
    end, at = len(data), 0
    data = data + _PADDING
    while at < end:
        tag = data[at]
        if tag < DEVIATION:
            record = data[at : at + OPERATION_BYTES]
            at += OPERATION_BYTES
            try:
                operation = memory.operations[record]
            except KeyError:
                operation = memory.operation(record)
            may_note = operation is not None and len(program) < model.OPERATIONS_MAX
            if may_note and operation is not None:
                program.append(operation)
        elif tag < LIMITS:
            record = data[at : at + DEVIATION_BYTES]
            at += DEVIATION_BYTES
            deviation = memory.deviations.get(record) or memory.deviation(record)
            anchor = (deviation.kind, deviation.thread, deviation.position)
            if anchor in schedule or len(schedule) < model.DEVIATIONS_MAX:
                schedule[anchor] = deviation
        elif tag == LIMITS:
            steps, threads, number, bits = _LIMITS.unpack_from(data, at + 1)
            at += LIMITS_BYTES
            name = model.MODELS[number % len(model.MODELS)]
            limits = Limits(steps, threads, name, model.checks_of(bits)).clipped()
        else:
            _, kind, length = _TEXT.unpack_from(data, at)
            at += TEXT_HEADER_BYTES
            text = _clean(data[at : min(at + length, end)])
            at += length
            if text is not None:
                texts.take(kind, text, program, may_note=may_note)
    return Case(
        target=spec.name,
        program=tuple(program),
        schedule=tuple(sorted(schedule.values())),
        limits=replace(limits, faults=texts.faults) if texts.faults else limits,
        expect=texts.expect,
        bug=texts.bug,
        story=tuple(texts.story),
        relaxed=model.unique_places(texts.relaxed),
    )


def encode(case: Case, spec: TargetSpec) -> bytes:
    """The canonical bytes of a case: target, limits, story, places, operations, deviations, ..."""
    case = case.normalised(spec)
    parts = [_text_record(TEXT_TARGET, spec.name)]
    limits = case.limits
    if replace(limits, faults=()) != Limits():
        number = model.MODELS.index(limits.model)
        fields = (limits.steps, limits.threads, number, limits.check_bits)
        parts.append(bytes([LIMITS]) + _LIMITS.pack(*fields))
    if limits.faults:
        parts.append(_text_record(TEXT_FAULTS, " ".join(limits.faults)))
    parts += [_text_record(TEXT_STORY, line) for line in case.story]
    parts += [_text_record(TEXT_RELAXED, str(place)) for place in case.relaxed]
    for op in case.program:
        parts.append(bytes((op.code, op.actor, op.a, op.b)))
        if op.note:
            parts.append(_text_record(TEXT_NOTE, op.note))
    parts += [encode_deviation(deviation) for deviation in case.schedule]
    if case.expect is not None:
        parts.append(_text_record(TEXT_EXPECT, str(case.expect)))
    if case.bug:
        parts.append(_text_record(TEXT_BUG, case.bug))
    return b"".join(parts)


def encode_deviation(deviation: Deviation) -> bytes:
    """The eleven bytes of one deviation."""
    numbers = _ANSWER.pack(deviation.thread, deviation.position, deviation.answer)
    return bytes([DEVIATION + deviation.kind]) + numbers


def split(data: bytes) -> list[bytes]:
    """The records of a stream, in order; their concatenation is `data`. For mutators."""
    records: list[bytes] = []
    at = 0
    while at < len(data):
        tag = data[at]
        if tag < DEVIATION:
            size = OPERATION_BYTES
        elif tag < LIMITS:
            size = DEVIATION_BYTES
        elif tag == LIMITS:
            size = LIMITS_BYTES
        else:
            header = data[at : at + TEXT_HEADER_BYTES].ljust(TEXT_HEADER_BYTES, b"\0")
            size = TEXT_HEADER_BYTES + _TEXT.unpack(header)[2]
        records.append(data[at : at + size])
        at += size
    return records


def target_name(data: bytes) -> str:
    """The target that a stream names, "" when it names none."""
    for record in split(data):
        if record[:2] == bytes([TEXT, TEXT_TARGET]):
            return _clean(record[TEXT_HEADER_BYTES:]) or ""
    return ""


def _clean(data: bytes) -> str | None:
    try:
        return clean_text(data.decode("utf-8"))
    except UnicodeDecodeError:
        return None


def _text_record(kind: int, text: str) -> bytes:
    data = text.encode("utf-8")
    return _TEXT.pack(TEXT, kind, len(data)) + data
