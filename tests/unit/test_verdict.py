# SPDX-License-Identifier: Apache-2.0
"""Verdicts, signatures and expectations agree with each other and with engine.h."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from drainstorm import case, layout, native, result
from drainstorm.case import Expect
from drainstorm.verdict import Outcome, Signature, Verdict

HEADER = (Path(__file__).parents[2] / "fuzz" / "engine" / "engine.h").read_text()


def numbered(prefix: str) -> list[str]:
    """Names of an enum in engine.h in their order, without the prefix and the count."""
    found = re.findall(rf"\b{prefix}([A-Z0-9_]+)\b(?: = (\d+))?[,;}}]", HEADER)
    return [name.lower().replace("_", "-") for name, _ in dict.fromkeys(found)]


def test_the_words_are_those_of_the_engine() -> None:
    outcomes = re.findall(r"DS_([A-Z_]+) = (\d+),", HEADER.split("DS_OK = 0")[1].split("};")[0])
    assert [(Outcome(int(number)).name, name) for name, number in outcomes[:-1]] == [
        (name, name) for name, _ in outcomes[:-1]
    ]
    assert outcomes[-1] == ("OUTCOMES", str(layout.OUTCOMES))
    assert numbered("DS_EV_") == list(result.EVENT_KINDS)
    assert numbered("DS_STRATEGY_") == list(result.STRATEGY_KINDS)
    assert numbered("DS_KIND_") == list(case.KINDS)
    assert numbered("DS_MODEL_") == list(case.MODELS)
    assert f"DS_ABI_VERSION = {native.ABI_VERSION} " in HEADER
    assert f"DS_MARKS = {layout.MARKS} " in HEADER
    assert result.MARKS == layout.MARKS
    bounds = numbered("DS_BOUND_")[:-1]
    assert len(bounds) == len(result.BOUNDS) == layout.BOUNDS
    assert f"DS_THREAD_MAX = {case.THREADS_MAX} " in HEADER


@pytest.mark.parametrize(
    ("signature", "text"),
    [
        (Signature(Outcome.RULE, "R3", "orphans-lost"), "FAIL R3 orphans-lost"),
        (Signature(Outcome.DEADLOCK), "FAIL deadlock"),
        (Signature(Outcome.ASSERT, "", "f:a == b"), "FAIL assert f:a == b"),
        (Signature(Outcome.STEP_LIMIT), "UNKNOWN step-limit"),
        (Signature(Outcome.OK), "PASS"),
    ],
)
def test_a_signature_reads_like_an_expectation(signature: Signature, text: str) -> None:
    assert str(signature) == text
    assert re.fullmatch("[0-9a-f]{8}", signature.bucket)
    verdict = Verdict(signature.outcome.kind, signature.outcome, signature.rule, signature.site)
    assert verdict.matches(signature.expect())
    assert verdict.matches(Expect(verdict.kind))
    assert not verdict.matches(Expect(verdict.kind, "R9"))


def test_different_signatures_have_different_buckets() -> None:
    one, other = Signature(Outcome.RULE, "R1", "a"), Signature(Outcome.RULE, "R1", "b")
    assert one.bucket != other.bucket
    assert one.bucket == Signature(Outcome.RULE, "R1", "a").bucket


def test_an_expectation_of_another_verdict_or_site_does_not_match() -> None:
    verdict = Verdict("FAIL", Outcome.RULE, "R1", "inside")
    assert verdict.matches(Expect("FAIL", "R1"))
    assert not verdict.matches(Expect("PASS"))
    assert not verdict.matches(Expect("FAIL", "R1", "outside"))
    assert not Verdict("UNKNOWN", Outcome.STEP_LIMIT).matches(Expect("FAIL"))
