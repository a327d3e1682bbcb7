# SPDX-License-Identifier: Apache-2.0
"""This module measures how soon each strategy finds the bugs of `targets/classics`.

One row a program, one column a strategy, beside them the best mean that others have published. The
last column of ours is the portfolio of a hunt: its strategies by its bandit, in turns that grow.
Under `sc`, as in the literature; seeds are campaign seeds, so a table can be made again. A call
that was cut short goes on from its state file, field by field.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from drainstorm.bench.classics_data import Published, load_expected, load_published
from drainstorm.bench.classics_table import picture, table
from drainstorm.bench.pool import processes
from drainstorm.bench.portfolio import turns
from drainstorm.bench.scores import PORTFOLIO_NAME, STRATEGIES, Score
from drainstorm.bench.state import Rows
from drainstorm.build import build
from drainstorm.case import Case, Expect, Limits, Operation
from drainstorm.errors import TargetError, UsageError
from drainstorm.files import atomic_write
from drainstorm.machine import Machine
from drainstorm.spec import did_you_mean, find_target
from drainstorm.strategies import derive_seed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from drainstorm.result import Totals
    from drainstorm.spec import TargetSpec

TARGET: Final = "classics"


@dataclass(frozen=True, slots=True)
class Row:
    """A program with the scores of all columns."""

    program: str
    scores: dict[str, Score]
    published: Published | None


@dataclass(frozen=True, slots=True)
class Work:
    """One field of the table to be measured; `cap` schedules for a search at most."""

    program: str
    strategy: str
    seeds: int
    cap: int
    expect: Expect

    @property
    def name(self) -> str:
        """The field's name in a state file."""
        return f"{self.program} / {self.strategy}"


def case_of(spec: TargetSpec, program: str, model: str) -> Case:
    """The case that runs one program under a memory model, with the default checks."""
    operation = Operation(0, spec.operation_code(program))
    return Case(spec.name, (operation,), limits=Limits(spec.limits.steps, model=model))


def measure(
    programs: tuple[str, ...],
    strategies: tuple[str, ...],
    *,
    seeds: int,
    cap: int,
    workers: int,
    state: Path | None,
    write: bool,
) -> int:
    """Print the table; 0 when the portfolio found every bug from every seed.

    Args:
        programs: Names; none: all that have a bug under sc.
        strategies: Columns by name; none: all of them.
        seeds: Searches for each program and strategy.
        cap: Schedules of one search, unless published.toml says another for the program.
        workers: Processes, one field each.
        state: Go on from this file, and keep the scores there.
        write: Store results.txt and results.svg beside the programs.

    Raises:
        UsageError: An unknown program or strategy, a state file of something else, or `write` for
            a part of the table.
        TargetError: A program failed in another way than expected.
    """
    spec = find_target(TARGET)
    if write and (programs or strategies):
        raise UsageError("--write stores the whole table: leave out --program and --strategy")
    columns = strategies or (*STRATEGIES, PORTFOLIO_NAME)
    published = load_published(spec)
    work = _plan(spec, programs, columns, published, seeds=seeds, cap=cap)
    of = {"build": build(spec).digest, "seeds": str(seeds), "cap": str(cap)}
    known = Rows(state, Score, of)
    todo = [field for field in work if field.name not in known]
    with processes(workers) as pool:
        for field, score in pool.imap_unordered(_measure, todo):
            known.keep(field.name, score)
            print(f"measured {len(known)} of {len(work)}: {field.name}: {score}", flush=True)
    scores = dict[str, dict[str, Score]]()
    for field in work:
        scores.setdefault(field.program, {})[field.strategy] = known[field.name]
    rows = [Row(name, row, published.get(name)) for name, row in scores.items()]
    text = table(rows, columns, seeds=seeds, cap=cap)
    print("\n" + text, end="")
    if write:
        atomic_write(spec.folder / "results.txt", text.encode())
        drawn = picture(rows, columns, seeds=seeds, cap=cap)
        atomic_write(spec.folder / "results.svg", drawn.encode())
    missed = [row.program for row in rows if not _all_found(row)]
    print(f"MISSED: {', '.join(missed)}" if missed else f"holds: each bug in {seeds} of {seeds}")
    return 1 if missed else 0


def _plan(
    spec: TargetSpec,
    programs: tuple[str, ...],
    columns: tuple[str, ...],
    published: Mapping[str, Published],
    *,
    seeds: int,
    cap: int,
) -> list[Work]:
    expected = load_expected(spec)
    buggy = [name for name, program in expected.items() if program.under("sc").verdict == "FAIL"]
    known = (*STRATEGIES, PORTFOLIO_NAME)
    for name in programs:
        if name not in buggy:
            raise UsageError(f"no bug under sc in program '{name}'{did_you_mean(name, buggy)}")
    for name in columns:
        if name not in known:
            raise UsageError(f"unknown strategy '{name}'; known: {', '.join(known)}")
    work = []
    for name in programs or buggy:
        best, expect = published.get(name), expected[name].under("sc")
        for column in columns:
            most = cap if best is None else best.cap_of(column, cap)
            work.append(Work(name, column, seeds, most, expect))
    return work


def _all_found(row: Row) -> bool:
    """By the portfolio; without that column by each strategy of the table."""
    judged = [row.scores[PORTFOLIO_NAME]] if PORTFOLIO_NAME in row.scores else row.scores.values()
    return all(score.is_full for score in judged)


def _measure(work: Work) -> tuple[Work, Score]:
    spec = find_target(TARGET)
    case = case_of(spec, work.program, "sc")
    with Machine(build(spec)) as machine:
        searches = [_search(machine, case, work, seed) for seed in range(work.seeds)]
    found = sum(found for found, _ in searches)
    return work, Score(work.seeds, found, sum(schedules for _, schedules in searches))


def _search(machine: Machine, case: Case, work: Work, seed: int) -> tuple[bool, int]:
    """Whether the bug was found, and after how many schedules."""
    if work.strategy == PORTFOLIO_NAME:
        return _search_by_all(machine, case, work, seed)
    strategy = STRATEGIES[work.strategy].with_seed(derive_seed(seed, 0, 0))
    totals = machine.batch(case, strategy, work.cap)
    return _is_found(totals, work), totals.runs


def _search_by_all(machine: Machine, case: Case, work: Work, seed: int) -> tuple[bool, int]:
    runs = 0
    for totals in turns(machine, case, seed=seed, cap=work.cap):
        runs += totals.runs
        if _is_found(totals, work):
            return True, runs
    return False, runs


def _is_found(totals: Totals, work: Work) -> bool:
    if totals.first_fail is None:
        return False
    if not totals.first_fail.matches(replace(work.expect, site="")):
        raise TargetError(
            f"{work.program} gave '{totals.first_fail}', expected.toml says '{work.expect}'"
        )
    return True
