# SPDX-License-Identifier: Apache-2.0
"""This module measures how soon every planted bug is found, with the verdict that is its own.

From its seed program: the case under `corpus/seeds/` that target.toml names, without deviations,
by each strategy alone and by the portfolio's in turn. From nothing: the explorer of a hunt on one
core. What was measured is kept in a state file, bug by bug, so that a call that was cut short is
no loss; another build of the target is another measurement.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from drainstorm import text
from drainstorm.bench.bugs_table import Free, Row, picture, sums, table
from drainstorm.bench.pool import processes
from drainstorm.bench.scores import PORTFOLIO_NAME, STRATEGIES, Score
from drainstorm.bench.state import Rows
from drainstorm.build import build
from drainstorm.case import Case
from drainstorm.errors import UsageError
from drainstorm.explore import Explorer
from drainstorm.files import atomic_write
from drainstorm.machine import Machine
from drainstorm.spec import find_target
from drainstorm.strategies import PORTFOLIO, derive_seed
from drainstorm.worker import Worker

if TYPE_CHECKING:
    from pathlib import Path

    from drainstorm.result import Strategy
    from drainstorm.spec import Bug, TargetSpec

_CHUNK: Final = 20
"""Schedules per strategy and turn when starting from a seed program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is measured for each bug.

    Args:
        seeds: Searches from the seed program, by each column.
        schedules: Cap of one of these.
        free_seeds: Searches from nothing.
        seconds: Cap of one of these, in processor time.
        strategies: Columns besides the portfolio.
    """

    seeds: int
    schedules: int
    free_seeds: int
    seconds: float
    strategies: tuple[str, ...]


def measure(
    target: str,
    names: tuple[str, ...],
    plan: Plan,
    *,
    workers: int,
    state: Path | None,
    write: bool,
) -> int:
    """Print the table; 0 when every bug was found from every seed program and seed.

    Args:
        names: Bugs; none: all.
        workers: Processes, one bug each.
        state: Go on from this file, and keep the rows there.
        write: Store results.txt and results.svg beside the target.

    Raises:
        UsageError: An unknown bug or strategy, a state file of something else, a bug without a
            seed program, or `write` for a part of the table.
    """
    spec = find_target(target)
    for name in plan.strategies:
        if name not in STRATEGIES:
            raise UsageError(f"unknown strategy '{name}'; known: {', '.join(STRATEGIES)}")
    if write and names:
        raise UsageError("--write stores the whole table: leave out --bug")
    bugs = [spec.bug(name) for name in names] or list(spec.bugs)
    of = {"target": target, "build": build(spec).digest, "plan": str(plan)}
    known = Rows(state, Row, of)
    todo = [(target, bug.name, plan) for bug in bugs if bug.name not in known]
    with processes(workers) as pool:
        for row in pool.imap_unordered(_measure_bug, todo):
            known.keep(row.bug, row)
            print(f"measured {len(known)} of {len(bugs)}: {row}", flush=True)
    rows = [known[bug.name] for bug in bugs]
    columns = (*plan.strategies, PORTFOLIO_NAME)
    words = table(rows, columns, plan.schedules, plan.seconds)
    print("\n" + words, end="")
    if write:
        atomic_write(spec.folder / "results.txt", words.encode())
        drawn = picture(rows, columns, plan.schedules, plan.seconds)
        atomic_write(spec.folder / "results.svg", drawn.encode())
    missed = [row.bug for row in rows if not row.scores[PORTFOLIO_NAME].is_full]
    print(f"MISSED: {', '.join(missed)}" if missed else f"holds: {sums(rows)[0]}")
    return 1 if missed else 0


def _measure_bug(work: tuple[str, str, Plan]) -> Row:
    target, name, plan = work
    spec = find_target(target)
    bug = spec.bug(name)
    program = _seed_program(spec, bug)
    start = time.process_time()
    scores, seconds = {}, list[float]()
    with Machine(build(spec, bug=bug.name)) as machine:
        for column in (*plan.strategies, PORTFOLIO_NAME):
            rotation = PORTFOLIO if column == PORTFOLIO_NAME else (STRATEGIES[column],)
            searches = [
                _from_program(machine, program, bug, rotation, seed=seed, cap=plan.schedules)
                for seed in range(plan.seeds)
            ]
            scores[column] = Score(
                plan.seeds, sum(s.found for s in searches), sum(s.schedules for s in searches)
            )
        runs = [s.schedules for s in searches]
        seconds = [s.seconds for s in searches]
        free = [
            _from_nothing(machine, spec, bug, seed, plan.seconds) for seed in range(plan.free_seeds)
        ]
    return Row(
        bug=bug.name,
        judged=bug.judged,
        zoo=bug.zoo,
        seed=bug.seed,
        scores=scores,
        median=statistics.median(runs),
        ninth=sorted(runs)[min(len(runs) - 1, len(runs) * 9 // 10)],
        seconds=statistics.median(seconds),
        free=free,
        cpu_seconds=time.process_time() - start,
    )


def _seed_program(spec: TargetSpec, bug: Bug) -> Case:
    if not bug.seed:
        raise UsageError(f"bug '{bug.name}' names no `seed` in {spec.folder / 'target.toml'}")
    path = spec.folder.parent.parent / "corpus" / "seeds" / spec.name / f"{bug.seed}.case"
    case = text.load(path, spec)
    return Case(case.target, case.program, limits=case.limits)


def _from_program(
    machine: Machine, case: Case, bug: Bug, rotation: tuple[Strategy, ...], *, seed: int, cap: int
) -> Free:
    runs, turn, start = 0, 0, time.thread_time()
    chunk = _CHUNK if len(rotation) > 1 else cap
    while runs < cap:
        strategy = rotation[turn % len(rotation)].with_seed(derive_seed(seed, 0, turn))
        totals = machine.batch(case, strategy, min(chunk, cap - runs))
        runs, turn = runs + totals.runs, turn + 1
        if totals.first_fail is not None and totals.first_fail.judged == bug.judged:
            return Free(True, runs, time.thread_time() - start)
    return Free(False, runs, time.thread_time() - start)


def _from_nothing(machine: Machine, spec: TargetSpec, bug: Bug, seed: int, cap: float) -> Free:
    explorer = Explorer(spec, seed=seed, shard=0, strategies=PORTFOLIO)
    worker = Worker(machine, explorer, is_known=lambda signature: signature.judged != bug.judged)
    runs, start = 0, time.thread_time()
    while time.thread_time() - start < cap:
        done = worker.slice(lambda: False)
        runs += done.totals.runs
        if done.failures:
            return Free(True, runs, time.thread_time() - start)
    return Free(False, runs, time.thread_time() - start)
