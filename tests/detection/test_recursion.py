# SPDX-License-Identifier: Apache-2.0
"""Why is the read lock never taken recursively, and does the driver see to it?

The inner section finds the flag of a writer that has just come, and sleeps until the writer is
done; the writer waits for the outer section. Whether that is for ever depends on the writer: ours
wakes the queue when it goes back to polling, the first published form does not. The API promises
neither, so the driver lets no program depend on it, and the lock aborts, writer or no writer.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from detection.planted import patched_copy, search
from drainstorm import text
from drainstorm.build import build
from drainstorm.case import Case
from drainstorm.machine import Machine
from drainstorm.result import Run, Strategy, Totals
from drainstorm.spec import TargetSpec
from drainstorm.verdict import Outcome

PATCHES = Path(__file__).parent / "recursion"
ALLOWED = PATCHES / "driver-lets-it-happen.patch"
UNCHECKED = PATCHES / "nobody-looks.patch"
SILENT = PATCHES / "writer-goes-back-in-silence.patch"
PROGRAM = """\
case v1
target blocklayer
program
  main  create_context
  main  start co1 ctx1
  main  wrlock
  main  wrunlock
  co1   rdlock
  co1   rdlock  # inside already
  co1   rdunlock
"""

Search = Callable[[TargetSpec], tuple[Totals, Run | None]]


@pytest.fixture
def case(blocklayer: TargetSpec) -> Case:
    return text.parse(PROGRAM, blocklayer, path="recursion")


def hunt(spec: TargetSpec, case: Case) -> tuple[Totals, Run | None]:
    """Search, and repeat the first failing run with its report."""
    with Machine(build(spec)) as machine:
        totals = search(machine, case, 0, until=lambda batch: batch.first_fail is not None)
        strategy = totals.first_fail_strategy
        return totals, machine.run(case, strategy, trace=True) if strategy else None


def test_the_driver_skips_it(blocklayer: TargetSpec, case: Case) -> None:
    with Machine(build(blocklayer)) as machine:
        run = machine.run(case, Strategy.replay(), trace=True)
    code = blocklayer.operation_code("rdlock")
    taken = [event for event in run.events if event.kind in ("operation", "skip")]
    locks = [event.kind for event in taken if event.value & 0xFF == code and event.actor]
    assert locks == ["operation", "operation", "skip"]
    assert run.ops_skipped == 1
    assert str(run.verdict) == "PASS"


def test_with_it_the_lock_aborts_under_every_schedule(
    blocklayer: TargetSpec, case: Case, tmp_path: Path
) -> None:
    with Machine(build(patched_copy(blocklayer, tmp_path, ALLOWED))) as machine:
        totals = machine.batch(case, Strategy.random(1), 100)
    assert totals.first_fail is not None
    assert totals.first_fail.site == "reader_begins:!self->holds_graph_rdlock"
    assert totals.failed == totals.runs


def test_with_it_a_writer_that_comes_in_between_waits_for_ever(
    blocklayer: TargetSpec, case: Case, tmp_path: Path
) -> None:
    totals, run = hunt(patched_copy(blocklayer, tmp_path, ALLOWED, UNCHECKED, SILENT), case)
    assert run is not None, f"no deadlock in {totals.runs} schedules"
    assert run.verdict.outcome is Outcome.DEADLOCK
    waiting = {waiter.task or f"T{waiter.thread}": waiter for waiter in run.waiters}
    assert waiting["T0"].kind == "poll"  # the writer, for the outer section
    assert waiting["co1"].holder == 0  # the inner one, for the writer


def test_without_it_the_same_writer_is_clean(
    blocklayer: TargetSpec, case: Case, tmp_path: Path
) -> None:
    totals, run = hunt(patched_copy(blocklayer, tmp_path, UNCHECKED, SILENT), case)
    assert run is None
    assert totals.marked_any > 0


def test_our_own_writer_survives_it(blocklayer: TargetSpec, case: Case, tmp_path: Path) -> None:
    totals, run = hunt(patched_copy(blocklayer, tmp_path, ALLOWED, UNCHECKED), case)
    assert run is None, run and run.verdict
    assert totals.marked_any > 0
