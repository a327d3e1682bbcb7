# SPDX-License-Identifier: Apache-2.0
"""Does the measure of branches count what a person would count?"""

from __future__ import annotations

from pathlib import Path

import pytest

from drainstorm.bench.branches import (
    Branch,
    Reason,
    branches_of,
    read_reasons,
    source_text,
    taken,
)
from drainstorm.bench.coverage import REASONS, Coverage
from drainstorm.build import build
from drainstorm.case import Case, Operation
from drainstorm.errors import TargetError
from drainstorm.machine import Machine
from drainstorm.result import Strategy
from drainstorm.spec import TargetSpec, find_target, load_target
from support.tiny import tiny_target

HEADER = """
static inline int clamped(int value)
{
  if (value > 9) {
    return 9;
  }
  return value;
}
"""
SOURCE = """
#include <assert.h>
#include <stdlib.h>
#include "clamp.h"
volatile int input = 3;
void work(void)
{
  int *cell = malloc(sizeof(*cell));
  assert(cell);
  if (input > 5) {
    input = clamped(input);
  }
  *cell = clamped(input + 1);
  free(cell);
}
"""
TEXTS = {"if (input > 5) {", "input = clamped(input);", "return 9;"}


@pytest.fixture
def tiny(tmp_path: Path) -> TargetSpec:
    spec = tiny_target(tmp_path, SOURCE)
    (tmp_path / "clamp.h").write_text(HEADER)
    description = tmp_path / "target.toml"
    description.write_text(description.read_text().replace("driver =", 'include = ["."]\ndriver ='))
    return spec


def files(spec: TargetSpec) -> list[Path]:
    return [spec.folder / "work.c", spec.folder / "clamp.h"]


def untaken_texts(spec: TargetSpec) -> tuple[set[str], int]:
    built = build(spec, flavour="cov")
    branches = branches_of(built, files(spec))
    with Machine(built) as machine:
        machine.run(Case(spec.name, (Operation(0, 1),)), Strategy.replay())
        ran = taken(branches, machine.coverage())
    return {source_text(spec.folder, branch) for branch in branches.keys() - ran}, len(ran)


def test_what_did_not_run_is_named_by_its_source(tiny: TargetSpec) -> None:
    untaken, ran = untaken_texts(tiny)

    assert untaken <= TEXTS
    assert {"input = clamped(input);", "return 9;"} & untaken
    assert ran >= 3


def test_no_side_of_an_assertion_that_fails_is_a_branch(tiny: TargetSpec) -> None:
    branches = branches_of(build(tiny, flavour="cov"), files(tiny))

    on_the_assertion = [b for b in branches if "assert" in source_text(tiny.folder, b)]
    assert len(on_the_assertion) <= 1, "the side that goes on, perhaps; never the one that fails"


def test_a_function_of_a_header_is_counted_once(tmp_path: Path, tiny: TargetSpec) -> None:
    alone = [b for b in branches_of(build(tiny, flavour="cov"), files(tiny)) if b.file == "clamp.h"]
    (tmp_path / "other.c").write_text('#include "clamp.h"\nint other(int v) { return clamped(v); }')
    description = tmp_path / "target.toml"
    description.write_text(description.read_text().replace('"work.c"', '"work.c", "other.c"'))
    both = branches_of(build(load_target(description), flavour="cov"), files(tiny))
    assert alone
    assert [b for b in both if b.file == "clamp.h"] == alone
    assert any(len(blocks) == 2 for blocks in both.values())


def test_a_reason_covers_a_line_of_a_function_or_all_of_it(tmp_path: Path) -> None:
    (tmp_path / "x.c").write_text("a\n  if (b || c) {\n")
    (tmp_path / REASONS).write_text(
        "Words.\n\n- `x.c` `f` `if (b || c) {`: never\n- `x.c` `g`: no\n"
    )
    line, other = Branch("x.c", 2, "f", 0), Branch("x.c", 1, "f", 0)
    whole = Branch("x.c", 1, "g", 3)
    coverage = Coverage(
        tmp_path,
        frozenset({line, other, whole}),
        frozenset(),
        frozenset(),
        read_reasons(tmp_path / REASONS),
    )

    assert coverage.unexplained == (other,)
    assert coverage.reason(line) == "never"
    assert coverage.reason(whole) == "no"


def test_an_entry_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / REASONS).write_text("- `x.c`: no function\n")
    with pytest.raises(TargetError, match=r"UNTAKEN.md:1"):
        read_reasons(tmp_path / REASONS)


SPEC = find_target("blocklayer")


@pytest.mark.parametrize(
    "entry", read_reasons(SPEC.folder / REASONS), ids=lambda e: f"{e.function} {e.text}".strip()
)
def test_what_the_table_gives_a_reason_for_is_still_there(entry: Reason) -> None:
    lines = (SPEC.folder / entry.file).read_text("utf-8").splitlines()
    assert not entry.text or entry.text in map(str.strip, lines)
    assert any(f"{entry.function}(" in line for line in lines)
    assert len(entry.words) > 10
