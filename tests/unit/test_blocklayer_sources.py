# SPDX-License-Identifier: Apache-2.0
"""Do the sources of the block layer keep the promises that a reader relies on?

Each fence and each weaker than sequentially consistent access says whom it pairs with, and which
litmus program shows what it does; a relaxed one, why nothing needs an order. Each public function
says who may call it, and has a caller. Each file opens with what it is for.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterable
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

CALLED = 3  # times that its name stands somewhere: declared, defined, called

# Who may call them is said in their bodies; what the other folders offer is common code.
WITH_CATEGORY = ("graph", "block", "job", "export")
CATEGORY = re.compile(r"\b(GLOBAL_STATE_CODE|IO_CODE|IO_OR_GS_CODE)\(\)")
DECLARED = re.compile(r"(?m)^(?!typedef|static|struct|#|\s)[\w \*]*?\b([a-z]\w+)\([^;{}]*\)\s*;")


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


def test_every_public_function_says_who_may_call_it() -> None:
    declared = declared_in(h for h in SOURCES if h.parent.name in WITH_CATEGORY)
    codes = [COMMENT.sub("", path.read_text("utf-8")) for path in SOURCES if path.suffix == ".c"]
    assert len(declared) > 150, "are the headers read?"
    silent = [name for name in sorted(declared) if not CATEGORY.search(body_of(name, codes))]
    assert silent == []


def test_every_public_function_is_called() -> None:
    """By another one, an operation of the driver, or a behaviour."""
    code = "".join(COMMENT.sub("", path.read_text("utf-8")) for path in SRC.parent.rglob("*.[ch]"))
    words = Counter(re.findall(r"\w+", code))
    declared = declared_in(SOURCES)
    assert len(declared) > 250, "are the headers read?"
    assert [name for name in sorted(declared) if words[name] < CALLED] == []


def test_every_file_opens_with_what_it_is_for() -> None:
    files = [
        source
        for folder in (TARGETS, TARGETS.parent / "tests", TARGETS.parent / "fuzz")
        for source in sorted(folder.rglob("*.[ch]"))
    ]
    assert len(files) > len(SOURCES)
    opening = re.compile(r"/\* SPDX-License-Identifier: \S+ \*/\n/\*")
    assert [str(path) for path in files if not opening.match(path.read_text("utf-8"))] == []


def declared_in(files: Iterable[Path]) -> set[str]:
    """The functions that those of the files which are public headers declare."""
    return {
        name
        for header in files
        if header.suffix == ".h" and not header.stem.endswith("_int")
        for name in DECLARED.findall(COMMENT.sub("", header.read_text("utf-8")))
    }


def body_of(name: str, codes: list[str]) -> str:
    """The body of function `name`; of one that a macro of its file defines, the macro's."""
    for code in codes:
        body = re.search(
            rf"(?m)^\w[^\n;{{}}#]*\b{name}\([^;{{}}]*\)\n\{{(.*?)^\}}", code, re.DOTALL
        )
        if body:
            return body.group(1)
        macro = re.search(rf"(?m)^([A-Z_]+)\({name}, ", code)
        definition = macro and re.search(rf"(?m)^#define {macro.group(1)}\((.*\\\n)+", code)
        if definition:
            return definition.group(0)
    raise AssertionError(f"{name} is declared and not defined")


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
