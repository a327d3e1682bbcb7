# SPDX-License-Identifier: Apache-2.0
"""For every case and every byte string: both forms are total, lossless and canonical."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from drainstorm import binary, text
from drainstorm.case import (
    FAULTS,
    KINDS,
    MODELS,
    VERDICTS,
    Case,
    Deviation,
    Expect,
    Limits,
    Operation,
    Place,
)
from drainstorm.errors import CaseError
from drainstorm.spec import find_target

SPEC = find_target(Path(__file__).parents[2] / "targets" / "blocklayer")

lines = st.text(max_size=60) | st.sampled_from(["", "#", "# x", "T0 -> T1", "\u2028", "a  b"])
words = st.text(max_size=12) | st.sampled_from(["R1", "deadlock", "orphans-lost", "head == tail"])
operations = st.builds(
    Operation,
    actor=st.integers(0, SPEC.actor_count),
    code=st.integers(0, len(SPEC.operations) + 1),
    a=st.integers(0, 255),
    b=st.integers(0, 255),
    note=st.just("") | lines,
)
deviations = st.builds(
    Deviation,
    kind=st.integers(0, len(KINDS)),
    thread=st.integers(0, 3) | st.integers(0, 2**16 - 1),
    position=st.integers(0, 9) | st.integers(0, 2**32 - 1),
    answer=st.integers(0, 3) | st.integers(0, 2**32 - 1),
)
places = st.builds(
    Place,
    file=st.sampled_from(["src/graph.c", "a b", "", "x:y", "#x", "ä.c", "\x7f"]) | words,
    line=st.integers(-1, 3) | st.integers(9_999_990, 10_000_001),
)
limits = st.just(Limits()) | st.builds(
    Limits,
    steps=st.integers(-1, 2_000_000),
    threads=st.integers(-1, 300),
    model=st.sampled_from(MODELS),
    faults=st.lists(st.sampled_from([*FAULTS, "no-fault"]), max_size=4).map(tuple),
)
cases = st.builds(
    Case,
    target=st.just(SPEC.name),
    program=st.lists(operations, max_size=20).map(tuple),
    schedule=st.lists(deviations, max_size=12).map(tuple),
    limits=limits,
    expect=st.none() | st.builds(Expect, verdict=st.sampled_from(VERDICTS), rule=words, site=words),
    bug=st.sampled_from(["", "no-such-bug", *(bug.name for bug in SPEC.bugs)]),
    story=st.lists(lines, max_size=3).map(tuple),
    relaxed=st.lists(places, max_size=3).map(tuple),
)
tags = st.sampled_from([0x00, 0x03, 0x0A, 0xDF, 0xE0, 0xE1, 0xFD, 0xFE, 0xFF])
streams = st.binary(max_size=300) | st.lists(
    st.one_of(
        st.builds(lambda tag, rest: bytes([tag]) + rest, tags, st.binary(max_size=14)),
        st.builds(
            lambda kind, data: bytes([0xFF, kind, len(data), 0]) + data,
            st.integers(0, 8),
            st.binary(max_size=20)
            | st.builds("{}".format, lines | places.map(str)).map(
                lambda line: line.encode("utf-8", "ignore")
            ),
        ),
    ),
    max_size=20,
).map(b"".join)


@given(cases)
@settings(max_examples=300)
def test_normalising_twice_changes_nothing(case: Case) -> None:
    once = case.normalised(SPEC)
    assert once.normalised(SPEC) == once


@given(cases)
@settings(max_examples=300)
def test_the_byte_form_is_lossless(case: Case) -> None:
    case = case.normalised(SPEC)
    assert binary.decode(binary.encode(case, SPEC), SPEC) == case


@given(cases)
@settings(max_examples=300)
def test_the_text_form_is_lossless_and_a_fixed_point(case: Case) -> None:
    case = case.normalised(SPEC)
    rendered = text.render(case, SPEC)
    assert text.parse(rendered, SPEC, path="x.case") == case
    assert text.render(text.parse(rendered, SPEC, path="x.case"), SPEC) == rendered


@given(cases)
def test_both_forms_mean_the_same(case: Case) -> None:
    through_text = text.parse(text.render(case, SPEC), SPEC, path="x.case")
    through_bytes = binary.decode(binary.encode(case, SPEC), SPEC)
    assert through_text == through_bytes


@given(streams)
@example(b"")
@example(b"\xff")
@example(b"\xff\x03\xff\xff")
@example(b"\xfe\x00")
@example(b"\xe0" * 11)
@settings(max_examples=600)
def test_every_byte_string_is_a_normalised_case_and_encoding_is_canonical(data: bytes) -> None:
    case = binary.decode(data, SPEC)
    assert case.normalised(SPEC) == case
    encoded = binary.encode(case, SPEC)
    assert binary.decode(encoded, SPEC) == case
    assert binary.encode(binary.decode(encoded, SPEC), SPEC) == encoded


@given(streams)
@settings(max_examples=300)
def test_splitting_a_stream_loses_no_byte(data: bytes) -> None:
    assert b"".join(binary.split(data)) == data


@given(streams, st.data())
def test_dropping_a_deviation_shifts_nothing(data: bytes, draw: st.DataObject) -> None:
    case = binary.decode(data, SPEC)
    if case.schedule:
        gone = draw.draw(st.sampled_from(case.schedule))
        rest = tuple(deviation for deviation in case.schedule if deviation != gone)
        dropped = binary.encode_deviation(gone)
        records = [r for r in binary.split(binary.encode(case, SPEC)) if r != dropped]
        assert binary.decode(b"".join(records), SPEC) == replace(case, schedule=rest)


@given(st.text(max_size=300))
def test_any_text_is_a_case_or_a_case_error(content: str) -> None:
    with contextlib.suppress(CaseError):
        text.parse(content, SPEC, path="x.case")


@given(cases, st.data())
@settings(max_examples=200)
def test_a_damaged_case_is_a_case_or_a_case_error_with_its_line(
    case: Case, draw: st.DataObject
) -> None:
    rendered = text.render(case, SPEC)
    at = draw.draw(st.integers(0, len(rendered) - 1))
    damage = draw.draw(st.text(max_size=3))
    damaged = rendered[:at] + damage + rendered[at + 1 :]
    try:
        text.parse(damaged, SPEC, path="x.case")
    except CaseError as error:
        assert str(error).startswith("x.case:")
