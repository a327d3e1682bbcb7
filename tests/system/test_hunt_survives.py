# SPDX-License-Identifier: Apache-2.0
"""Does a hunt survive Ctrl-C, SIGTERM and `kill -9` without losing what it announced?"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from drainstorm import text
from drainstorm.build import Built, build
from drainstorm.spec import TargetSpec
from drainstorm.store import RECORD_NAME, load_record

ANNOUNCED = re.compile(r"drainstorm replay (\S+/min\.case)")
WAIT_SECONDS = 60


@contextmanager
def hunting(spec: TargetSpec, state: Path) -> Iterator[subprocess.Popen[str]]:
    """A hunt of a target that fails in several ways, for longer than any test waits."""
    command = [
        sys.executable, "-c", "from drainstorm.cli import main; main()", "hunt",
        "--target", str(spec.folder), "--seconds", "600", "--workers", "2",
        "--state-dir", str(state),
    ]  # fmt: skip
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "CI": "1"},
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def first_announced(process: subprocess.Popen[str]) -> Path:
    assert process.stdout is not None
    for line in process.stdout:
        if match := ANNOUNCED.search(line):
            return Path(match[1])
    pytest.fail("the hunt ended without a finding")


@pytest.fixture(scope="module", autouse=True)
def _compiled(tally: TargetSpec) -> tuple[Built, Built]:
    return build(tally), build(tally, flavour="cov")


def test_what_was_printed_survives_kill_9(tally: TargetSpec, tmp_path: Path) -> None:
    with hunting(tally, tmp_path) as process:
        path = first_announced(process)
        process.send_signal(signal.SIGKILL)
        process.wait(WAIT_SECONDS)
    case = text.load(path, tally)
    assert case.expect is not None
    assert load_record(path.parent / RECORD_NAME).reproduced


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "term"]
)
def test_a_signal_ends_the_hunt_in_order(
    tally: TargetSpec, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    with hunting(tally, tmp_path) as process:
        path = first_announced(process)
        process.send_signal(number)
        out, err = process.communicate(timeout=WAIT_SECONDS)
        assert process.returncode == code, err
    assert "interrupted" in out
    assert "Traceback" not in err
    assert path.exists()
    for announced in ANNOUNCED.findall(out):
        text.load(Path(announced), tally)
    assert not list(tmp_path.rglob(".*"))
