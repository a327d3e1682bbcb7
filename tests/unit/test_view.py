# SPDX-License-Identifier: Apache-2.0
"""Does progress go to stderr, results to stdout, and nothing fancy into a file?"""

from __future__ import annotations

import pytest

from drainstorm.view import PLAIN_SECONDS, LiveView, PlainView, Status, choose_view


def status(seconds: float, **fields: int) -> Status:
    return Status("t", seconds=seconds, budget=60.0, schedules=1000, **fields)


def test_plain_progress_is_rare_and_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    view = PlainView()
    view.open()
    for tenth in range(int(PLAIN_SECONDS * 25)):
        view.progress(status(tenth / 10))
    view.result("a finding")
    view.close()
    out, err = capsys.readouterr()
    assert out == "a finding\n"
    assert err.count("schedules") == 2
    assert err.startswith("hunting t for at most 60 s ..\n")


def test_a_status_line_says_what_is_known() -> None:
    words = status(10.0, blocks=200, blocks_seen=50, unknown=3, findings=2).words()
    assert words == (
        "t: 10/60 s, 1,000 schedules (100/s), 0 programs, 0 distinct traces, coverage 25 %, "
        "3 UNKNOWN, 2 findings"
    )


def test_live_results_go_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    view = LiveView()
    view.open()
    view.progress(status(1.0, blocks=100, blocks_seen=1))
    view.result("a finding")
    view.close()
    view.close()
    assert capsys.readouterr().out == "a finding\n"


def test_ci_and_pipes_get_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("CI", raising=False)
    assert isinstance(choose_view(), LiveView)
    monkeypatch.setenv("CI", "1")
    assert isinstance(choose_view(), PlainView)
    monkeypatch.delenv("CI")
    monkeypatch.setattr("sys.stderr.isatty", lambda: False)
    assert isinstance(choose_view(), PlainView)
