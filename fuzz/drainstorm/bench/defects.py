# SPDX-License-Identifier: Apache-2.0
"""This module measures whether each of `targets/defects` gets its verdict, and its twin none.

Every defect is searched for from several seeds as a hunt does it; every twin is run for many
schedules, shared among the strategies of a hunt. Under `c11` with the default checks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from drainstorm.bench.defects_data import TWIN, Defect, case_of, load_defects
from drainstorm.bench.pool import processes
from drainstorm.bench.portfolio import turns
from drainstorm.bench.scores import columns_of
from drainstorm.build import build
from drainstorm.errors import UsageError
from drainstorm.files import atomic_write
from drainstorm.machine import Machine
from drainstorm.spec import did_you_mean, find_target
from drainstorm.strategies import PORTFOLIO, derive_seed
from drainstorm.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

TARGET: Final = "defects"
CAP: Final = 10_000
"""Schedules of one search at most."""


@dataclass(frozen=True, slots=True)
class Work:
    """One defect and its twin, to be measured."""

    name: str
    defect: Defect
    seeds: int
    schedules: int


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured.

    Args:
        lengths: Schedules of each search that ended with the expected verdict.
        wrong: Verdicts of another class that the searches gave, each once.
        twin_runs: Schedules of the twin.
        alarms: Verdicts of the twin that are not PASS, each once.
    """

    work: Work
    lengths: tuple[int, ...]
    wrong: tuple[str, ...]
    twin_runs: int
    alarms: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        """Found from every seed, as what it is, and the twin is left alone."""
        return len(self.lengths) == self.work.seeds and not self.wrong and not self.alarms


def measure(
    names: tuple[str, ...], *, seeds: int, schedules: int, workers: int, write: bool
) -> int:
    """Print the table; 0 when every defect got its verdict from every seed, and no twin any.

    Args:
        names: Defects; none: all of them.
        seeds: Searches for each.
        schedules: Of each twin.
        workers: Processes.
        write: Store results.txt beside the programs.

    Raises:
        UsageError: An unknown name, or `write` for a part of the table.
    """
    spec = find_target(TARGET)
    defects = load_defects(spec)
    if write and names:
        raise UsageError("--write stores the whole table: leave out --defect")
    for name in names:
        if name not in defects:
            raise UsageError(f"unknown defect '{name}'{did_you_mean(name, defects)}")
    work = [Work(name, defects[name], seeds, schedules) for name in names or defects]
    build(spec)  # before the processes start: all use the same file
    with processes(workers) as pool:
        rows = []
        for row in pool.imap(_measure_row, work):
            rows.append(row)
            print(f"measured {len(rows)} of {len(work)}: {row.work.name}", flush=True)
    text = table(rows, seeds=seeds, schedules=schedules)
    print("\n" + text, end="")
    if write:
        atomic_write(spec.folder / "results.txt", text.encode())
    return 0 if all(row.is_good for row in rows) else 1


def table(rows: Sequence[Row], *, seeds: int, schedules: int) -> str:
    """The table as text, with the sums below it."""
    heading = ("defect", "verdict", "found", "mean", "most", "wrong class", "twin", "alarms")
    lines = [heading, *(_cells(row) for row in rows)]
    found = sum(len(row.lengths) for row in rows)
    spent = sum(sum(row.lengths) for row in rows)
    return "\n".join(
        [
            "# SPDX-License-Identifier: Apache-2.0",
            f"# scripts/bench defects --seeds {seeds} --schedules {schedules} --write",
            f"# Schedules to the first finding, c11, by the portfolio of a hunt; {seeds} seeds, "
            f"{CAP:,} schedules each at most.",
            "",
            *columns_of(lines, left={0, 1, 5, 7}),
            "",
            f"{sum(row.is_good for row in rows)} of {len(rows)} defects with their verdict and "
            "nothing else",
            f"{found} of {seeds * len(rows)} searches found it, after {spent / max(found, 1):.1f} "
            "schedules on average",
            f"{sum(bool(row.wrong) for row in rows)} defects with a wrong class, "
            f"{sum(bool(row.alarms) for row in rows)} twins with a false alarm in "
            f"{sum(row.twin_runs for row in rows):,} schedules",
            "",
        ]
    )


def _cells(row: Row) -> tuple[str, ...]:
    lengths, defect = row.lengths, row.work.defect
    return (
        row.work.name,
        f"{defect.expected.kind} {defect.outcome}",
        f"{len(lengths)}/{row.work.seeds}",
        f"{sum(lengths) / len(lengths):,.1f}" if lengths else "-",
        f"{max(lengths):,}" if lengths else "-",
        ", ".join(row.wrong) or "-",
        f"{row.twin_runs:,}",
        ", ".join(row.alarms) or "-",
    )


def _measure_row(work: Work) -> Row:
    spec = find_target(TARGET)
    with Machine(build(spec)) as machine:
        searches = [_search(machine, work, seed) for seed in range(work.seeds)]
        case = case_of(spec, work.name + TWIN, faults=work.defect.faults)
        runs, alarms = 0, []
        for turn, strategy in enumerate(PORTFOLIO):
            share = work.schedules // len(PORTFOLIO) + (turn < work.schedules % len(PORTFOLIO))
            seeded = strategy.with_seed(derive_seed(0, 1, turn))
            totals = machine.batch(case, seeded, share, stop=False)
            runs += totals.runs
            alarms += [outcome.word for outcome in totals.outcomes if outcome is not Outcome.OK]
    return Row(
        work,
        lengths=tuple(length for length, _ in searches if length),
        wrong=tuple(sorted({word for _, words in searches for word in words})),
        twin_runs=runs,
        alarms=tuple(sorted(set(alarms))),
    )


def _search(machine: Machine, work: Work, seed: int) -> tuple[int, tuple[str, ...]]:
    """Schedules to the expected verdict, 0: not found; verdicts of another class."""
    case = case_of(machine.built.spec, work.name, faults=work.defect.faults)
    runs = 0
    wrong: list[str] = []
    for totals in turns(machine, case, seed=seed, cap=CAP):
        runs += totals.runs
        wrong += work.defect.wrong(totals)
        if work.defect.is_shown_by(totals):
            return runs, tuple(wrong)
    return 0, tuple(wrong)
