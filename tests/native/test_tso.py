# SPDX-License-Identifier: Apache-2.0
"""Under tso: does everybody see of a store that is still in a buffer what x86 shows him?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from drainstorm.build import build
from drainstorm.case import CHECKS_DEFAULT, Case, Limits, Operation
from drainstorm.machine import Machine, Strategy
from drainstorm.verdict import Outcome
from support.tiny import DRIVER, tiny_target

RUNS: Final = 2000
HEAD: Final = """
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
void ds_observe(unsigned long value);
_Atomic int x, y, go;
static void set(_Atomic int *at, int value)
{
  atomic_store_explicit(at, value, memory_order_relaxed);
}
static int get(_Atomic int *at)
{
  return atomic_load_explicit(at, memory_order_relaxed);
}
static __attribute__((unused)) void *nothing(void *unused)
{
  get(&y);
  return unused;
}
static void beside(void *(*other)(void *), void (*self)(void))
{
  pthread_t t;
  pthread_create(&t, NULL, other, NULL);
  self();
  pthread_join(t, NULL);
}
"""


def observed(
    folder: Path, source: str, model: str, driver: str = DRIVER, *, volatile: bool = False
) -> Mapping[int, int]:
    checks = (*CHECKS_DEFAULT, "volatile") if volatile else CHECKS_DEFAULT
    case = Case("tiny", (Operation(0, 1),), limits=Limits(model=model, checks=checks))
    with Machine(build(tiny_target(folder, HEAD + source, driver=driver))) as machine:
        totals = machine.batch(case, Strategy.random(1), RUNS, stop=False, twice=True)
    assert totals.first_fail is None, totals.first_fail
    assert totals.outcomes.keys() == {Outcome.OK}
    return totals.observed


DRIVER_THAT_READS: Final = """
#include <stdatomic.h>
extern _Atomic int x, y;
static int newest, seen_late;
void rule_written(int value)
{
  newest = atomic_load_explicit(&x, memory_order_relaxed);
  DS_CHECK(newest == value, "R1", "newest", "the driver reads %d", newest);
}
void rule_read(int value)
{
  int now = atomic_load_explicit(&x, memory_order_relaxed);
  DS_CHECK(now == newest, "R1", "newest", "the driver reads %d", now);
  seen_late |= value != now;
}
"""
WRITES: Final = """
void rule_written(int), rule_read(int);
static void *look(void *unused)
{
  rule_read(get(&x));
  return unused;
}
static void write_two(void)
{
  set(&x, 1);
  rule_written(1);
  get(&y);
  set(&x, 2);
  rule_written(2);
  get(&y);
}
void work(void)
{
  beside(look, write_two);
}
"""


@pytest.mark.parametrize("model", ["sc", "tso", "c11"])
def test_a_driver_reads_the_newest_store_while_others_may_not_see_it(
    tmp_path: Path, model: str
) -> None:
    driver = DRIVER.replace(
        "    work();", "    work();\n    ds_observe((uint64_t)seen_late);"
    ).replace("void work(void);", DRIVER_THAT_READS + "void work(void);")
    shown = observed(tmp_path, WRITES, model, driver)
    assert (1 in shown) == (model != "sc")


REUSED: Final = """
static void write_and_begin_again(void)
{
  set(&x, 1);
  atomic_init(&x, 7); /* a plain store */
  get(&y);
}
void work(void)
{
  beside(nothing, write_and_begin_again);
  ds_observe((unsigned long)get(&x));
}
"""
COPIED: Final = """
static void grow(void)
{
  _Atomic int *block = malloc(sizeof *block);
  atomic_init(block, 0);
  set(block, 1);
  block = realloc(block, 4 * sizeof *block);
  ds_observe((unsigned long)get(block));
  free(block);
}
void work(void)
{
  beside(nothing, grow);
}
"""
HALVES: Final = """
static union {
  _Atomic unsigned long both;
  _Atomic unsigned half[2];
} word;
static void *one(void *unused)
{
  atomic_store_explicit(&word.half[0], 1, memory_order_relaxed);
  get(&y);
  return unused;
}
static void other(void)
{
  atomic_store_explicit(&word.half[1], 2, memory_order_relaxed);
  get(&y);
}
void work(void)
{
  beside(one, other);
  ds_observe(atomic_load_explicit(&word.both, memory_order_relaxed));
}
"""
OVERWRITTEN: Final = """
static void *one(void *unused)
{
  set(&x, 1);
  get(&y);
  set(&x, 2);
  return unused;
}
static void other(void)
{
  atomic_fetch_add(&x, 8);
}
void work(void)
{
  beside(one, other);
  ds_observe((unsigned long)get(&x)); /* never 1: stores of a thread keep their order */
}
"""
SPINS: Final = """
static void *raise(void *unused)
{
  set(&go, 1);
  for (int i = 0; i < 20; i++) {
    get(&y);
  }
  return unused;
}
static void wait(void)
{
  while (!get(&go)) {
  }
}
void work(void)
{
  beside(raise, wait);
  ds_observe(1);
}
"""
LEFT: Final = """
__attribute__((noinline)) static void set_its_own(void)
{
  _Atomic int own;
  set(&own, 0x41414141);
  __asm__ volatile("" ::"r"(&own) : "memory");
}
__attribute__((noinline)) static int sum(void)
{
  volatile int over_it[16] = {0};
  int all = get(&y);
  for (int i = 0; i < 16; i++) {
    all |= over_it[i];
  }
  return all;
}
static void call_both(void)
{
  set_its_own();
  ds_observe((unsigned long)sum() + 1);
  get(&y);
}
void work(void)
{
  beside(nothing, call_both);
}
"""


@pytest.mark.parametrize(
    ("source", "allowed"),
    [
        pytest.param(REUSED, {7}, id="initialised again"),
        pytest.param(COPIED, {1}, id="copied by realloc"),
        pytest.param(HALVES, {1 + (2 << 32)}, id="two halves of a word"),
        pytest.param(OVERWRITTEN, {2, 10}, id="beside a locked operation"),
        pytest.param(SPINS, {1}, id="a loop waits for it"),
        pytest.param(LEFT, {1}, id="of a function that has returned"),
    ],
)
def test_a_store_in_a_buffer_is_neither_lost_nor_late_for_its_own_thread(
    tmp_path: Path, source: str, allowed: set[int]
) -> None:
    assert observed(tmp_path, source, "tso").keys() == allowed


PLAIN_IN_BETWEEN: Final = """
static volatile int one, another;
static int counter, other_counter, seen, seen_by_other;
static void *other(void *unused)
{
  another = 1;
  other_counter++;
  seen_by_other = one;
  return unused;
}
static void self(void)
{
  one = 1;
  counter++;
  seen = another;
}
void work(void)
{
  beside(other, self);
  ds_observe(1 + (unsigned)seen + 2 * (unsigned)seen_by_other);
}
"""


@pytest.mark.parametrize(("model", "allowed"), [("sc", {2, 3, 4}), ("tso", {1, 2, 3, 4})])
def test_a_plain_access_does_not_empty_the_buffer(
    tmp_path: Path, model: str, allowed: set[int]
) -> None:
    assert observed(tmp_path, PLAIN_IN_BETWEEN, model, volatile=True).keys() == allowed
