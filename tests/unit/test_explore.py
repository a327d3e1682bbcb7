# SPDX-License-Identifier: Apache-2.0
"""Is a shard's work a pure function of its seed, and does it keep what was worth keeping?"""

from __future__ import annotations

from drainstorm.case import Case, Operation
from drainstorm.explore import CORPUS_MAX, JOB_RUNS_MAX, JOB_RUNS_MIN, Explorer, Job
from drainstorm.result import Totals
from drainstorm.spec import TargetSpec
from drainstorm.strategies import PORTFOLIO


def explorer(spec: TargetSpec, *, shard: int = 0, seeds: tuple[Case, ...] = ()) -> Explorer:
    return Explorer(spec, seed=7, shard=shard, strategies=PORTFOLIO, seeds=seeds)


def answer(job: Job, *, marked: bool = True) -> Totals:
    return Totals(
        runs=job.count, steps=200 * job.count, new_classes=job.count, marked_any=marked * job.count
    )


def work(explorer: Explorer, jobs: int) -> list[Job]:
    done = []
    for _ in range(jobs):
        job = explorer.next_job()
        explorer.learn(job, answer(job))
        done.append(job)
    return done


def test_the_same_shard_does_the_same_work(tally: TargetSpec) -> None:
    assert work(explorer(tally), 100) == work(explorer(tally), 100)
    assert work(explorer(tally), 10) != work(explorer(tally, shard=1), 10)


def test_no_seed_is_used_twice_and_counts_are_bounded(tally: TargetSpec) -> None:
    jobs = work(explorer(tally), 200)
    assert len({job.strategy.seed for job in jobs}) == 200
    assert all(JOB_RUNS_MIN <= job.count <= JOB_RUNS_MAX for job in jobs)


def test_seed_programs_come_first_under_several_strategies(tally: TargetSpec) -> None:
    seeds = tuple(Case("tally", (Operation(0, 1, n),)) for n in (1, 2))
    first = work(explorer(tally, seeds=seeds), 16)
    assert [job.case for job in first] == [*seeds] * 8
    for seed in seeds:
        assert len({job.strategy.name for job in first if job.case == seed}) == 8


def test_shards_begin_with_other_seeds_and_strategies(tally: TargetSpec) -> None:
    seeds = tuple(Case("tally", (Operation(0, 1, n),)) for n in range(8))
    first = [work(explorer(tally, shard=shard, seeds=seeds), 8) for shard in range(4)]
    assert len({jobs[0].case for jobs in first}) == 4
    for jobs in first:
        assert {job.case for job in jobs} == set(seeds)
    names = [{job.case: job.strategy.name for job in jobs} for jobs in first]
    assert all(names[0][seed] != names[1][seed] for seed in seeds)


def test_a_program_that_did_nothing_is_not_kept(tally: TargetSpec) -> None:
    dull = explorer(tally)
    for _ in range(50):
        job = dull.next_job()
        dull.learn(job, answer(job, marked=False))
    assert dull.corpus_size == 0


def test_new_coverage_is_kept_even_without_a_mark(tally: TargetSpec) -> None:
    curious = explorer(tally)
    job = curious.next_job()
    curious.learn(job, answer(job, marked=False), new_blocks=3)
    assert curious.corpus_size == 1


def test_the_corpus_is_bounded(tally: TargetSpec) -> None:
    busy = explorer(tally)
    work(busy, 2 * CORPUS_MAX)
    assert busy.corpus_size == CORPUS_MAX


def test_an_interrupted_job_teaches_nothing(tally: TargetSpec) -> None:
    idle = explorer(tally)
    idle.learn(idle.next_job(), Totals())
    assert idle.corpus_size == 0


def test_a_seed_is_looked_at_once_and_kept_once(tally: TargetSpec) -> None:
    seeds = tuple(Case("tally", (Operation(0, 1, n),)) for n in (1, 2))
    looking = explorer(tally, seeds=seeds)
    jobs = work(looking, 6)
    assert [job.fresh for job in jobs] == [True, True, False, False, False, False]
    assert looking.corpus_size == 2
