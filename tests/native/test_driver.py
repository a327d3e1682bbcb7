# SPDX-License-Identifier: Apache-2.0
"""Does the machine do with what a driver and its target tell it what driver.h says?

Stacks that the target switches itself, logical tasks on them and parked ones, ghost state.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from drainstorm.build import build
from drainstorm.case import Case, Operation
from drainstorm.machine import Machine
from drainstorm.replay import replay
from drainstorm.result import Run, Strategy
from drainstorm.verdict import Outcome
from support.tiny import SIDE_BY_SIDE, tiny_target

GO = Case("tiny", (Operation(0, 1),))

STACKS = r"""
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>

enum { BYTES = 16384 };

char *make_stack(void)
{
  const int access = PROT_READ | PROT_WRITE, kind = MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK;
  return mmap(NULL, BYTES, access, kind, -1, 0);
}

/* Run the body on another stack; frame pointers lead back to this one. */
__attribute__((noinline)) void call_on(char *stack, void (*body)(void))
{
  __asm__ volatile("movq %%rsp, %%rbx\n\tmovq %0, %%rsp\n\tcall *%1\n\tmovq %%rbx, %%rsp"
                   :
                   : "r"(stack + BYTES), "r"(body)
                   : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "cc",
                     "memory");
}

static volatile int never;
static int dive(volatile int *above)
{
  volatile int frame[100];
  frame[0] = *above;
  return never ? 0 : dive(frame) + 1;
}

void dive_deep(void)
{
  volatile int start = 1;
  dive(&start);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int steps;

void take_lock(void)
{
  pthread_mutex_lock(&lock);
}

void make_a_step(void)
{
  atomic_fetch_add(&steps, 1);
}
"""

DECLARED = r"""
#include "driver.h"
#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>
char *make_stack(void);
void call_on(char *stack, void (*body)(void));
void dive_deep(void);
void take_lock(void);
void make_a_step(void);
int ds_driver_idle(void) { return DS_IDLE_STUCK; }
"""


def run(folder: Path, driver: str, source: str = STACKS) -> Run:
    """Two runs of the target, which are the same; the second is returned."""
    with Machine(build(tiny_target(folder, source, driver=DECLARED + driver))) as machine:
        first = machine.run(GO, Strategy.replay(), trace=True)
        second = machine.run(GO, Strategy.replay(), trace=True)
        assert first.verdict == second.verdict
        return second


def test_a_stack_that_the_target_switches_has_a_guard_page(tmp_path: Path) -> None:
    verdict = run(tmp_path, "void ds_driver_main(void) { call_on(make_stack(), dive_deep); }")

    assert verdict.verdict.outcome is Outcome.STACK
    assert verdict.verdict.site == "dive"


def test_a_stack_that_was_given_back_is_freed_memory(tmp_path: Path) -> None:
    source = STACKS + "void look(char *at) { *(volatile char *)at = 1; }\n"
    driver = """
void look(char *at);
void ds_driver_main(void)
{
  char *stack = make_stack();
  call_on(stack, make_a_step);
  look(stack + 16384 - 16);
  munmap(stack, 16384);
  look(stack + 16384 - 16);
}
"""
    verdict = run(tmp_path, driver, source).verdict
    assert (verdict.outcome, verdict.site) == (Outcome.USE_AFTER_FREE, "look")


TASKS = """
static unsigned parked, running;
static void rest(void) { ds_task_bind_stack(parked); make_a_step(); }
static void block(void) { ds_task_bind_stack(running); take_lock(); }
static void *on_a_thread(void *unused) { call_on(make_stack(), block); return unused; }
void ds_driver_main(void)
{
  pthread_t thread;
  parked = ds_task_create("co", 1);
  running = ds_task_create("co", 2);
  call_on(make_stack(), rest);
  ds_task_waits(parked, "its turn", running, -1);
  take_lock();
  pthread_create(&thread, NULL, on_a_thread, NULL);
  pthread_join(thread, NULL);
}
"""


def test_a_deadlock_names_the_task_on_a_stack_and_the_parked_one(tmp_path: Path) -> None:
    found = run(tmp_path, TASKS)
    waiting = {waiter.task or f"T{waiter.thread}": waiter for waiter in found.waiters}

    assert found.verdict.outcome is Outcome.DEADLOCK
    assert set(waiting) == {"T0", "co1", "co2"}
    assert (waiting["co2"].thread, waiting["co2"].kind, waiting["co2"].holder) == (1, "lock", 0)
    assert (waiting["co1"].thread, waiting["co1"].text) == (-1, "its turn")
    assert waiting["co1"].holder_task == "co2"


HOLDERS = """
static unsigned one, other, third, holders;
static unsigned next_holder(unsigned after, void *mask)
{
  for (unsigned task = after + 1; task <= third; task++) {
    if (*(unsigned *)mask >> task & 1) {
      return task;
    }
  }
  return 0;
}
static void *stand(void *unused) { take_lock(); return unused; }
void ds_driver_main(void)
{
  pthread_t thread;
  one = ds_task_create("co", 1);
  other = ds_task_create("co", 2);
  third = ds_task_create("co", 3);
  holders = 1u << one;
  ds_task_waits(other, "its turn", 0, -1);
  ds_task_holders(other, next_holder, &holders);
  ds_thread_waits("those who hold it");
  ds_task_holders(0, next_holder, &holders);
  take_lock();
  pthread_create(&thread, NULL, stand, NULL);
  holders = 1u << third | 1u << one;
  %s
  pthread_join(thread, NULL);
}
"""


def test_holders_are_asked_for_when_the_report_is_made(tmp_path: Path) -> None:
    waiting = {
        waiter.task or f"T{waiter.thread}": waiter for waiter in run(tmp_path, HOLDERS % "").waiters
    }

    assert waiting["co2"].holders == waiting["T0"].holders == ("co1", "co3")
    assert (waiting["T0"].text, waiting["T0"].kind) == ("those who hold it", "join")
    assert (waiting["T1"].holder, waiting["T1"].holders) == (0, ())


def test_what_a_thread_is_said_to_wait_for_is_no_part_of_a_deadlocks_name(tmp_path: Path) -> None:
    silent = (HOLDERS % "").replace('ds_thread_waits("those who hold it");', "")
    for folder in ("said", "silent"):
        (tmp_path / folder).mkdir()
    said = run(tmp_path / "said", HOLDERS % "").verdict

    assert said == run(tmp_path / "silent", silent).verdict
    assert said.outcome is Outcome.DEADLOCK


def test_a_new_wait_forgets_who_was_said_to_hold_the_old_one(tmp_path: Path) -> None:
    again = 'ds_task_waits(other, "its turn", third, -1); ds_thread_waits(NULL);'
    waiting = {
        waiter.task or f"T{waiter.thread}": waiter
        for waiter in run(tmp_path, HOLDERS % again).waiters
    }

    assert (waiting["co2"].holder_task, waiting["co2"].holders) == ("co3", ())
    assert (waiting["T0"].text, waiting["T0"].holders) == ("", ())


@pytest.mark.parametrize(
    ("says", "holders"),
    [
        pytest.param("", ("co1", "co1", "co3"), id="nothing"),
        pytest.param('ds_task_waits(one, "it", third, -1);', ("co3",), id="whom it waits for"),
    ],
)
def test_what_a_task_says_counts_before_what_its_thread_says(
    tmp_path: Path, says: str, holders: tuple[str, ...]
) -> None:
    waiters = run(tmp_path, HOLDERS % f"ds_task_enter(one); {says}").waiters
    (on_thread,) = [waiter for waiter in waiters if waiter.thread == 0]

    assert on_thread.task == "co1"
    assert (on_thread.holder_task, *on_thread.holders) == holders


def test_a_rule_that_somebody_sleeps_tells_only_who_does(tmp_path: Path) -> None:
    let_it_block = "ds_uninterrupted(false); make_a_step(); make_a_step(); make_a_step();"
    judged = f'{let_it_block} ds_show_sleepers(); ds_fail("R1", "asleep", "it sleeps");'
    spec = tiny_target(tmp_path, STACKS, driver=DECLARED + HOLDERS % judged)
    with Machine(build(spec)) as machine:
        runs = [machine.run(GO, Strategy.random(seed)) for seed in range(50)]

    assert {run.verdict.rule for run in runs} == {"R1"}
    seen = {tuple(waiter.task or f"T{waiter.thread}" for waiter in run.waiters) for run in runs}
    assert seen == {("co2",), ("T1", "co2")}  # T1 has come to the lock, or not yet
    assert {run.runnable for run in runs} == {1, 2}


def test_a_stack_is_walked_from_a_switched_one_to_the_threads_own(tmp_path: Path) -> None:
    with Machine(build(tiny_target(tmp_path, STACKS, driver=DECLARED + TASKS))) as machine:
        waiters = machine.run(GO, Strategy.replay()).waiters
        stack = next(waiter.stack for waiter in waiters if waiter.task == "co2")
        functions = [machine.symbols[pc].function for pc in stack]

    assert functions == ["take_lock", "block", "call_on", "on_a_thread"]


def test_the_report_says_where_a_parked_task_was_last_seen(tmp_path: Path) -> None:
    spec = tiny_target(tmp_path, STACKS, driver=DECLARED + TASKS)
    report = replay(GO, spec, bug="").lines(Path("x.case"), width=100)

    at = report.index("  co1 waits for its turn, held by co2")
    assert report[at + 1].startswith("     last seen at make_a_step:")
    assert any("fetch" in line or "update steps 0 -> 1" in line for line in report)


GHOSTS = """
static int ghost;
static void *work(void *unused)
{
  for (int i = 0; i < 100; i++) { ghost++; }
  make_a_step();
  return unused;
}
void ds_driver_main(void)
{
  side_by_side(work, work, NULL);
  DS_CHECK(ghost == 200, "R1", "ghost", "%d", ghost);
}
"""


def test_ghost_state_is_no_race_and_offers_no_choice(tmp_path: Path) -> None:
    driver = DECLARED + SIDE_BY_SIDE + GHOSTS
    with Machine(build(tiny_target(tmp_path, STACKS, driver=driver))) as machine:
        totals = machine.batch(GO, Strategy.random(1), 500, stop=False)
        assert totals.passed == 500
        assert machine.races() == ()
        assert totals.steps < 500 * 15  # 200 additions of both threads are none of them


IDLE = """
#include <poll.h>
static bool asked;
void ds_driver_main(void)
{
  struct pollfd none = {.fd = -1};
  const int answer = poll(&none, 1, -1);
  DS_CHECK(answer == -1 && asked, "R1", "interrupted", "%d", answer);
}
"""


@pytest.mark.parametrize(("answer", "verdict"), [("0", "PASS"), ("DS_IDLE_STUCK", "FAIL")])
def test_an_end_condition_wakes_nobody_but_whom_the_driver_names(
    tmp_path: Path, answer: str, verdict: str
) -> None:
    driver = DECLARED.replace("int ds_driver_idle(void) { return DS_IDLE_STUCK; }", "")
    idle = f"int ds_driver_idle(void) {{ asked = true; return {answer}; }}\n"
    with Machine(build(tiny_target(tmp_path, STACKS, driver=driver + IDLE + idle))) as machine:
        assert machine.run(GO, Strategy.replay()).verdict.kind == verdict
