# SPDX-License-Identifier: Apache-2.0
"""This module runs the shipped implementation over generated programs, and counts only what counts.

A schedule counts when the driver marked it: a writer waited for a reader, or a reader found the
writer. Each process is one shard; the same seed and number of workers does the same work.
"""

from __future__ import annotations

import multiprocessing
import time
from typing import TYPE_CHECKING, Final

from drainstorm.bench.lines import line_coverage
from drainstorm.build import build
from drainstorm.explore import Explorer
from drainstorm.machine import Machine
from drainstorm.result import Totals
from drainstorm.spec import find_target
from drainstorm.strategies import PORTFOLIO

if TYPE_CHECKING:
    from drainstorm.case import Case

UNKNOWN_MOST: Final = 0.001
SKIPPED_MOST: Final = 0.2
LINES_LEAST: Final = 0.9
_PROBED_MOST: Final = 400
"""Programs per shard that are run again on the `cov` build."""


def measure(target: str, schedules: int, *, seed: int, workers: int, file: str) -> int:
    """Print everything that the claim rests on; 0 when all of it holds."""
    spec = find_target(target)
    build(spec), build(spec, flavour="cov")
    share = -(-schedules // workers)
    start = time.monotonic()
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        work = [(target, share, seed, shard) for shard in range(workers)]
        found = pool.starmap(_shard, work)
    totals = sum((t for t, _, _ in found), Totals())
    programs = sum(p for _, p, _ in found)
    lines = line_coverage(build(spec, flavour="cov"), {b for _, _, s in found for b in s}, file)
    never = [o.name for o in spec.operations if not totals.op_done.get(o.name)]
    print(
        f"{totals.marked_any:,} schedules that mean something ({totals.marked[0]:,} in which a "
        f"writer waited for a reader, {totals.marked[1]:,} in which a reader found the writer) of "
        f"{totals.runs:,} over {programs:,} programs, {totals.steps / max(1, totals.runs):.0f} "
        f"points each, in {time.monotonic() - start:.0f} s with {workers} processes, seed {seed}"
    )
    unknown = totals.unknown / max(1, totals.runs)
    return _judge(
        (f"{totals.failed} findings", totals.failed == 0),
        (f"{totals.marked_any:,} >= {schedules:,} schedules", totals.marked_any >= schedules),
        (f"UNKNOWN {unknown:.4%} <= {UNKNOWN_MOST:.1%}", unknown <= UNKNOWN_MOST),
        (f"skipped operations {totals.skipped_share:.1%}", totals.skipped_share <= SKIPPED_MOST),
        (f"operations never carried out: {', '.join(never) or 'none'}", not never),
        (f"lines of {file}: {lines}", lines.share >= LINES_LEAST),
    )


def _judge(*claims: tuple[str, bool]) -> int:
    for words, holds in claims:
        print(f"{'holds' if holds else 'MISSED'}: {words}")
    return 0 if all(holds for _, holds in claims) else 1


def _shard(target: str, share: int, seed: int, shard: int) -> tuple[Totals, int, set[int]]:
    """Totals, programs, and basic blocks seen by one process."""
    spec = find_target(target)
    explorer = Explorer(spec, seed=seed, shard=shard, strategies=PORTFOLIO)
    totals, programs, blocks = Totals(), 0, set[int]()
    probed: list[Case] = []
    with Machine(build(spec)) as machine, Machine(build(spec, flavour="cov")) as probe:
        while totals.marked_any < share:
            job = explorer.next_job()
            batch = machine.batch(job.case, job.strategy, job.count, stop=False, hashes=True)
            totals += batch
            programs += job.fresh
            explorer.learn(job, batch)
            if explorer.is_worth_a_look(job, batch) and len(probed) < _PROBED_MOST:
                probed.append(job.case)
                probe.batch(job.case, job.strategy, 20, stop=False)
            if totals.first_fail is not None:
                print(f"shard {shard}: {totals.first_fail}", flush=True)
                break
        blocks |= probe.coverage()
    return totals, programs, blocks
