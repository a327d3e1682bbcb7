# SPDX-License-Identifier: Apache-2.0
"""This module measures how many schedules a machine runs per second of processor time."""

from __future__ import annotations

import dataclasses
import statistics
import threading
import time
from typing import TYPE_CHECKING, Final

from drainstorm import text
from drainstorm.build import build
from drainstorm.case import CHECKS_DEFAULT
from drainstorm.machine import Machine
from drainstorm.result import Strategy
from drainstorm.spec import find_target

if TYPE_CHECKING:
    from pathlib import Path

    from drainstorm.build import Built
    from drainstorm.case import Case

STRATEGIES: Final = (
    Strategy.sticky_random(1),
    Strategy.random(1),
    Strategy.pct(1),
    Strategy.replay(),
)
SETTINGS: Final = (
    ("sc", ()),
    ("sc", CHECKS_DEFAULT),
    ("tso", CHECKS_DEFAULT),
    ("c11", CHECKS_DEFAULT),
)
"""Memory models and what is judged besides the rules."""

WANTED: Final = (("sc", (), "sticky 1/8", 200_000), ("c11", CHECKS_DEFAULT, "pct 3", 300_000))
"""Model, checks, strategy, schedules per second."""

ROUNDS: Final = 5
WANTED_SCALING: Final = 1.8
_CHUNK: Final = 20_000


def measure(path: Path, seconds: float) -> int:
    """Print the tables and the scaling; 0 when all bounds hold."""
    case = text.load(path)
    built = build(find_target(case.target))
    print(f"{path}: {case.target}, one core, median of {ROUNDS} rounds")
    rates = {}
    with Machine(built) as machine:
        for model, checks in SETTINGS:
            print(f"model {model}, checks: {' '.join(checks) or 'none'}")
            print("  strategy      schedules/s  points/run  ns/point  switches")
            limits = dataclasses.replace(case.limits, model=model, checks=checks)
            under = dataclasses.replace(case, limits=limits)
            for strategy in STRATEGIES:
                rate = _table_row(machine, under, strategy, seconds)
                rates[model, checks, strategy.name] = rate
    scaling = statistics.median(_scaling(built, case, seconds) for _ in range(ROUNDS))
    print(f"two machines on two cores: {scaling:.2f} x one machine (median of {ROUNDS} rounds)")
    good = scaling >= WANTED_SCALING
    print(f"{'holds' if good else 'MISSED'}: scaling >= {WANTED_SCALING}")
    for model, checks, name, wanted in WANTED:
        fast = rates[model, checks, name] >= wanted
        good &= fast
        print(f"{'holds' if fast else 'MISSED'}: {model}, {name} >= {wanted:,}/s")
    return 0 if good else 1


def _table_row(machine: Machine, case: Case, strategy: Strategy, seconds: float) -> float:
    rates, points, nanoseconds, switches = [], 0.0, [], 0.0
    for number in range(ROUNDS):
        runs = steps = hops = 0
        start = time.thread_time()
        while time.thread_time() - start < seconds:
            seeded = strategy.with_seed(number * 1_000_000_007 + runs)
            totals = machine.batch(case, seeded, _CHUNK, stop=False)
            runs, steps, hops = runs + totals.runs, steps + totals.steps, hops + totals.switches
        spent = time.thread_time() - start
        rates.append(runs / spent)
        nanoseconds.append(spent * 1e9 / steps)
        points, switches = steps / runs, hops / runs
    rate = statistics.median(rates)
    print(
        f"  {strategy.name:12} {rate:12,.0f} {points:11.1f} "
        f"{statistics.median(nanoseconds):9.1f} {switches:9.1f}"
    )
    return rate


def _rate_of(built: Built, case: Case, machines: int, seconds: float) -> float:
    """Schedules per second of wall-clock time with this many machines at once."""
    done = [0] * machines

    def work(at: int) -> None:
        with Machine(built) as machine:
            machine.batch(case, STRATEGIES[0], 1000)
            ready.wait()
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                strategy = STRATEGIES[0].with_seed(done[at])
                done[at] += machine.batch(case, strategy, _CHUNK, stop=False).runs

    ready = threading.Barrier(machines + 1)
    threads = [threading.Thread(target=work, args=(at,)) for at in range(machines)]
    for thread in threads:
        thread.start()
    ready.wait()
    start = time.monotonic()
    for thread in threads:
        thread.join()
    return sum(done) / (time.monotonic() - start)


def _scaling(built: Built, case: Case, seconds: float) -> float:
    return _rate_of(built, case, 2, seconds) / _rate_of(built, case, 1, seconds)
