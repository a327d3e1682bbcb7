# SPDX-License-Identifier: Apache-2.0
"""This module does one slice of a hunt on one machine, in whatever OS thread it is called.

A slice is a few tens of milliseconds of native work, so that the supervisor stays responsive and
the price of handing work to a thread disappears. The clock ends slices; it decides nothing else.
"""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from drainstorm.findings import Failure
from drainstorm.result import Strategy, Totals
from drainstorm.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from drainstorm.explore import Explorer, Job
    from drainstorm.machine import Machine
    from drainstorm.result import Race
    from drainstorm.runner import Runner
    from drainstorm.suppression import Suppression
    from drainstorm.verdict import Signature

SLICE_SECONDS: Final = 0.03
KNOWN_FAILURES_MAX: Final = 64
"""A job ends after so many failures of known kinds: its program shows nothing else."""


@dataclass(slots=True)
class Slice:
    """What one slice did.

    Args:
        programs: Programs that had not been run before.
        new_blocks: Basic blocks that this worker had not seen, as offsets in its `cov` build.
        failures: Failing runs whose signatures were not known: one run's, which ends the slice.
            Several when it showed several data races.
        failures_known: Failing runs with a known signature.
        suppressed: Runs that showed a race that the target suppresses, by suppression.
    """

    totals: Totals = field(default_factory=Totals)
    programs: int = 0
    new_blocks: frozenset[int] = frozenset()
    failures: tuple[Failure, ...] = ()
    failures_known: int = 0
    suppressed: Counter[str] = field(default_factory=Counter)


class Worker:
    """An explorer, its machine and, for code coverage, a second machine.

    Args:
        runner: The machine; used by one OS thread at a time.
        probe: A machine with the `cov` build; None: no code coverage.
        is_known: Whether a signature has been found already; called from the worker's thread.
        suppress: Races that are no findings.
    """

    def __init__(
        self,
        runner: Runner,
        explorer: Explorer,
        *,
        probe: Machine | None = None,
        is_known: Callable[[Signature], bool],
        suppress: Sequence[Suppression] = (),
    ) -> None:
        self.runner = runner
        self._explorer = explorer
        self._probe = probe
        self._is_known = is_known
        self._suppress = tuple(suppress)
        self._blocks: frozenset[int] = frozenset()

    def slice(self, stop: Callable[[], bool]) -> Slice:
        """Run jobs for SLICE_SECONDS, or until something new fails or `stop` says so."""
        done = Slice()
        deadline = time.monotonic() + SLICE_SECONDS
        with self.runner.judging(self._is_news):
            while not done.failures and time.monotonic() < deadline and not stop():
                self._job(self._explorer.next_job(), done, stop)
        return done

    def _is_news(self, race: Race) -> bool:
        """Races that have been found hide nothing: the machine goes on and judges the others."""
        return not self._is_known(race.signature)

    def _job(self, job: Job, done: Slice, stop: Callable[[], bool]) -> None:
        """One batch; after a failure that is known already it goes on with the next seed."""
        total, seed, left = Totals(), job.strategy.seed, job.count
        for _ in range(KNOWN_FAILURES_MAX):
            if left <= 0 or done.failures or stop():
                break
            self.runner.races_clear()
            batch = self.runner.batch(job.case, job.strategy.with_seed(seed), left, hashes=True)
            total += batch
            races = self.runner.races()
            self._count_suppressed(races, done)
            if not batch.runs or batch.first_fail is None or batch.first_fail_strategy is None:
                break
            left -= batch.runs
            seed = batch.first_fail_strategy.seed + 1
            if self._is_known(batch.first_fail.signature):
                done.failures_known += 1
            else:
                first = Failure(
                    job.case, batch.first_fail, batch.first_fail_strategy,
                    schedules=done.totals.runs + total.runs,
                )  # fmt: skip
                done.failures = (first, *_other_races(first, races))
        done.totals += total
        done.programs += job.fresh
        new_blocks = 0
        if self._probe is not None and self._explorer.is_worth_a_look(job, total):
            new_blocks = self._look(self._probe, job, done)
        self._explorer.learn(job, total, new_blocks=new_blocks)

    def _count_suppressed(self, races: Sequence[Race], done: Slice) -> None:
        for race in races:
            for suppression in self._suppress:
                if race.is_meant_by(suppression):
                    done.suppressed[str(suppression)] += race.count
                    break

    def _look(self, probe: Machine, job: Job, done: Slice) -> int:
        """Run the program a few times on the `cov` build; how many blocks are new."""
        probe.coverage_clear()
        probe.run(job.case, Strategy.replay())
        probe.batch(job.case, job.strategy, 3)
        new = probe.coverage() - self._blocks
        self._blocks |= new
        done.new_blocks |= new
        return len(new)


def _other_races(first: Failure, races: Sequence[Race]) -> Iterator[Failure]:
    """The other races of a run that failed with one, each as a failure of its own."""
    if first.verdict.outcome is not Outcome.RACE:
        return
    seen = {first.verdict.signature}
    for race in races:
        if not race.is_suppressed and race.signature not in seen:
            seen.add(race.signature)
            verdict = dataclasses.replace(
                first.verdict, site=race.site, message=f"data race: {race}", pc=race.pc,
                other_pc=race.other_pc, thread=race.thread,
            )  # fmt: skip
            yield dataclasses.replace(first, verdict=verdict)
