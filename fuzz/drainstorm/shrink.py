# SPDX-License-Identifier: Apache-2.0
"""This module makes a failing case small while its signature stays the same.

Delta debugging on operations, then on deviations, until neither gives anything. A program that
lost an operation has other positions inside its threads, so its old deviations may miss: each
candidate is tried with them first and then under a few hundred random schedules, of which a
failing one is recorded. Price: some ten thousand short runs, well under a second.

Source: Zeller, Hildebrandt, "Simplifying and isolating failure-inducing input", TSE 2002; the
search for a single deviation is bound-1 preemption search.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from drainstorm.case import KINDS, Deviation, unique_schedule
from drainstorm.naming import named_operations
from drainstorm.result import Strategy, races_meant_by
from drainstorm.strategies import splitmix64

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from drainstorm.case import Case, Operation
    from drainstorm.runner import Runner
    from drainstorm.spec import TargetSpec
    from drainstorm.verdict import Signature

BUDGET_RUNS: Final = 200_000
SINGLE_SEARCH_RUNS: Final = 300
RESAMPLES: Final = 12
RESAMPLE_RUNS: Final = 400
OTHER_FAILURES_MAX: Final = 10
"""After so many failures of other kinds a search gives up: it costs more than it finds."""
ROUNDS_MAX: Final = 4

_SEARCH: Final = (
    (Strategy("pct", pct_depth=2), 80),
    (Strategy("sticky", sticky=32), 60),
    (Strategy("pct", pct_depth=3), 60),
)
"""Strategies and schedules with which a reduced program is searched for the same failure."""

_RESAMPLE: Final = (
    Strategy("pct", pct_depth=2),
    Strategy("sticky", sticky=8),
    Strategy("pct", pct_depth=3),
    Strategy("sticky", sticky=32),
)
"""Strategies with few switches: their failing runs have few deviations to begin with."""

_RUN: Final = KINDS.index("run")


@dataclass(frozen=True, slots=True, order=True)
class Size:
    """By what cases are compared; a smaller one is better.

    Args:
        operations: Operations of the program.
        deviations: Answers that differ from the quiet default.
        weight: Sum of all operands and positions: of two equal shapes the lower numbers win.
    """

    operations: int
    deviations: int
    weight: int

    @classmethod
    def of(cls, case: Case) -> Size:
        """The size of a case."""
        weight = sum(op.a + op.b + op.actor for op in case.program)
        weight += sum(d.position for d in case.schedule)
        return cls(len(case.program), len(case.schedule), weight)

    def __str__(self) -> str:
        operations = "operation" if self.operations == 1 else "operations"
        deviations = "deviation" if self.deviations == 1 else "deviations"
        return f"{self.operations} {operations}, {self.deviations} {deviations}"


@dataclass(frozen=True, slots=True)
class Shrunk:
    """What shrinking gave.

    Args:
        case: The smallest case with the same signature; its `expect` says so.
        runs: Schedules that it took.
    """

    case: Case
    runs: int
    before: Size
    after: Size


def never() -> bool:
    """A `stop` that lets the work go on until its budget is used."""
    return False


def shrink(
    runner: Runner,
    case: Case,
    signature: Signature,
    *,
    budget_runs: int = BUDGET_RUNS,
    stop: Callable[[], bool] = never,
    spec: TargetSpec | None = None,
) -> Shrunk:
    """Make a failing case small.

    Args:
        runner: A machine with the build in which the case fails.
        case: A case whose replay has `signature`.
        signature: What every accepted candidate must show.
        budget_runs: Schedules to spend at most (one batch may go beyond).
        stop: Asked between runs; True ends the work with the best case so far.
        spec: The target, to give actors the lowest numbers; None: they keep theirs.

    Returns:
        The smallest case found; the given one when nothing smaller fails in the same way.

    Source: ALGORITHMS 3.12 (anchored deviations, single-deviation search).
    """
    before = Size.of(case)
    grouped = tuple(sorted(case.program, key=lambda op: op.actor))
    case = dataclasses.replace(case, program=grouped)
    work = _Shrinker(runner, case, signature, budget_runs, stop)
    with runner.judging(races_meant_by(signature)):
        work.reduce(spec)
    best = dataclasses.replace(work.best, expect=signature.expect())
    return Shrunk(best, work.runs, before, Size.of(best))


class _Shrinker:
    """The best case so far, and what is left of the budget."""

    def __init__(
        self,
        runner: Runner,
        case: Case,
        signature: Signature,
        budget_runs: int,
        stop: Callable[[], bool],
    ) -> None:
        self.best = case
        self.runs = 0
        self._runner = runner
        self._signature = signature
        self._budget = budget_runs
        self._stop = stop
        self._tried: set[tuple[Operation, ...]] = set()

    def is_over(self) -> bool:
        """Whether the budget is used up or the caller wants to stop."""
        return self.runs >= self._budget or self._stop()

    def reduce(self, spec: TargetSpec | None) -> None:
        """All there is, until it gives nothing any more or the budget is used."""
        for _ in range(ROUNDS_MAX):
            at_start = Size.of(self.best)
            if spec is not None:
                self.inline_actors(spec)
            self.reduce_program()
            if spec is not None:
                self.renumber_actors(spec)
            self.reduce_schedule()
            if Size.of(self.best) >= at_start or self.is_over():
                break
        if spec is not None:
            self.name_operands(spec)

    # ---------------------------------------------------------------- operations

    def reduce_program(self) -> None:
        """Drop actors, then blocks of operations; then simplify what is left."""
        for actor in sorted({op.actor for op in self.best.program}, reverse=True):
            self._try_program(tuple(op for op in self.best.program if op.actor != actor))
        block = max(1, len(self.best.program) // 2)
        while not self.is_over():
            dropped = self._drop_blocks(block)
            if block > 1:
                block //= 2
            elif not dropped:
                break
        self._drop_pairs()
        self._lower_operands()

    def inline_actors(self, spec: TargetSpec) -> None:
        """Let the root do what an actor does that it launches: one thread of thought less."""
        for actor in sorted({op.actor for op in self.best.program} - {0}):
            script = tuple(op for op in self.best.program if op.actor == actor)
            if not all(spec.allows(0, op.code) for op in script):
                continue
            mine = tuple(dataclasses.replace(op, actor=0) for op in script)
            others = tuple(op for op in self.best.program if op.actor != actor)
            kind = spec.actor_kind(actor)
            for at, op in enumerate(others):
                launches = op.actor == 0 and kind in spec.operation(op.code).operands
                if launches and self._try_program(others[:at] + mine + others[at + 1 :]):
                    break

    def name_operands(self, spec: TargetSpec) -> None:
        """Write what an operand turned out to mean: `start co0` that started co1 is `start co1`.

        A driver says in a note which objects an operation really took, in the words of a case.
        """
        if self.runs >= self._budget:
            return
        run = self._runner.run(self.best, Strategy.replay(), trace=True)
        self.runs += 1
        names = named_operations(run.events, spec)
        taken: dict[int, int] = {}
        program = []
        for op in self.best.program:
            turn = taken[op.actor] = taken.get(op.actor, -1) + 1
            operands = names.get((op.actor, turn))
            program.append(
                op if operands is None else dataclasses.replace(op, a=operands[0], b=operands[1])
            )
        named = dataclasses.replace(self.best, program=tuple(program))
        if named != self.best and self._recorded(named, Strategy.replay()) is not None:
            self.best = named

    def renumber_actors(self, spec: TargetSpec) -> None:
        """Give the actors of each kind the lowest numbers: co5 and co9 become co1 and co2."""
        self._try_program(_renumbered(self.best.program, spec))

    def _drop_blocks(self, block: int) -> bool:
        """Try to drop every block of this length, from the end; True when one could go."""
        dropped = False
        at = len(self.best.program) - block
        while at > -block and not self.is_over():
            begin = max(0, at)
            program = self.best.program
            if self._try_program(program[:begin] + program[begin + block :]):
                dropped = True
            at -= block
        return dropped

    def _drop_pairs(self) -> None:
        """Drop two operations at once: a lock and its unlock rarely go one by one."""
        limit = 24
        again = len(self.best.program) <= limit
        while again and not self.is_over():
            again = False
            size = len(self.best.program)
            for i in range(size):
                for j in range(i + 1, size):
                    program = self.best.program
                    if self._try_program(program[:i] + program[i + 1 : j] + program[j + 1 :]):
                        again = True
                        break
                if again or self.is_over():
                    break

    def _lower_operands(self) -> None:
        """Lower operands: a small number says that its value does not matter."""
        for at in range(len(self.best.program)):
            for lower in _lower_values(self.best.program[at].a):
                op = dataclasses.replace(self.best.program[at], a=lower)
                if self._try_operation(at, op):
                    break
            for lower in _lower_values(self.best.program[at].b):
                op = dataclasses.replace(self.best.program[at], b=lower)
                if self._try_operation(at, op):
                    break

    def _try_operation(self, at: int, op: Operation) -> bool:
        program = self.best.program
        return self._try_program((*program[:at], op, *program[at + 1 :]))

    def _try_program(self, program: tuple[Operation, ...]) -> bool:
        """Accept the program if it fails in the same way, under whatever schedule."""
        if not program or program == self.best.program or program in self._tried or self.is_over():
            return False
        self._tried.add(program)
        candidate = dataclasses.replace(self.best, program=program)
        found = self._recorded(candidate, Strategy.replay()) or self._searched(candidate)
        if found is None or Size.of(found) >= Size.of(self.best):
            return False
        self.best = found
        return True

    def _searched(self, case: Case) -> Case | None:
        """A failing schedule of the program, recorded; None when some hundred show none."""
        case = dataclasses.replace(case, schedule=())
        for number, (strategy, count) in enumerate(_SEARCH):
            found = self._found(case, strategy, splitmix64(number), count)
            if found is not None:
                return found
        return None

    def _found(self, case: Case, strategy: Strategy, seed: int, count: int) -> Case | None:
        """The first of `count` schedules that fails in the same way, recorded."""
        for _ in range(OTHER_FAILURES_MAX):
            if count <= 0 or self.is_over():
                return None
            totals = self._runner.batch(case, strategy.with_seed(seed), count)
            self.runs += totals.runs
            failing = totals.first_fail_strategy
            if totals.first_fail is None or failing is None:
                return None
            if totals.first_fail.signature == self._signature:
                return self._recorded(case, failing)
            count -= max(1, totals.runs)
            seed = failing.seed + 1
        return None

    # ---------------------------------------------------------------- deviations

    def reduce_schedule(self) -> None:
        """Drop deviations in blocks, move them to the front, look for a single one."""
        self._try_schedule(())
        self._drop_deviations()
        self._move_deviations()
        if len(self.best.schedule) > 1:
            self._search_single()
        if len(self.best.schedule) > 1:
            self._resample()
        self._move_deviations()

    def _drop_deviations(self) -> None:
        block = max(1, len(self.best.schedule) // 2)
        while self.best.schedule and not self.is_over():
            dropped = False
            at = 0
            while at < len(self.best.schedule) and not self.is_over():
                schedule = self.best.schedule
                if self._try_schedule(schedule[:at] + schedule[at + block :]):
                    dropped = True
                else:
                    at += block
            if block == 1 and not dropped:
                return
            block = max(1, block // 2)

    def _move_deviations(self) -> None:
        """Move each deviation towards its thread's start as long as the failure stays."""
        moved = True
        while moved and not self.is_over():
            moved = False
            for at in range(len(self.best.schedule)):
                moved = any(self._try_move(at, by) for by in (-8, -2, -1)) or moved

    def _try_move(self, at: int, by: int) -> bool:
        if at >= len(self.best.schedule):
            return False
        deviation = self.best.schedule[at]
        if deviation.position + by < 0:
            return False
        moved = dataclasses.replace(deviation, position=deviation.position + by)
        schedule = (*self.best.schedule[:at], moved, *self.best.schedule[at + 1 :])
        return self._try_schedule(schedule)

    def _search_single(self) -> None:
        """Try single deviations at the points that the undisturbed run visits."""
        if self.is_over():
            return
        quiet = dataclasses.replace(self.best, schedule=())
        run = self._runner.run(quiet, Strategy.replay(), trace=True)
        self.runs += 1
        points: dict[int, int] = {}
        for event in run.events:
            points[event.thread] = max(points.get(event.thread, 0), event.position)
        candidates = list(_single_deviations(points))
        stride = max(1, -(-len(candidates) // SINGLE_SEARCH_RUNS))
        for deviation in candidates[::stride]:
            if self._try_schedule((deviation,)) or self.is_over():
                return

    def _resample(self) -> None:
        """Reduce some other failing schedules of the same program; the smallest one wins."""
        for number in range(RESAMPLES):
            if self.is_over() or len(self.best.schedule) <= 1:
                return
            strategy = _RESAMPLE[number % len(_RESAMPLE)]
            quiet = dataclasses.replace(self.best, schedule=())
            found = self._found(quiet, strategy, splitmix64(1000 + number), RESAMPLE_RUNS)
            if found is None:
                continue
            other = _Shrinker(
                self._runner, found, self._signature, self._budget - self.runs, self._stop
            )
            other._drop_deviations()
            other._move_deviations()
            self.runs += other.runs
            self.best = min(self.best, other.best, key=Size.of)

    def _try_schedule(self, schedule: tuple[Deviation, ...]) -> bool:
        schedule = unique_schedule(schedule)
        candidate = dataclasses.replace(self.best, schedule=schedule)
        if Size.of(candidate) >= Size.of(self.best) or self.is_over():
            return False
        found = self._recorded(candidate, Strategy.replay())
        if found is None:
            return False
        smaller = min(found, candidate, key=Size.of)
        self.best = smaller
        return True

    # ---------------------------------------------------------------- runs

    def _recorded(self, case: Case, strategy: Strategy) -> Case | None:
        """The case with the deviations that its run took; None for another signature."""
        run = self._runner.run(case, strategy, record=True)
        self.runs += 1
        if run.verdict.kind != "FAIL" or run.verdict.signature != self._signature:
            return None
        taken = dataclasses.replace(case, schedule=unique_schedule(run.deviations))
        if strategy.kind == "replay":
            return min(taken, case, key=Size.of)
        return taken


def _single_deviations(points: dict[int, int]) -> Iterator[Deviation]:
    """Every (anchor, target) of a run, where `points` is the last position of each thread."""
    for position in range(max(points.values(), default=-1) + 1):
        for thread in sorted(points):
            if position <= points[thread]:
                for answer in sorted(points):
                    if answer != thread:
                        yield Deviation(_RUN, thread, position, answer)


def _lower_values(value: int) -> list[int]:
    """What to try instead of an operand, the lowest first."""
    return sorted({lower for lower in (0, 1, value // 2, value - 1) if 0 <= lower < value})


def _renumbered(program: tuple[Operation, ...], spec: TargetSpec) -> tuple[Operation, ...]:
    """The program with its actors, and the operands that name them, moved to the lowest numbers."""
    actor_of = {spec.actor_name(actor): actor for actor in range(spec.actor_count)}
    used = sorted({op.actor for op in program})
    seen: dict[str, int] = {}
    number: dict[int, int] = {}
    for actor in used:
        kind = spec.actor_kind(actor)
        seen[kind] = seen.get(kind, 0) + 1
        number[actor] = seen[kind]

    def name(kind: str, value: int) -> int:
        actor = actor_of.get(f"{kind}{value}", -1)
        return number.get(actor, value)

    def moved(op: Operation) -> Operation:
        kind = spec.actor_kind(op.actor)
        actor = actor_of.get(f"{kind}{number[op.actor]}", op.actor)
        values = [name(k, v) for k, v in zip(spec.operation(op.code).operands, (op.a, op.b),
                                             strict=False)]  # fmt: skip
        a, b = (*values, 0, 0)[:2]
        return dataclasses.replace(op, actor=actor, a=a, b=b)

    return tuple(moved(op) for op in program)
