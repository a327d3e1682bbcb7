# SPDX-License-Identifier: Apache-2.0
"""Do the sources of the block layer keep the promises that a reader relies on?

Each fence and each weaker than sequentially consistent access says whom it pairs with, and which
litmus program shows what it does; a relaxed one, why nothing needs an order.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

TARGETS = Path(__file__).parents[2] / "targets"
SRC = TARGETS / "blocklayer" / "src"
SOURCES = sorted(SRC.glob("*/*.[ch]"))
LITMUS = frozenset(tomllib.loads((TARGETS / "litmus" / "outcomes.toml").read_text("utf-8")))

every_source = pytest.mark.parametrize("source", SOURCES, ids=lambda p: str(p.relative_to(SRC)))

ORDERED = re.compile(r"memory_order_(seq_cst|acq_rel|acquire|release)\b")
RELAXED = re.compile(r"memory_order_relaxed\b")
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


@every_source
def test_every_order_names_a_litmus_program(source: Path) -> None:
    text = source.read_text("utf-8")
    named = {name for comment in comments(text) for name in litmus_names(comment)}
    assert named <= LITMUS
    assert [
        line
        for function in functions(text)
        if not litmus_names(" ".join(comments(function)))
        for line in lines_with(ORDERED, function)
    ] == []


@every_source
def test_every_relaxed_access_says_why_nothing_needs_an_order(source: Path) -> None:
    text = source.read_text("utf-8")
    head = "".join(comments(text)[1:2])  # the first one is the licence
    assert [
        line
        for function in functions(text)
        if "relaxed" not in (head + " ".join(comments(function))).lower()
        for line in lines_with(RELAXED, function)
    ] == []


def test_the_orders_of_the_sources_are_seen() -> None:
    """Else the two tests above would say nothing."""
    code = [function for source in SOURCES for function in functions(source.read_text("utf-8"))]
    assert sum(len(lines_with(ORDERED, function)) for function in code) > 40
    assert sum(len(lines_with(RELAXED, function)) for function in code) > 60


def functions(text: str) -> list[str]:
    """The text, cut behind each closing brace in the first column: a comment goes with its code."""
    return re.split(r"(?m)^\}", text)


def comments(text: str) -> list[str]:
    return COMMENT.findall(text)


def litmus_names(comment: str) -> list[str]:
    """What stands behind "litmus", also at the beginning of the comment's next line."""
    return re.findall(r"\blitmus[\s*]+(\w+)", comment)


def lines_with(order: re.Pattern[str], code: str) -> list[str]:
    return [line.strip() for line in COMMENT.sub("", code).splitlines() if order.search(line)]
