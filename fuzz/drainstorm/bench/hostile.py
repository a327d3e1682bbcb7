# SPDX-License-Identifier: Apache-2.0
"""This module feeds random bytes of any length to decoder and machine, and watches the memory."""

from __future__ import annotations

import random
import resource
import time
from collections import Counter
from typing import Final

from drainstorm import binary
from drainstorm.bench.pool import processes
from drainstorm.build import build
from drainstorm.machine import Machine
from drainstorm.result import Strategy
from drainstorm.spec import find_target

_LENGTHS: Final = (0, 1, 3, 8, 20, 40, 80, 160, 320)
_GROWTH_KIB: Final = 16 * 1024
_WARM_UP: Final = 1_000_000
"""Inputs until the decoder's bounded cache of records is full."""


def measure(target: str, inputs: int, *, seed: int, workers: int) -> int:
    """Print verdicts and growth; 0 when every process survived without a FAIL or a leak."""
    build(find_target(target))
    share = -(-inputs // workers)
    start = time.monotonic()
    with processes(workers) as pool:
        work = [(target, share, seed * 1000 + worker) for worker in range(workers)]
        found = pool.starmap(_feed, work)
    verdicts: Counter[str] = sum((counts for counts, _ in found), Counter())
    growth = max(grown for _, grown in found)
    print(
        f"{sum(verdicts.values()):,} random inputs in {time.monotonic() - start:.0f} s: "
        + ", ".join(f"{count:,} {verdict}" for verdict, count in sorted(verdicts.items()))
        + f"; peak memory grew by {growth / 1024:.1f} MiB after the warm-up"
    )
    good = verdicts["FAIL"] == 0 and growth < _GROWTH_KIB
    print("holds: no crash, no hang, no leak, no finding" if good else "MISSED: see above")
    return 0 if good else 1


def _feed(target: str, inputs: int, seed: int) -> tuple[Counter[str], int]:
    spec = find_target(target)
    rng = random.Random(seed)
    verdicts: Counter[str] = Counter()
    before = 0
    with Machine(build(spec)) as machine:
        for number in range(inputs):
            data = rng.randbytes(rng.randrange(1 + rng.choice(_LENGTHS)))
            case = binary.decode(data, spec)
            verdicts[machine.run(case, Strategy.replay()).verdict.kind] += 1
            if number == min(_WARM_UP, inputs // 2):
                before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return verdicts, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
