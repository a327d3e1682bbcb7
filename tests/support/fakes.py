# SPDX-License-Identifier: Apache-2.0
"""A runner without a machine: a case fails when a function of its program and schedule says so."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from drainstorm.case import Case, Deviation, unique_schedule
from drainstorm.result import Race, Run, Strategy, Totals
from drainstorm.verdict import Outcome, Signature, Verdict

Judge = Callable[[Case], Signature | None]

PASS = Verdict("PASS", Outcome.OK)


def verdict_of(signature: Signature) -> Verdict:
    return Verdict("FAIL", signature.outcome, signature.rule, signature.site, "as planted")


def as_run(verdict: Verdict, deviations: tuple[Deviation, ...] = ()) -> Run:
    return Run(
        verdict=verdict, steps=50, choices=40, switches=3, trace_hash=0, class_hash=0,
        virtual_ns=0, threads=2, ops_done=1, ops_skipped=0, marks=0, pct_steps=0,
        deviations=deviations,
    )  # fmt: skip


class FakeRunner:
    """Judges a case by its program and deviations; seeded strategies draw random deviations."""

    def __init__(self, judge: Judge, *, threads: int = 3, positions: int = 20) -> None:
        self._judge = judge
        self._threads = threads
        self._positions = positions
        self.runs = 0

    def schedule_of(self, case: Case, strategy: Strategy) -> tuple[Deviation, ...]:
        if strategy.kind == "replay":
            return case.schedule
        rng = random.Random(strategy.seed)
        draw = (
            Deviation(0, rng.randrange(self._threads), rng.randrange(self._positions), 0)
            for _ in range(rng.randrange(1, 8))
        )
        return unique_schedule(tuple(draw))

    def run(
        self,
        case: Case,
        strategy: Strategy,
        *,
        record: bool = False,
        trace: bool = False,
        hashes: bool = False,
        data: bytes = b"",
    ) -> Run:
        del record, trace, hashes, data
        self.runs += 1
        schedule = self.schedule_of(case, strategy)
        signature = self._judge(Case(case.target, case.program, schedule))
        return as_run(verdict_of(signature) if signature else PASS, schedule)

    def batch(
        self,
        case: Case,
        strategy: Strategy,
        count: int,
        *,
        stop: bool = True,
        hashes: bool = False,
        feedback: bool = False,
        data: bytes = b"",
    ) -> Totals:
        del hashes, feedback, data
        totals = Totals()
        for number in range(count):
            seeded = strategy.with_seed(strategy.seed + number)
            verdict = self.run(case, seeded).verdict
            failed = verdict.kind == "FAIL"
            totals += Totals(
                runs=1, passed=not failed, failed=failed, steps=50, new_classes=1, marked_any=1,
                first_fail=verdict if failed else None,
                first_fail_strategy=seeded if failed else None,
            )  # fmt: skip
            if failed and stop:
                break
        return totals

    def races(self) -> tuple[Race, ...]:
        return ()

    def races_clear(self) -> None:
        """There are none."""

    def judging(self, counts: Callable[[Race], bool] | None) -> AbstractContextManager[None]:
        del counts
        return nullcontext()

    def interrupt(self) -> None:
        """Batches here are short."""
