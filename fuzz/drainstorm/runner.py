# SPDX-License-Identifier: Apache-2.0
"""This module says what exploring and shrinking need from a machine, so that tests can fake it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from drainstorm.case import Case
    from drainstorm.result import Race, Run, Strategy, Totals


class Runner(Protocol):
    """What `machine.Machine` offers to those who run cases."""

    def run(
        self,
        case: Case,
        strategy: Strategy,
        *,
        record: bool = False,
        trace: bool = False,
        hashes: bool = False,
        data: bytes = b"",
    ) -> Run:
        """Run the case once."""

    def batch(
        self,
        case: Case,
        strategy: Strategy,
        count: int,
        *,
        stop: bool = True,
        hashes: bool = False,
        feedback: bool = False,
        data: bytes = b"",
    ) -> Totals:
        """Run `count` schedules with the seeds seed, seed + 1, ...; up to the first FAIL."""

    def races(self) -> tuple[Race, ...]:
        """The distinct data races since races_clear()."""

    def races_clear(self) -> None:
        """Forget the races that were seen."""

    def judging(self, counts: Callable[[Race], bool] | None) -> AbstractContextManager[None]:
        """Let only these data races fail a run."""

    def interrupt(self) -> None:
        """Make a batch in another OS thread return after its current run."""
