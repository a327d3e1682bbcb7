# SPDX-License-Identifier: Apache-2.0
"""This module measures how fast a machine is: schedules per second, and what single things cost.

What is wanted stands here, and the last lines say for each number whether it holds.
"""

from __future__ import annotations

import dataclasses
import statistics
import threading
import time
from typing import TYPE_CHECKING, Final

from drainstorm import text
from drainstorm.bench.prices import STRATEGIES, measure_prices, print_prices
from drainstorm.build import build
from drainstorm.case import CHECKS_DEFAULT
from drainstorm.machine import Machine
from drainstorm.spec import find_target

if TYPE_CHECKING:
    from pathlib import Path

    from drainstorm.bench.prices import Prices
    from drainstorm.build import Built
    from drainstorm.case import Case
    from drainstorm.result import Strategy

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
WANTED_POINT: Final = {"random": 40, "sticky 1/8": 15, "pct 3": 15}
"""ns of a scheduling point under c11 with all checks."""

WANTED_SAME_EPOCH: Final = 5
WANTED_NEW_EPOCH: Final = 12
"""ns of a plain access."""

WANTED_START: Final = 1000
"""ns of reset, start and end of a run on a small program."""

_CHUNK: Final = 2_000


def measure(path: Path, seconds: float) -> int:
    """Print all numbers and how they compare with what is wanted; 0 when all bounds hold."""
    prices = measure_prices(seconds)
    print_prices(prices)
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
    scaling, by_processor = _scaling(built, case, seconds)
    print(
        f"two machines on two cores: {scaling:.2f} x one machine by the clock, "
        f"{by_processor:.2f} x by processor time (best of {ROUNDS} rounds each)"
    )
    good = [
        _judge(f"two cores: {scaling:.2f} x one", f">= {WANTED_SCALING}", scaling >= WANTED_SCALING)
    ]
    for model, checks, name, wanted in WANTED:
        rate = rates[model, checks, name]
        good.append(_judge(f"{model}, {name}: {rate:,.0f}/s", f">= {wanted:,}/s", rate >= wanted))
    return 0 if all(good + _judge_prices(prices)) else 1


def _judge(what: str, wanted: str, holds: bool) -> bool:
    print(f"{'holds' if holds else 'MISSED'}: {what} (wanted {wanted})")
    return holds


def _judge_prices(prices: Prices) -> list[bool]:
    rows = [
        (f"point, c11 with checks, {name}", prices.points[name], wanted)
        for name, wanted in WANTED_POINT.items()
    ]
    rows += [
        ("plain access, same epoch", prices.same_epoch, WANTED_SAME_EPOCH),
        ("plain access, new epoch", prices.new_epoch, WANTED_NEW_EPOCH),
        ("reset and start of a run", prices.start, WANTED_START),
        ("the same with three threads", prices.threads, WANTED_START),
    ]
    return [_judge(f"{what}: {ns:.1f} ns", f"<= {most} ns", ns <= most) for what, ns, most in rows]


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


def _rates_of(built: Built, case: Case, machines: int, seconds: float) -> tuple[float, float]:
    """Schedules per second of wall-clock time with this many machines at once, and per second of
    the processor time of each, added up."""
    done = [0] * machines
    spent = [0.0] * machines

    def work(at: int) -> None:
        with Machine(built) as machine:
            machine.batch(case, STRATEGIES[0], 1000)
            ready.wait()
            until = time.monotonic() + seconds
            start = time.thread_time()
            while time.monotonic() < until:
                strategy = STRATEGIES[0].with_seed(done[at])
                done[at] += machine.batch(case, strategy, _CHUNK, stop=False).runs
            spent[at] = time.thread_time() - start

    ready = threading.Barrier(machines + 1)
    threads = [threading.Thread(target=work, args=(at,)) for at in range(machines)]
    for thread in threads:
        thread.start()
    ready.wait()
    start = time.monotonic()
    for thread in threads:
        thread.join()
    by_clock = sum(done) / (time.monotonic() - start)
    return by_clock, sum(runs / seconds for runs, seconds in zip(done, spent, strict=True))


def _scaling(built: Built, case: Case, seconds: float) -> tuple[float, float]:
    """Two machines at once against one, by the clock and by processor time; the best of some
    rounds each, because others may use the cores too."""
    one, two = (
        [max(rates) for rates in zip(*rounds, strict=True)]
        for rounds in (
            [_rates_of(built, case, machines, seconds) for _ in range(ROUNDS)]
            for machines in (1, 2)
        )
    )
    return two[0] / one[0], two[1] / one[1]
