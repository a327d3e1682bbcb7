# SPDX-License-Identifier: Apache-2.0
"""This module measures what single things cost a machine: a point, an access, the start of a run.

The programs are those of `targets/speed`, each of which does one thing often. All times are
processor time of one thread; what they are compared with, a switch between two bare fibers, is
measured between them.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from drainstorm.build import build
from drainstorm.case import CHECKS_DEFAULT, Case, Limits, Operation
from drainstorm.machine import Machine
from drainstorm.native import bare_switch_ns
from drainstorm.result import Strategy
from drainstorm.spec import find_target

if TYPE_CHECKING:
    from collections.abc import Callable

    from drainstorm.spec import TargetSpec

TARGET: Final = "speed"
STRATEGIES: Final = (
    Strategy.sticky_random(1),
    Strategy.pct(1),
    Strategy.replay(),
    Strategy.random(1),
    Strategy.pos(1),
    Strategy.urw(1),
    Strategy.surw(1),
    Strategy.rff(1),
)
_ROUNDS: Final = 5
_SWITCHES: Final = 1_000_000
_CHUNK: Final = 500
_WORDS: Final = 64
_USES: Final = 200 * _WORDS * 2
"""Plain accesses that WORDS words add to a run of `same_epoch` or `new_epoch`: ROUNDS of
targets/speed/src/programs.h, each word read and written."""


@dataclass(frozen=True, slots=True)
class Prices:
    """What single things cost, in ns of processor time.

    Args:
        switch: a switch between two bare fibers.
        bare_points: a scheduling point under `sc` without checks, by strategy.
        points: the same under `c11` with the default checks.
        same_epoch: a plain access, checked, by a thread that has released nothing since the last.
        new_epoch: one after a release.
        start: reset, start and end of a run of one thread.
        threads: the same with three more threads, which do nothing.
    """

    switch: float
    bare_points: dict[str, float]
    points: dict[str, float]
    same_epoch: float
    new_epoch: float
    start: float
    threads: float


def measure_prices(seconds: float) -> Prices:
    """Measure everything, `seconds` for each of the five rounds of each number.

    Raises:
        EngineError, TargetError: the engine or `targets/speed` cannot be used.
    """
    spec = find_target(TARGET)
    with Machine(build(spec)) as machine:

        def price(name: str, operand: int = 0) -> float:
            case = _program(spec, name, operand, "c11")
            return _median(lambda: _spent(machine, case, STRATEGIES[0], seconds))

        def access(name: str) -> float:
            return (price(name, _WORDS) - price(name)) / _USES

        def point(model: str, strategy: Strategy) -> float:
            case = _program(spec, "atomics", 0, model)
            return _median(lambda: _spent(machine, case, strategy, seconds, per_point=True))

        return Prices(
            switch=_median(lambda: bare_switch_ns(_SWITCHES)),
            bare_points={s.name: point("sc", s) for s in STRATEGIES},
            points={s.name: point("c11", s) for s in STRATEGIES},
            same_epoch=access("same_epoch"),
            new_epoch=access("new_epoch"),
            start=price("nothing"),
            threads=price("threads"),
        )


def print_prices(prices: Prices) -> None:
    """The numbers as a table; a point also as a multiple of a bare switch."""
    print(f"prices, targets/{TARGET}, one core, median of {_ROUNDS} rounds")
    print(f"  switch between two bare fibers            {prices.switch:8.1f} ns")
    print("  scheduling point of an atomic operation         sc, no checks      c11, races, leaks")
    for name, bare in prices.bare_points.items():
        full = prices.points[name]
        cells = " ".join(f"{ns:8.1f} ns {ns / prices.switch:6.1f} x" for ns in (bare, full))
        print(f"    {name:36} {cells}")
    print(f"  plain access, same epoch                  {prices.same_epoch:8.1f} ns")
    print(f"  plain access, new epoch                   {prices.new_epoch:8.1f} ns")
    print(f"  reset, start and end of a run             {prices.start / 1000:8.2f} us")
    print(f"  the same with three threads               {prices.threads / 1000:8.2f} us")


def _program(spec: TargetSpec, name: str, operand: int, model: str) -> Case:
    code = 1 + [operation.name for operation in spec.operations].index(name)
    checks = () if model == "sc" else CHECKS_DEFAULT
    return Case(TARGET, (Operation(0, code, operand),), limits=Limits(model=model, checks=checks))


def _median(measure: Callable[[], float]) -> float:
    return statistics.median(measure() for _ in range(_ROUNDS))


def _spent(
    machine: Machine, case: Case, strategy: Strategy, seconds: float, *, per_point: bool = False
) -> float:
    """Processor time in ns of a run, or of a scheduling point."""
    count = 0
    start = time.thread_time_ns()
    while (spent := time.thread_time_ns() - start) < seconds * 1e9 or not count:
        totals = machine.batch(case, strategy.with_seed(count), _CHUNK, stop=False)
        count += totals.steps if per_point else totals.runs
    return spent / count
