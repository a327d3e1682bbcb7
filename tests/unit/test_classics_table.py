# SPDX-License-Identifier: Apache-2.0
"""Does the table of the classics say what was measured, and refuse what it cannot measure?"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from drainstorm.bench.classics import Row, measure
from drainstorm.bench.classics_data import Published, load_expected
from drainstorm.bench.classics_table import best_of, picture, table
from drainstorm.bench.scores import Score
from drainstorm.errors import TargetError, UsageError
from drainstorm.spec import load_target

COLUMNS = ("random", "surw")
ROWS = (
    Row("easy", {"random": Score(20, 20, 80), "surw": Score(20, 20, 40)}, Published(4, "RFF")),
    Row(
        "hard", {"random": Score(20, 0, 200_000), "surw": Score(20, 5, 180_000)}, Published(9, "X")
    ),
    Row("ours", {"random": Score(20, 20, 30_000), "surw": Score(20, 19, 40)}, None),
)


def words(line: str) -> list[str]:
    return line.split()


def test_a_row_has_the_means_the_published_one_and_the_ratio_of_the_best() -> None:
    lines = table(ROWS, COLUMNS, seeds=20, cap=10_000).splitlines()
    first = next(at for at, line in enumerate(lines) if line.startswith("program"))

    assert words(lines[first + 2]) == ["easy", "4.0", "2.0", "4", "RFF", "0.50"]
    assert words(lines[first + 3]) == ["hard", "-", "36,000", "(5)", "9", "X"]
    assert words(lines[first + 4]) == ["ours", "1,500", "2.1", "(19)"]
    assert "2 of 3 programs: some strategy finds the bug from every seed." in lines
    assert "1 of 2 programs: at most 1.2 times the best published mean." in lines


def test_only_a_strategy_that_always_finds_it_can_be_the_best() -> None:
    assert best_of(ROWS[0]) == 2.0
    assert best_of(ROWS[1]) is None
    assert best_of(ROWS[2]) == 1500.0


def test_the_picture_has_the_words_of_the_table() -> None:
    drawn = ElementTree.fromstring(picture(ROWS, COLUMNS, seeds=20, cap=10_000))
    texts = {text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")}

    assert {"easy", "2.0", "36,000 (5)", "-", "4 RFF", "0.50", "never"} <= texts


@pytest.mark.parametrize(
    ("programs", "strategies", "write"),
    [
        (("reorder_6",), (), False),
        (("reorder_3_fixed",), (), False),
        ((), ("magic",), False),
        (("reorder_3",), (), True),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_runs(
    programs: tuple[str, ...], strategies: tuple[str, ...], write: bool
) -> None:
    with pytest.raises(UsageError):
        measure(programs, strategies, seeds=1, cap=10, workers=1, state=None, write=write)


def test_the_measured_table_is_printed_and_a_bug_that_was_missed_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert measure_one("deadlock01", seeds=3, cap=500) == 0
    assert "holds: each bug in 3 of 3" in capsys.readouterr().out

    assert measure_one("reorder_100", seeds=1, cap=2) == 1
    assert "MISSED: reorder_100" in capsys.readouterr().out


def test_what_a_state_file_holds_is_not_measured_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "state"
    assert measure_one("deadlock01", seeds=3, cap=500, state=state) == 0
    first = capsys.readouterr().out
    assert measure_one("deadlock01", seeds=3, cap=500, state=state) == 0
    again = capsys.readouterr().out
    assert "measured 1 of 1" in first
    assert "measured" not in again
    assert again.strip() in first

    with pytest.raises(UsageError, match="of another cap: 500, now 600; name another --state"):
        measure_one("deadlock01", seeds=3, cap=600, state=state)


def measure_one(program: str, *, seeds: int, cap: int, state: Path | None = None) -> int:
    return measure(
        (program,), ("random",), seeds=seeds, cap=cap, workers=1, state=state, write=False
    )


def test_expectations_that_are_not_the_targets_programs_are_refused(tmp_path: Path) -> None:
    (tmp_path / "target.toml").write_text(
        'name = "t"\nsources = ["a.c"]\ndriver = "d.c"\n[[actor]]\nkind = "main"\ncount = 1\n'
        '[[operation]]\nname = "one"\nactors = ["main"]\n'
    )
    spec = load_target(tmp_path / "target.toml")
    with pytest.raises(TargetError, match="expected.toml"):
        load_expected(spec)
    (tmp_path / "expected.toml").write_text('[two]\nsc = "PASS"\nschedules = 1\n')
    with pytest.raises(TargetError, match="one, two"):
        load_expected(spec)
