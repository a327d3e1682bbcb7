# SPDX-License-Identifier: Apache-2.0
"""Can a byte fuzzer call us with anything and go on after a finding?"""

from __future__ import annotations

import importlib.util
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from drainstorm import binary
from drainstorm.build import Built
from drainstorm.case import Case, Operation
from drainstorm.fuzzing import FuzzSession, prepare
from drainstorm.spec import TargetSpec
from drainstorm.store import Store

ENTRY = Path(__file__).parents[2] / "fuzz" / "fuzz_blocklayer.py"


@pytest.fixture
def session(tally_built: Built, tmp_path: Path) -> Iterator[FuzzSession]:
    session = FuzzSession(tally_built, Store(tmp_path))
    yield session
    session.close()


def crash(spec: TargetSpec) -> bytes:
    start, boom = spec.operation_code("start"), spec.operation_code("crash")
    return binary.encode(Case("tally", (Operation(0, start, 0), Operation(1, boom))), spec)


def test_any_bytes_are_run(session: FuzzSession) -> None:
    rng = random.Random(1)
    for _ in range(300):
        session.test_one_input(rng.randbytes(rng.randrange(200)))


def test_a_finding_is_stored_once_and_the_fuzzer_goes_on(
    session: FuzzSession, tally: TargetSpec, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(3):
        session.test_one_input(crash(tally))
    assert len(list(tmp_path.glob("findings/tally/*/min.case"))) == 1
    assert capsys.readouterr().out.count("FAIL segv") == 1


def test_mutations_are_cases_and_fit(session: FuzzSession, tally: TargetSpec) -> None:
    data = b""
    for seed in range(500):
        data = session.mutate(data, 300, seed)
        assert len(data) <= 300
    assert binary.decode(data, tally).program
    assert session.mutate(crash(tally), 300, 7) == session.mutate(crash(tally), 300, 7)


def test_crossovers_are_cases_and_fit(session: FuzzSession, tally: TargetSpec) -> None:
    one, two = crash(tally), session.mutate(b"", 300, 3)
    for seed in range(200):
        mixed = session.cross_over(one, two, 120, seed)
        assert len(mixed) <= 120
        binary.decode(mixed, tally)


def test_preparing_writes_the_seeds_and_keeps_the_fuzzers_flags(
    tally: TargetSpec, tmp_path: Path
) -> None:
    argv = ["fuzz.py", "--target", str(tally.folder), "--state-dir", str(tmp_path), "-runs=5"]
    plan = prepare("blocklayer", argv)
    plan.session.close()
    assert plan.arguments[0] == "fuzz.py"
    assert "-runs=5" in plan.arguments
    assert Path(plan.arguments[-1]).is_dir()


def test_an_unknown_target_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        prepare("nowhere", ["fuzz.py"])
    assert ended.value.code == 2
    assert "nowhere" in capsys.readouterr().err


# atheris is always installed where pyproject.toml can ask for it: CPython 3.11 to 3.14 on x86-64.
@pytest.mark.skipif(not importlib.util.find_spec("atheris"), reason="no atheris on this platform")
def test_atheris_is_guided_by_the_machines_counters(tally: TargetSpec, tmp_path: Path) -> None:
    """The only finding that a byte fuzzer alone would miss for long: a lost update."""
    command = [
        sys.executable, "-P", str(ENTRY), "--target", str(tally.folder), "--bug", "lost-add",
        "--state-dir", str(tmp_path), "-runs=3000", "-seed=1",
    ]  # fmt: skip
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, env=dict(os.environ)
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "FAIL R1 sum" in done.stdout
    assert "cov: " in done.stderr
