# SPDX-License-Identifier: Apache-2.0
"""This module decides what a worker runs next: which program, which strategy, how many schedules.

Every decision is a pure function of (campaign seed, shard) and of what the machine answered
before, never of the clock: the same shard does the same work on a slower machine, only less.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from drainstorm.bandit import Bandit
from drainstorm.generate import ProgramGenerator
from drainstorm.strategies import derive_seed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drainstorm.case import Case
    from drainstorm.result import Strategy, Totals
    from drainstorm.spec import TargetSpec

JOB_STEPS: Final = 100_000
"""Scheduling points of one job: a few milliseconds, so that many programs get their turn."""

JOB_RUNS_MIN: Final = 24
JOB_RUNS_MAX: Final = 1024
CORPUS_MAX: Final = 256

_NEW_PROGRAM_CHANCE: Final = 0.4
_AVERAGE_STEPS_AT_START: Final = 150.0
_SEED_TURNS: Final = 8
_SEED_STRIDE: Final = 5
"""A seed meets so many strategies of the rotation, so far apart; its neighbour others first."""

_SHARD_STRIDE: Final = 0.618
"""Shards begin so far apart in the list of seeds (golden ratio: whatever their number)."""

_STREAM: Final = 1 << 40
"""Counter under which a shard derives the seed of its own random stream; jobs count from 0."""


@dataclass(frozen=True, slots=True)
class Job:
    """One batch: a program under one seeded strategy.

    Args:
        count: Schedules, at least 1.
        parent: Corpus entry that the program comes from, -1: none.
        fresh: Whether this program has never been run before.
        arm: Number of the strategy in the explorer's rotation.
    """

    case: Case
    strategy: Strategy
    count: int
    parent: int
    fresh: bool
    arm: int = 0


@dataclass(slots=True)
class _Entry:
    """A program that was worth keeping, and how much came of it lately (0.0 .. 2.0)."""

    case: Case
    score: float
    visits: int = 0


class Explorer:
    """Programs and schedules for one worker.

    Args:
        spec: The target.
        seed: The campaign's seed.
        shard: This worker's number, from 0.
        strategies: Rotation, at least one; see bandit.Bandit for how often each has its turn.
        seeds: Programs to begin with; their schedules are dropped.
    """

    def __init__(
        self,
        spec: TargetSpec,
        *,
        seed: int,
        shard: int,
        strategies: Sequence[Strategy],
        seeds: Sequence[Case] = (),
    ) -> None:
        self._rng = random.Random(derive_seed(seed, shard, _STREAM))
        self._generator = ProgramGenerator(spec, self._rng)
        self._seed, self._shard = seed, shard
        self._strategies = tuple(strategies)
        self._corpus: list[_Entry] = [_Entry(case, 1.0) for case in seeds]
        turns = range(min(_SEED_TURNS, len(strategies)))
        first = int(len(seeds) * (shard * _SHARD_STRIDE % 1.0))
        order = [*range(first, len(seeds)), *range(first)]
        self._seed_jobs = [(at, turn) for turn in turns for at in order]
        self._counter = 0
        self._marks = False  # whether any schedule was marked
        self._bandit = Bandit(len(self._strategies))
        self._average_steps = _AVERAGE_STEPS_AT_START

    def next_job(self) -> Job:
        """What to run next; every call is another job."""
        counter, self._counter = self._counter, self._counter + 1
        if self._seed_jobs:
            parent, turn = self._seed_jobs.pop(0)
            arm = (parent + turn * _SEED_STRIDE + self._shard) % len(self._strategies)
            return self._job(counter, arm, self._corpus[parent].case, parent, fresh=turn == 0)
        if not self._corpus or self._rng.random() < _NEW_PROGRAM_CHANCE:
            parent, case, fresh = -1, self._generator.generate(), True
        else:
            parent = self._pick()
            case, fresh = self._corpus[parent].case, False
            self._corpus[parent].visits += 1
            if self._rng.random() < 0.8:
                other = self._corpus[self._rng.randrange(len(self._corpus))].case
                case, fresh = self._generator.mutate(case, other), True
        return self._job(counter, self._bandit.next_arm(), case, parent, fresh=fresh)

    def _job(self, counter: int, arm: int, case: Case, parent: int, *, fresh: bool) -> Job:
        strategy = self._strategies[arm].with_seed(derive_seed(self._seed, self._shard, counter))
        count = int(JOB_STEPS / max(1.0, self._average_steps))
        return Job(case, strategy, min(max(count, JOB_RUNS_MIN), JOB_RUNS_MAX), parent, fresh, arm)

    def is_worth_a_look(self, job: Job, totals: Totals) -> bool:
        """Whether the program did enough for its code coverage to be measured.

        That is the driver's to say; a driver that has said nothing so far does not know marks.
        """
        self._marks = self._marks or totals.marked_any > 0
        return job.fresh and (totals.marked_any > 0 or not self._marks)

    def learn(self, job: Job, totals: Totals, *, new_blocks: int = 0) -> None:
        """Take in what a job gave.

        Args:
            totals: What the batch counted (with hashes).
            new_blocks: Basic blocks that no program of this worker had reached before.
        """
        if not totals.runs:
            return
        steps = totals.steps / totals.runs
        self._average_steps += 0.05 * (steps - self._average_steps)
        novelty = totals.new_classes / totals.runs
        # By points, the machine's own measure of time: runs of some strategies are longer.
        self._bandit.learn(job.arm, novelty * self._average_steps / max(1.0, steps))
        score = novelty * (0.1 + totals.marked_any / totals.runs)
        if job.parent >= 0 and job.parent < len(self._corpus):
            entry = self._corpus[job.parent]
            entry.score += 0.2 * (score - entry.score)
        if self._is_new(job) and (new_blocks or (totals.marked_any and novelty > 0.25)):
            self._keep(_Entry(job.case, min(2.0, score + 0.2 * new_blocks)))

    def _is_new(self, job: Job) -> bool:
        """Whether its program is not in the corpus: the first job of a seed is fresh, too."""
        return job.fresh and (job.parent < 0 or self._corpus[job.parent].case is not job.case)

    @property
    def corpus_size(self) -> int:
        """Programs kept."""
        return len(self._corpus)

    def _pick(self) -> int:
        """Tournament of three: good ones often, everyone sometimes, worn-out ones less."""
        size = len(self._corpus)
        drawn = [self._rng.randrange(size) for _ in range(3)]
        return max(drawn, key=lambda at: self._corpus[at].score / (1 + self._corpus[at].visits))

    def _keep(self, entry: _Entry) -> None:
        if len(self._corpus) < CORPUS_MAX:
            self._corpus.append(entry)
            return
        worst = min(range(CORPUS_MAX), key=lambda at: self._corpus[at].score)
        if self._corpus[worst].score < entry.score:
            self._corpus[worst] = entry
