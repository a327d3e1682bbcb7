# SPDX-License-Identifier: Apache-2.0
"""Does the report of a run that cannot go on say who waits for whom, and whose fault that is?"""

from __future__ import annotations

import re
from pathlib import Path

from drainstorm import text
from drainstorm.build import build
from drainstorm.case import Case, Operation
from drainstorm.machine import Machine
from drainstorm.replay import replay
from drainstorm.result import Strategy, Waiter
from drainstorm.spec import TargetSpec
from drainstorm.waiting import cycles, waiter_lines
from support.tiny import tiny_target

CORPUS = Path(__file__).parents[2] / "corpus" / "regressions" / "blocklayer"
THREE_AND_TWO = """
#include <pthread.h>
#include <stdint.h>
static pthread_mutex_t forks[3] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
                                   PTHREAD_MUTEX_INITIALIZER};
static void *eat(void *seat)
{
  int i = (int)(intptr_t)seat;
  pthread_mutex_lock(&forks[i]);
  pthread_mutex_lock(&forks[(i + 1) % 3]);
  pthread_mutex_unlock(&forks[(i + 1) % 3]);
  pthread_mutex_unlock(&forks[i]);
  return 0;
}
static void *look(void *unused)
{
  pthread_mutex_lock(&forks[0]);
  pthread_mutex_unlock(&forks[0]);
  return unused;
}
void work(void)
{
  pthread_t threads[5];
  for (int i = 0; i < 5; i++) {
    pthread_create(&threads[i], 0, i < 3 ? eat : look, (void *)(intptr_t)i);
  }
  for (int i = 0; i < 5; i++) {
    pthread_join(threads[i], 0);
  }
}
"""


def waits(
    thread: int,
    holder: int = -1,
    *,
    task: str = "",
    held_by: str = "",
    text: str = "",
    object: str = "m",
) -> Waiter:
    return Waiter(thread, task, "lock", object, text, holder, held_by, ())


def test_who_waits_for_what_and_who_holds_it() -> None:
    waiter = Waiter(1, "co1", "lock", "m", "", 2, "", (16, 32))
    lines = waiter_lines([waiter], {16: "lock_it:3", 32: "outer:9"})
    assert lines == [
        "Nothing can run",
        "  T1 (co1) waits for lock m, held by T2",
        "     in lock_it:3 < outer:9",
    ]


def test_a_cycle_is_told_with_its_things_before_those_who_only_stand_by() -> None:
    waiters = [waits(0), waits(1, 2, object="b"), waits(2, 1, object="a"), waits(3, 1, object="a")]
    assert waiter_lines(waiters, {}) == [
        "Nothing can run",
        "  cycle: T1 -[lock b]-> T2 -[lock a]-> T1",
        "  T1 waits for lock b, held by T2",
        "  T2 waits for lock a, held by T1",
        "  not in a cycle:",
        "  T0 waits for lock m",
        "  T3 waits for lock a, held by T1",
    ]


def test_a_cycle_goes_through_parked_tasks_and_threads() -> None:
    waiters = [
        waits(0, held_by="co2", text="the readers"),
        waits(-1, task="co1", held_by="co2", text="its holder"),
        waits(-1, 0, task="co2", text="the writer"),
    ]
    assert waiter_lines(waiters, {})[1] == "  cycle: T0 -[the readers]-> co2 -[the writer]-> T0"


def test_two_cycles_are_two_and_a_chain_is_none() -> None:
    waiters = [waits(0, 1), waits(1, 0), waits(2, 3), waits(3, 2), waits(4, 3), waits(5, 4)]
    found = [[waiter.thread for waiter in cycle] for cycle in cycles(waiters)]
    assert found == [[0, 1], [2, 3]]
    assert not list(cycles(waiters[2:3] + waiters[4:]))


def test_a_cycle_of_three_is_told_apart_from_the_two_who_queue_behind_it(tmp_path: Path) -> None:
    spec = tiny_target(tmp_path, THREE_AND_TWO)
    case = Case("tiny", (Operation(0, 1),))
    with Machine(build(spec)) as machine:
        for seed in range(10_000):
            run = machine.run(case, Strategy.random(seed), record=True)
            if len(run.waiters) == 6:  # main, who joins, too
                break
    report = replay(Case("tiny", case.program, run.deviations), spec, bug="").lines(
        Path("x.case"), width=100
    )
    cycle = next(line for line in report if line.startswith("  cycle: "))
    arrows = " -> ".join(re.findall(r"T\d", cycle))
    assert arrows == "T1 -> T2 -> T3 -> T1"
    assert re.findall(r"-\[(.+?)\]->", cycle) == [
        "lock forks+40",
        "lock forks+80",
        "lock forks",
    ]
    beside = report.index("  not in a cycle:")
    threads = [
        (at > beside, line.split()[0]) for at, line in enumerate(report) if " waits for " in line
    ]
    assert [who for late, who in threads if not late] == ["T1", "T2", "T3"]
    assert [who for late, who in threads if late] == ["T0", "T4", "T5"]


def test_all_who_hold_it_are_told_and_each_may_close_a_cycle() -> None:
    writer = Waiter(0, "", "poll", "", "its readers", -1, "co1", (), ("co1", "co3"), 2)
    waiters = [writer, waits(-1, task="co2"), waits(-1, 0, task="co3", text="the writer")]
    lines = waiter_lines(waiters, {})
    assert lines[1] == "  cycle: T0 -[its readers]-> co3 -[the writer]-> T0"
    assert lines[2] == "  T0 waits for its readers, held by co1, co3, 2 more"


def report_of(name: str, spec: TargetSpec) -> list[str]:
    path = CORPUS / f"{name}.case"
    case = text.parse(path.read_text(), spec, path=path)
    return replay(case, spec, bug=case.bug).lines(path, width=120)


def test_a_holder_that_came_after_its_waiter_and_a_writers_readers_are_named(
    blocklayer: TargetSpec,
) -> None:
    report = report_of("reader-sleeps-behind-a-waiting-writer", blocklayer)
    assert "  T0 waits for bdrv_graph_wrlock: its readers, held by co1" in report
    assert "  co1 waits for qemu_co_mutex_lock: its holder, held by co2" in report
    cycle = report[report.index("Nothing can run") + 1]
    assert re.sub(r"-\[.+?\]->", "->", cycle) == "  cycle: T0 -> co1 -> co2 -> T0"


def test_a_rule_that_is_judged_while_others_run_tells_who_sleeps_and_only_those(
    blocklayer: TargetSpec,
) -> None:
    report = report_of("two-upgrades-wait-for-each-other", blocklayer)
    assert "co1 waits for rwlock0, but nobody is in its way" in report[2]
    at = report.index("Waiting, while something else can run")
    assert report[at + 1] == "  co1 waits for qemu_co_rwlock_upgrade: its owners"  # who has none
    assert report[at + 2].startswith("     in coroutine_leave:")
    assert report[at + 3] == ""
