# SPDX-License-Identifier: Apache-2.0
"""Do we catch what we claim, soon, and is the shipped implementation clean over the same budget?"""

from __future__ import annotations

from pathlib import Path

import pytest

from detection.planted import BUDGET_SCHEDULES, batches, search, seed_of
from drainstorm.build import build
from drainstorm.case import Case, Operation
from drainstorm.machine import Machine
from drainstorm.result import Strategy, Totals
from drainstorm.spec import Bug, TargetSpec, find_target

SPEC = find_target(Path(__file__).parents[2] / "targets" / "blocklayer")
SEEDS = 5
RUNS_MOST = 60 * BUDGET_SCHEDULES  # per program, to meet the budget in schedules that count

every_bug = pytest.mark.parametrize("bug", SPEC.bugs, ids=lambda bug: bug.name)


@every_bug
def test_a_planted_bug_is_found_from_its_seed_program_with_its_rule(bug: Bug) -> None:
    program = seed_of(SPEC, bug)

    def is_found(batch: Totals) -> bool:
        return batch.first_fail is not None and batch.first_fail.judged == bug.judged

    with Machine(build(SPEC, bug=bug.name)) as machine:
        for seed in range(SEEDS):
            found = search(machine, program, seed, until=is_found)
            assert found.runs < BUDGET_SCHEDULES, f"not found with campaign seed {seed}"
            assert found.unknown == 0


@every_bug
def test_the_shipped_implementation_is_clean_over_the_budget_that_counts(bug: Bug) -> None:
    """Only schedules in which somebody waited for the lock count."""
    program = seed_of(SPEC, bug)
    totals = Totals()
    with Machine(build(SPEC)) as machine:
        for batch in batches(machine, program, seed=0):
            totals += batch
            assert totals.runs < RUNS_MOST, "too few of these schedules mean anything"
            if totals.failed or totals.marked_any >= BUDGET_SCHEDULES:
                break
    assert totals.first_fail is None
    assert totals.unknown == 0
    assert totals.marked_any >= BUDGET_SCHEDULES


def test_a_run_in_which_nobody_waits_for_the_lock_does_not_count(blocklayer: TargetSpec) -> None:
    """A hunt that counted these would call a lock clean that it has never tried."""
    code = blocklayer.operation_code
    co1 = blocklayer.actor_index("co1")
    nothing = Case("blocklayer", ())
    no_writer = Case(
        "blocklayer",
        (Operation(0, code("start"), 1, 0), Operation(co1, code("rdlock"))),
    )
    no_reader = Case("blocklayer", (Operation(0, code("wrlock")), Operation(0, code("wrunlock"))))
    with Machine(build(blocklayer)) as machine:
        for case in (nothing, no_writer, no_reader):
            assert machine.run(case, Strategy.replay()).marks == 0
            totals = machine.batch(case, Strategy.random(1), 500)
            assert (totals.runs, totals.marked_any) == (500, 0)


def test_both_marks_are_reached_from_the_seeds(blocklayer: TargetSpec) -> None:
    """Mark 0: a writer sleeps until a reader leaves. Mark 1: a reader found the writer."""
    case = seed_of(blocklayer, blocklayer.bug("kick-only-if-writer"))
    with Machine(build(blocklayer)) as machine:
        totals = search(machine, case, 0, until=lambda _: False)
    assert totals.marked[0] > 0
    assert totals.marked[1] > 0
