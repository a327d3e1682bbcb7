# SPDX-License-Identifier: Apache-2.0
"""This module does one slice of a hunt on one machine, in whatever OS thread it is called.

A slice is a few tens of milliseconds of native work, so that the supervisor stays responsive and
the price of handing work to a thread disappears. The clock ends slices; it decides nothing else.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from drainstorm.findings import Failure
from drainstorm.result import Strategy, Totals

if TYPE_CHECKING:
    from collections.abc import Callable

    from drainstorm.explore import Explorer, Job
    from drainstorm.machine import Machine
    from drainstorm.runner import Runner
    from drainstorm.verdict import Signature

SLICE_SECONDS: Final = 0.03
KNOWN_FAILURES_MAX: Final = 32
"""A job ends after so many failures of known kinds: its program shows nothing else."""


@dataclass(slots=True)
class Slice:
    """What one slice did.

    Args:
        programs: Programs that had not been run before.
        new_blocks: Basic blocks that this worker had not seen, as offsets in its `cov` build.
        failure: A failing run whose signature was not known; it ends the slice.
        failures_known: Failing runs with a known signature.
    """

    totals: Totals = field(default_factory=Totals)
    programs: int = 0
    new_blocks: frozenset[int] = frozenset()
    failure: Failure | None = None
    failures_known: int = 0


class Worker:
    """An explorer, its machine and, for code coverage, a second machine.

    Args:
        runner: The machine; used by one OS thread at a time.
        probe: A machine with the `cov` build; None: no code coverage.
        is_known: Whether a signature has been found already; called from the worker's thread.
    """

    def __init__(
        self,
        runner: Runner,
        explorer: Explorer,
        *,
        probe: Machine | None = None,
        is_known: Callable[[Signature], bool],
    ) -> None:
        self.runner = runner
        self._explorer = explorer
        self._probe = probe
        self._is_known = is_known
        self._blocks: frozenset[int] = frozenset()

    def slice(self, stop: Callable[[], bool]) -> Slice:
        """Run jobs for SLICE_SECONDS, or until something new fails or `stop` says so."""
        done = Slice()
        deadline = time.monotonic() + SLICE_SECONDS
        while done.failure is None and time.monotonic() < deadline and not stop():
            self._job(self._explorer.next_job(), done, stop)
        return done

    def _job(self, job: Job, done: Slice, stop: Callable[[], bool]) -> None:
        """One batch; after a failure that is known already it goes on with the next seed."""
        total, seed, left = Totals(), job.strategy.seed, job.count
        for _ in range(KNOWN_FAILURES_MAX):
            if left <= 0 or done.failure is not None or stop():
                break
            batch = self.runner.batch(job.case, job.strategy.with_seed(seed), left, hashes=True)
            total += batch
            if not batch.runs or batch.first_fail is None or batch.first_fail_strategy is None:
                break
            left -= batch.runs
            seed = batch.first_fail_strategy.seed + 1
            if self._is_known(batch.first_fail.signature):
                done.failures_known += 1
            else:
                runs = done.totals.runs + total.runs
                done.failure = Failure(
                    job.case, batch.first_fail, batch.first_fail_strategy, schedules=runs
                )
        done.totals += total
        done.programs += job.fresh
        new_blocks = 0
        if self._probe is not None and self._explorer.is_worth_a_look(job, total):
            new_blocks = self._look(self._probe, job, done)
        self._explorer.learn(job, total, new_blocks=new_blocks)

    def _look(self, probe: Machine, job: Job, done: Slice) -> int:
        """Run the program a few times on the `cov` build; how many blocks are new."""
        probe.coverage_clear()
        probe.run(job.case, Strategy.replay())
        probe.batch(job.case, job.strategy, 3)
        new = probe.coverage() - self._blocks
        self._blocks |= new
        done.new_blocks |= new
        return len(new)
