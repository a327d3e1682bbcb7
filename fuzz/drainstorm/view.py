# SPDX-License-Identifier: Apache-2.0
"""This module shows a hunt while it runs: a live panel on a terminal, plain lines elsewhere.

Results go to stdout, progress to stderr, so that `drainstorm hunt > findings.txt` holds findings.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import RenderableType
    from rich.live import Live

PLAIN_SECONDS: Final = 5.0
"""Least time between two plain progress lines."""


@dataclass(frozen=True, slots=True)
class Status:
    """How far a hunt has come.

    Args:
        label: What is being hunted: "blocklayer", "blocklayer + lost-orphans".
        seconds, budget: Wall-clock time used and allowed.
        schedules, programs: Runs, and different programs.
        classes: Distinct traces (orders of dependent operations).
        blocks_seen, blocks: Basic blocks reached, and how many there are; 0: not known.
        findings: Different signatures found.
        unknown: Runs that reached a bound.
    """

    label: str
    seconds: float = 0.0
    budget: float = 0.0
    schedules: int = 0
    programs: int = 0
    classes: int = 0
    blocks_seen: int = 0
    blocks: int = 0
    findings: int = 0
    unknown: int = 0

    @property
    def rate(self) -> float:
        """Schedules per second."""
        return self.schedules / self.seconds if self.seconds > 0 else 0.0

    @property
    def coverage(self) -> str:
        """Share of basic blocks seen, as it is printed; empty when not measured."""
        return f"{100 * self.blocks_seen / self.blocks:.0f} %" if self.blocks else ""

    def words(self) -> str:
        """One line."""
        parts = [
            f"{self.label}: {self.seconds:.0f}/{self.budget:.0f} s",
            f"{self.schedules:,} schedules ({self.rate:,.0f}/s)",
            f"{self.programs:,} programs",
            f"{self.classes:,} distinct traces",
        ]
        if self.coverage:
            parts.append(f"coverage {self.coverage}")
        if self.unknown:
            parts.append(f"{self.unknown:,} UNKNOWN")
        return ", ".join([*parts, f"{self.findings} findings"])


class View(Protocol):
    """What a hunt tells its user."""

    def open(self) -> None:
        """Begin to show progress."""

    def close(self) -> None:
        """End it; the terminal is as before. May be called twice."""

    def progress(self, status: Status) -> None:
        """How far it has come; called many times a second."""

    def note(self, line: str) -> None:
        """Something that is worth a line but is no result."""

    def result(self, *lines: str) -> None:
        """A result: a finding, a table, a summary."""


class PlainView:
    """Lines, at most one of progress every few seconds; for files, pipes and CI."""

    def __init__(self) -> None:
        self._shown_at = 0.0
        self._label = ""

    def open(self) -> None:
        """Nothing to set up."""

    def close(self) -> None:
        """Nothing to undo."""

    def progress(self, status: Status) -> None:
        """A line when the last one is old enough."""
        if status.label != self._label:
            self._label, self._shown_at = status.label, 0.0
            self.note(f"hunting {status.label} for at most {status.budget:.0f} s ..")
        if status.seconds - self._shown_at >= PLAIN_SECONDS:
            self._shown_at = status.seconds
            self.note(status.words())

    def note(self, line: str) -> None:
        """A line on stderr."""
        print(line, file=sys.stderr, flush=True)

    def result(self, *lines: str) -> None:
        """Lines on stdout."""
        for line in lines:
            print(line, flush=True)


class LiveView:
    """A panel that is redrawn in place and goes away when the hunt ends."""

    def __init__(self) -> None:
        self._live: Live | None = None
        self._shown_at = -1.0
        self._label = ""

    def open(self) -> None:
        """Start redrawing; on stderr."""
        from rich.console import Console
        from rich.live import Live

        console = Console(stderr=True, no_color=True if _no_color(os.environ) else None)
        self._live = Live(
            console=console, transient=True, auto_refresh=False,
            redirect_stdout=False, redirect_stderr=False,
        )  # fmt: skip
        self._live.start()

    def close(self) -> None:
        """Give the terminal back."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def progress(self, status: Status) -> None:
        """Redraw, at most ten times a second."""
        if self._live is None:
            return
        new_label = status.label != self._label
        if new_label or not 0 <= status.seconds - self._shown_at < 0.1:
            self._label, self._shown_at = status.label, status.seconds
            self._live.update(_panel(status), refresh=True)

    def note(self, line: str) -> None:
        """A line above the panel."""
        self._print(line, to_stdout=False)

    def result(self, *lines: str) -> None:
        """Lines on stdout, above the panel."""
        self._print("\n".join(lines), to_stdout=True)

    def _print(self, words: str, *, to_stdout: bool) -> None:
        was_live = self._live is not None
        self.close()
        print(words, file=sys.stdout if to_stdout else sys.stderr, flush=True)
        if was_live:
            self.open()


def choose_view() -> View:
    """A live panel when stderr is a terminal and nobody asked for plain lines."""
    environ = os.environ
    plain = environ.get("CI", "") not in ("", "0", "false") or environ.get("TERM") == "dumb"
    return LiveView() if sys.stderr.isatty() and not plain else PlainView()


def _no_color(environ: Mapping[str, str]) -> bool:
    return bool(environ.get("NO_COLOR"))


def _panel(status: Status) -> RenderableType:
    from rich.panel import Panel
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    grid = Table.grid(padding=(0, 2), expand=True)
    for _ in range(3):
        grid.add_column(justify="left", ratio=1)
    coverage = status.coverage or "not measured"
    grid.add_row(
        f"[b]{status.schedules:,}[/b] schedules",
        f"[b]{status.rate:,.0f}[/b] schedules/s",
        f"[b]{status.programs:,}[/b] programs",
    )
    style = "bold red" if status.findings else "bold"
    grid.add_row(
        f"[b]{status.classes:,}[/b] distinct traces",
        f"coverage [b]{coverage}[/b]",
        f"[{style}]{status.findings}[/{style}] findings, {status.unknown:,} UNKNOWN",
    )
    outer = Table.grid(expand=True)
    outer.add_row(grid)
    outer.add_row(ProgressBar(total=max(status.budget, 0.001), completed=status.seconds))
    title = f"hunting {status.label}  {status.seconds:.0f} of {status.budget:.0f} s"
    return Panel(outer, title=title, title_align="left")
