# SPDX-License-Identifier: Apache-2.0
"""This module counts the trace hashes of one case: in two processes, at two addresses each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drainstorm import text
from drainstorm.bench.pool import processes
from drainstorm.build import build
from drainstorm.machine import Machine
from drainstorm.result import Strategy
from drainstorm.spec import find_target

if TYPE_CHECKING:
    from pathlib import Path

STRATEGIES = (Strategy.replay(), Strategy.random(7), Strategy.sticky_random(7), Strategy.pct(7))


def measure(path: Path, runs: int) -> int:
    """Print how many different hashes there were; 0 when it was one per strategy."""
    case = text.load(path)
    build(find_target(case.target))  # before the processes start: both use the same file
    with processes(2) as pool:
        found = pool.starmap(_hashes, [(path, runs)] * 2)
    good = True
    for strategy in STRATEGIES:
        hashes = {value for process in found for value in process[strategy.name]}
        good &= len(hashes) == 1
        print(
            f"{strategy.name:12} {runs:,} runs in 2 processes, 2 machines each: "
            f"{len(hashes)} trace hash{'es' if len(hashes) > 1 else ''} "
            f"({', '.join(f'{value:016x}' for value in sorted(hashes)[:3])})"
        )
    print("holds: one trace hash" if good else "MISSED: the same case gave several traces")
    return 0 if good else 1


def _hashes(path: Path, runs: int) -> dict[str, set[int]]:
    """A quarter of the runs on one machine, a quarter on a second one that stays beside it."""
    case = text.load(path)
    built = build(find_target(case.target))
    share = runs // 4 or 1
    with Machine(built) as one, Machine(built) as two:
        return {
            strategy.name: {
                machine.run(case, strategy, hashes=True).trace_hash
                for machine in (one, two)
                for _ in range(share)
            }
            for strategy in STRATEGIES
        }
