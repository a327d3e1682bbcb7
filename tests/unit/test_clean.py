# SPDX-License-Identifier: Apache-2.0
"""Does a long measurement of the shipped code keep what it did, and go on from there?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from drainstorm.bench import clean
from drainstorm.errors import UsageError
from drainstorm.spec import TargetSpec
from support.tiny import tiny_target

SOURCE = "static volatile int value;\nvoid work(void);\nvoid work(void) { value++; }\n"


@pytest.fixture
def tiny(tmp_path: Path) -> TargetSpec:
    return tiny_target(tmp_path, SOURCE)


def measure(spec: TargetSpec, state: Path, *, cpu_minutes: float, model: str = "sc") -> None:
    clean.measure(
        str(spec.folder), model=model, schedules=0, cpu_minutes=cpu_minutes, seed=3, workers=1,
        file="work.c", state=state,
    )  # fmt: skip


def told(words: str) -> tuple[int, int]:
    """Schedules in all, and the seed of the next round."""
    found = re.search(r" of ([\d,]+) over .* next seed (\d+)", words)
    assert found, words
    return int(found[1].replace(",", "")), int(found[2])


def test_rounds_add_up_and_a_later_call_goes_on(
    tiny: TargetSpec, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(clean, "ROUND_SECONDS", 1.0)
    state = tmp_path / "state"

    measure(tiny, state, cpu_minutes=2 / 60)
    runs, next_seed = told(capsys.readouterr().out)
    assert runs > 0
    assert next_seed >= 3 + 2

    measure(tiny, state, cpu_minutes=2 / 60)
    assert told(capsys.readouterr().out) == (runs, next_seed), "nothing is left to do"

    measure(tiny, state, cpu_minutes=4 / 60)
    more, later_seed = told(capsys.readouterr().out)
    assert more > runs
    assert later_seed > next_seed


def test_a_state_of_something_else_is_refused(tiny: TargetSpec, tmp_path: Path) -> None:
    state = tmp_path / "state"
    measure(tiny, state, cpu_minutes=0.5 / 60)
    with pytest.raises(UsageError, match="of another model: sc, now c11; name another --state"):
        measure(tiny, state, cpu_minutes=0.5 / 60, model="c11")
