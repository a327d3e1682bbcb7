# SPDX-License-Identifier: Apache-2.0
"""This module measures how soon every planted bug is found, with the rule that it breaks.

From its seed program: the case under `corpus/seeds/` that target.toml names, without deviations,
the portfolio's strategies in turn. From nothing: the explorer of a hunt, one core.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from drainstorm import text
from drainstorm.build import build
from drainstorm.case import Case
from drainstorm.errors import UsageError
from drainstorm.explore import Explorer
from drainstorm.machine import Machine
from drainstorm.spec import find_target
from drainstorm.strategies import PORTFOLIO, derive_seed
from drainstorm.worker import Worker

if TYPE_CHECKING:
    from pathlib import Path

    from drainstorm.spec import Bug, TargetSpec

_CHUNK: Final = 20
"""Schedules per strategy and turn when starting from a seed program."""


@dataclass(frozen=True, slots=True)
class _Found:
    """One search: schedules and processor seconds until the rule was broken, or until the cap."""

    found: bool
    schedules: int
    seconds: float


def measure(
    target: str, seeds: int, names: tuple[str, ...], *, schedules: int, seconds: float
) -> int:
    """Print the table; 0 when every bug was found from every seed in both ways."""
    spec = find_target(target)
    print(f"{seeds} campaign seeds per bug; schedules: median (90th percentile, most)")
    print(f"{'bug':24} {'rule':5} {'from':36} {'found':>7} {'schedules':>24} {'CPU s':>8}")
    good = True
    for bug in [spec.bug(name) for name in names] or list(spec.bugs):
        path, program = _seed_program(spec, bug)
        with Machine(build(spec, bug=bug.name)) as machine:
            named = [_from_program(machine, program, bug, n, schedules) for n in range(seeds)]
            good &= _row(bug, path.stem, named)
            free = [_from_nothing(machine, spec, bug, n, seconds) for n in range(seeds)]
            good &= _row(bug, "nothing", free)
    words = f"every bug in {seeds} of {seeds} seeds, from a seed program and from nothing"
    print(f"{'holds' if good else 'MISSED'}: {words}")
    return 0 if good else 1


def _seed_program(spec: TargetSpec, bug: Bug) -> tuple[Path, Case]:
    if not bug.seed:
        raise UsageError(f"bug '{bug.name}' names no `seed` in {spec.folder / 'target.toml'}")
    path = spec.folder.parent.parent / "corpus" / "seeds" / spec.name / f"{bug.seed}.case"
    case = text.load(path, spec)
    return path, Case(case.target, case.program, limits=case.limits)


def _from_program(machine: Machine, case: Case, bug: Bug, seed: int, cap: int) -> _Found:
    runs, turn, start = 0, 0, time.thread_time()
    while runs < cap:
        strategy = PORTFOLIO[turn % len(PORTFOLIO)].with_seed(derive_seed(seed, 0, turn))
        totals = machine.batch(case, strategy, min(_CHUNK, cap - runs))
        runs, turn = runs + totals.runs, turn + 1
        if totals.first_fail is not None and totals.first_fail.judged == bug.judged:
            return _Found(True, runs, time.thread_time() - start)
    return _Found(False, runs, time.thread_time() - start)


def _from_nothing(machine: Machine, spec: TargetSpec, bug: Bug, seed: int, cap: float) -> _Found:
    explorer = Explorer(spec, seed=seed, shard=0, strategies=PORTFOLIO)
    worker = Worker(machine, explorer, is_known=lambda signature: signature.judged != bug.judged)
    runs, start = 0, time.thread_time()
    while time.thread_time() - start < cap:
        done = worker.slice(lambda: False)
        runs += done.totals.runs
        if done.failures:
            return _Found(True, runs, time.thread_time() - start)
    return _Found(False, runs, time.thread_time() - start)


def _row(bug: Bug, source: str, all_found: list[_Found]) -> bool:
    count = sum(f.found for f in all_found)
    runs = sorted(f.schedules for f in all_found)
    ninth = runs[min(len(runs) - 1, len(runs) * 9 // 10)]
    print(
        f"{bug.name:24} {bug.rule:5} {source:36} {f'{count}/{len(all_found)}':>7} "
        f"{f'{statistics.median(runs):,.0f} ({ninth:,}, {runs[-1]:,})':>24} "
        f"{statistics.median(f.seconds for f in all_found):8.3f}",
        flush=True,
    )
    return count == len(all_found)
