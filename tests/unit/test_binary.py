# SPDX-License-Identifier: Apache-2.0
"""The byte form: single records mean what the module says."""

from __future__ import annotations

import struct
import time

import pytest

from drainstorm import binary
from drainstorm.case import (
    CHECKS,
    DEVIATIONS_MAX,
    MODELS,
    OPERATIONS_MAX,
    STEPS_MAX,
    Case,
    Deviation,
    Limits,
    Operation,
)
from drainstorm.spec import TargetSpec


@pytest.mark.parametrize("data", [b"", bytes(1), bytes(1000)])
def test_nothing_and_zero_bytes_are_the_empty_quiet_case(
    data: bytes, blocklayer: TargetSpec
) -> None:
    assert binary.decode(data, blocklayer) == Case("blocklayer", ())


def test_codes_and_actors_are_taken_modulo(blocklayer: TargetSpec) -> None:
    start = blocklayer.operation_code("start")
    data = bytes([start + len(blocklayer.operations) + 1, blocklayer.actor_count, 7, 9])
    assert binary.decode(data, blocklayer).program == (Operation(0, start, 7, 9),)


def test_an_operation_that_its_actor_may_not_do_is_dropped(blocklayer: TargetSpec) -> None:
    rdlock = blocklayer.operation_code("rdlock")
    assert binary.decode(bytes([rdlock, 0, 0, 0]), blocklayer).program == ()


def test_a_cut_record_is_padded_with_zero_bytes(blocklayer: TargetSpec) -> None:
    start = blocklayer.operation_code("start")
    assert binary.decode(bytes([start]), blocklayer).program == (Operation(0, start),)
    assert binary.decode(b"\xe0\x05", blocklayer).schedule == (Deviation(0, 5, 0, 0),)


def test_the_last_answer_at_an_anchor_counts(blocklayer: TargetSpec) -> None:
    records = [Deviation(0, 2, 9, 4), Deviation(1, 2, 9, 1), Deviation(0, 2, 9, 5)]
    data = b"".join(binary.encode_deviation(record) for record in records)
    expected = (Deviation(0, 2, 9, 5), Deviation(1, 2, 9, 1))
    assert binary.decode(data, blocklayer).schedule == expected


def test_limits_are_clipped(blocklayer: TargetSpec) -> None:
    data = b"\xfe" + struct.pack("<IHBB", 2**32 - 1, 65535, 255, 255)
    model = MODELS[255 % len(MODELS)]
    assert binary.decode(data, blocklayer).limits == Limits(STEPS_MAX, 192, model, CHECKS)
    assert binary.decode(b"\xfe", blocklayer).limits.steps == 1


def test_a_note_belongs_to_the_operation_before_it(blocklayer: TargetSpec) -> None:
    poll, rdlock = blocklayer.operation_code("poll"), blocklayer.operation_code("rdlock")
    note = b"\xff\x04\x02\x00hi"
    kept = binary.decode(bytes([poll, 0, 0, 0]) + note, blocklayer)
    dropped = binary.decode(bytes([poll, 0, 0, 0, rdlock, 0, 0, 0]) + note, blocklayer)
    assert [op.note for op in kept.program] == ["hi"]
    assert [op.note for op in dropped.program] == [""]


@pytest.mark.parametrize(
    "record", [b"\xff\x03\x02\x00\xff\xfe", b"\xff\x02\x01\x00x", b"\xff\x01\x01\x00x", b"\xff\x77"]
)
def test_damaged_and_unknown_texts_are_dropped(record: bytes, blocklayer: TargetSpec) -> None:
    assert binary.decode(record, blocklayer) == Case("blocklayer", ())


def test_a_stream_names_its_target(blocklayer: TargetSpec) -> None:
    assert binary.target_name(binary.encode(Case("blocklayer", ()), blocklayer)) == "blocklayer"
    assert binary.target_name(b"\x01\x02") == ""


def test_more_than_the_bounds_is_dropped_in_linear_time(blocklayer: TargetSpec) -> None:
    poll = bytes([blocklayer.operation_code("poll"), 0, 0, 0])
    answers = b"".join(
        binary.encode_deviation(Deviation(0, i % 7, i, 0)) for i in range(2 * DEVIATIONS_MAX)
    )
    begin = time.process_time()
    case = binary.decode(poll * (1 << 18) + answers, blocklayer)
    assert time.process_time() - begin < 5.0  # 0.1 s; quadratic time would take minutes
    assert len(case.program) == OPERATIONS_MAX
    assert len(case.schedule) == DEVIATIONS_MAX


def test_faults_are_a_record_of_their_own_and_unknown_words_are_none(
    blocklayer: TargetSpec,
) -> None:
    words = b"timer luck  memory"
    record = bytes([0xFF, binary.TEXT_FAULTS, len(words), 0]) + words
    limits = b"\xfe" + struct.pack("<IHBB", 77, 5, 0, 1)

    for data in (record + limits, limits + record):
        decoded = binary.decode(data, blocklayer).limits
        assert decoded == Limits(77, 5, MODELS[0], ("access",), ("memory", "timer"))
    assert binary.decode(limits, blocklayer).limits.faults == ()
    only_faults = Case("blocklayer", (), limits=Limits(faults=("short",)))
    assert binary.LIMITS not in [r[0] for r in binary.split(binary.encode(only_faults, blocklayer))]
