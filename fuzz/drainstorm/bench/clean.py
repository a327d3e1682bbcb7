# SPDX-License-Identifier: Apache-2.0
"""This module runs the shipped implementation over generated programs, and counts only what counts.

A schedule counts when the driver marked it: a writer waited for a reader, or a reader found the
writer. Each process is one shard; the same seed and number of workers does the same work. With a
state file a later call goes on where the last one ended: its seed is the next one, and what is
printed and judged is the sum. A call that is cut short loses a round at most.
"""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Final

import msgspec

from drainstorm.bench.coverage import measure_coverage
from drainstorm.bench.lines import line_coverage
from drainstorm.bench.pool import processes
from drainstorm.bench.state import Rows
from drainstorm.build import build
from drainstorm.case import CHECKS_DEFAULT, Limits
from drainstorm.explore import Explorer
from drainstorm.machine import Machine
from drainstorm.result import Totals
from drainstorm.spec import find_target
from drainstorm.strategies import PORTFOLIO

if TYPE_CHECKING:
    from pathlib import Path

    from drainstorm.case import Case

UNKNOWN_MOST: Final = 0.001
SKIPPED_MOST: Final = 0.2
LINES_LEAST: Final = 0.9
BRANCHES_LEAST: Final = 0.95
ROUND_SECONDS: Final = 300.0
"""Processor time of each process until what it did is kept."""

_SUM: Final = "sum"
"""The only row of a state file."""

_PROBED_SCHEDULES: Final = (4, 20)
"""How often a new program is run again on the `cov` build; one that did what counts."""


@dataclasses.dataclass(frozen=True, slots=True)
class Work:
    """What one process does: until its share of schedules or of processor time is used up.

    Args:
        schedules: That mean something; 0: no bound.
        cpu_seconds: Processor time; 0: no bound.
    """

    target: str
    model: str
    schedules: int
    cpu_seconds: float
    seed: int
    shard: int

    @property
    def limits(self) -> Limits:
        """`sc` alone is run without checks: as fast as it gets."""
        return Limits(model=self.model, checks=() if self.model == "sc" else CHECKS_DEFAULT)


class Done(msgspec.Struct):
    """What is known so far; also what a state file holds."""

    next_seed: int
    cpu_seconds: float = 0.0
    runs: int = 0
    marked: int = 0
    waited: int = 0
    found_writer: int = 0
    unknown: int = 0
    failed: int = 0
    steps: int = 0
    programs: int = 0
    done: dict[str, int] = {}
    skipped: int = 0
    blocks: list[int] = []

    def add(self, totals: Totals, programs: int, blocks: set[int], cpu_seconds: float) -> None:
        """Take in what one process did."""
        self.cpu_seconds += cpu_seconds
        self.runs += totals.runs
        self.marked += totals.marked_any
        self.waited += totals.marked[0]
        self.found_writer += totals.marked[1]
        self.unknown += totals.unknown
        self.failed += totals.failed
        self.steps += totals.steps
        self.programs += programs
        self.skipped += sum(totals.op_skipped.values())
        for name, count in totals.op_done.items():
            self.done[name] = self.done.get(name, 0) + count
        self.blocks = sorted(blocks.union(self.blocks))


def measure(
    target: str,
    *,
    model: str,
    schedules: int,
    cpu_minutes: float,
    seed: int,
    workers: int,
    file: str,
    state: Path | None,
) -> int:
    """Print everything that the claim rests on; 0 when all of it holds."""
    spec = find_target(target)
    build(spec)
    covered = build(spec, flavour="cov")
    identity = {"target": target, "model": model, "build": covered.digest}
    rows = Rows(state, Done, identity)
    done = rows[_SUM] if _SUM in rows else Done(seed)
    start = time.monotonic()
    while share := _share(done, schedules=schedules, cpu_seconds=cpu_minutes * 60, workers=workers):
        shards = [
            Work(target, model, *share, seed=done.next_seed, shard=shard)
            for shard in range(workers)
        ]
        with processes(workers) as pool:
            for part in pool.imap_unordered(_shard, shards):
                done.add(*part)
        done.next_seed += 1
        rows.keep(_SUM, done)
        if done.failed:
            break
    _tell(f"{target} under {model}", done, time.monotonic() - start, workers)
    lines = line_coverage(covered, done.blocks, file)
    branches = measure_coverage(spec, done.blocks)
    branches.tell()
    either = branches.generated | branches.behaved
    unexplained = len(branches.unexplained)
    never = [o.name for o in spec.operations if not done.done.get(o.name)]
    taken = done.skipped + sum(done.done.values())
    unknown, skipped = done.unknown / max(1, done.runs), done.skipped / max(1, taken)
    return _judge(
        (f"{done.failed} findings", done.failed == 0),
        (f"{done.marked:,} >= {schedules:,} schedules that count", done.marked >= schedules),
        (f"UNKNOWN {unknown:.4%} <= {UNKNOWN_MOST:.1%}", unknown <= UNKNOWN_MOST),
        (f"skipped operations {skipped:.1%} <= {SKIPPED_MOST:.0%}", skipped <= SKIPPED_MOST),
        (f"operations never carried out: {', '.join(never) or 'none'}", not never),
        (f"lines of {file}: {lines}", lines.share >= LINES_LEAST),
        (
            f"branches of all sources, by generated programs: {branches.words(branches.generated)}",
            branches.share(branches.generated) >= BRANCHES_LEAST,
        ),
        (f"by behaviours: {branches.words(branches.behaved)}", True),
        (
            f"by either: {branches.words(either)} >= {BRANCHES_LEAST:.0%}",
            branches.share(either) >= BRANCHES_LEAST,
        ),
        (f"untaken branches without a reason: {unexplained}", unexplained == 0),
    )


def _share(
    done: Done, *, schedules: int, cpu_seconds: float, workers: int
) -> tuple[int, float] | None:
    """What each process does in the next round: schedules, seconds. None: all is done."""
    if schedules:
        left = schedules - done.marked
        return (-(-left // workers), 0.0) if left > 0 else None
    seconds = (cpu_seconds - done.cpu_seconds) / workers
    return (0, min(ROUND_SECONDS, seconds)) if seconds > 0 else None


def _tell(what: str, done: Done, seconds: float, workers: int) -> None:
    print(
        f"{what}: {done.marked:,} schedules that count "
        f"({done.waited:,} in which a writer waited for a reader, {done.found_writer:,} in which "
        f"a reader found the writer) of {done.runs:,} over {done.programs:,} programs, "
        f"{done.steps / max(1, done.runs):.0f} points each ({done.steps:,} in all), "
        f"{done.cpu_seconds / 60:.1f} minutes of processor time; this call {seconds:.0f} s with "
        f"{workers} processes; next seed {done.next_seed}"
    )


def _judge(*claims: tuple[str, bool]) -> int:
    for words, holds in claims:
        print(f"{'holds' if holds else 'MISSED'}: {words}")
    return 0 if all(holds for _, holds in claims) else 1


def _shard(work: Work) -> tuple[Totals, int, set[int], float]:
    """Totals, programs, basic blocks seen and processor seconds of one process."""
    spec = find_target(work.target)
    explorer = Explorer(spec, seed=work.seed, shard=work.shard, strategies=PORTFOLIO)
    totals, programs = Totals(), 0
    with Machine(build(spec)) as machine, Machine(build(spec, flavour="cov")) as probe:
        while not _is_used_up(work, totals) and totals.first_fail is None:
            job = explorer.next_job()
            case: Case = dataclasses.replace(job.case, limits=work.limits)
            batch = machine.batch(case, job.strategy, job.count, stop=False, hashes=True)
            totals += batch
            programs += job.fresh
            explorer.learn(job, batch)
            if job.fresh:
                counts = explorer.is_worth_a_look(job, batch)
                probe.batch(case, job.strategy, _PROBED_SCHEDULES[counts], stop=False)
        if totals.first_fail is not None:
            print(f"shard {work.shard}: {totals.first_fail}", flush=True)
        return totals, programs, set(probe.coverage()), time.process_time()


def _is_used_up(work: Work, totals: Totals) -> bool:
    if work.cpu_seconds:
        return time.process_time() >= work.cpu_seconds
    return totals.marked_any >= work.schedules
