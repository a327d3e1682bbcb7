# SPDX-License-Identifier: Apache-2.0
"""Does the table of planted bugs say what was measured, and refuse a state of something else?"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from drainstorm.bench.bugs import Plan, measure
from drainstorm.bench.bugs_table import Free, Row, picture, table
from drainstorm.bench.scores import Score
from drainstorm.errors import UsageError

COLUMNS = ("random", "portfolio")
PLAN = Plan(seeds=1, schedules=100, free_seeds=0, seconds=1.0, strategies=("random",))


def row(bug: str, portfolio: Score, free: list[Free]) -> Row:
    return Row(
        bug=bug, judged="R4", zoo="GL-01", seed="some-program",
        scores={"random": Score(20, 0, 200_000), "portfolio": portfolio},
        median=31.0, ninth=77, seconds=0.0123, free=free, cpu_seconds=1800.0,
    )  # fmt: skip


ROWS = (
    row("soon", Score(20, 20, 640), [Free(True, 10, 0.5), Free(True, 10, 2.0)]),
    row("late", Score(20, 19, 190_000), [Free(False, 10, 60.0), Free(False, 10, 60.0)]),
)


def test_a_row_has_means_median_and_the_time_from_nothing() -> None:
    lines = table(ROWS, COLUMNS, 10_000, 60.0).splitlines()
    first = next(at for at, line in enumerate(lines) if line.startswith("bug "))

    assert lines[first + 2].split() == [
        "soon",
        "GL-01",
        "R4",
        "-",
        "32",
        "31",
        "77",
        "0.012",
        "1.2",
    ]
    assert lines[first + 3].split() == [
        "late",
        "GL-01",
        "R4",
        "-",
        "10,000",
        "(19)",
        "31",
        "77",
        "0.012",
        ">",
        "60",
    ]
    assert lines[-3:] == [
        "1 of 2 bugs: the portfolio finds it from its program with all 20 seeds.",
        "1 of 2 bugs: found from nothing, median at most 30 s.",
        "60.0 minutes of processor time.",
    ]


def test_the_picture_has_the_words_of_the_table() -> None:
    drawn = ElementTree.fromstring(picture(ROWS, COLUMNS, 10_000, 60.0))
    texts = {text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")}

    assert {"soon", "GL-01", "32", "-", "10,000 (19)", "1.2 s", "> 60 s"} <= texts


def test_a_state_file_of_another_build_is_refused(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.write_text('{"of": {"target": "blocklayer", "build": "0"}, "rows": {}}')

    with pytest.raises(UsageError, match="of another build: 0, now [0-9a-f]+; name another"):
        measure("blocklayer", (), PLAN, workers=1, state=state, write=False)


def test_a_damaged_state_file_is_named(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.write_bytes(b"\x00{")

    with pytest.raises(UsageError, match="not a state file of this measurement"):
        measure("blocklayer", (), PLAN, workers=1, state=state, write=False)


def test_a_part_of_the_table_is_not_stored() -> None:
    with pytest.raises(UsageError, match="leave out --bug"):
        measure("blocklayer", ("lost-orphans",), PLAN, workers=1, state=None, write=True)
