/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SafeStack: Vyukov's lock-free stack of cells that are handed out by index. It takes a cell by
 * exchanging its link with -1, so that nobody else can take it, before it moves the head, and never
 * takes the last one. It was long believed safe from ABA; it is not: with three threads and at
 * least five preemptions a stale link comes back and two threads own one cell.
 *
 * Two rounds for each thread are enough; with three, a random schedule hits it about three times
 * as often (once in 140,000 by POS). Price: some 100 scheduling points a run.
 *
 * Source: D. Vyukov, "Bug with a context switch bound 5", CHESS forum, 2010.
 */
#include "classics.h"
#include "crew.h"

#include <assert.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>

enum { CELLS = 3, THREADS = 3, ROUNDS = 3, TRIES_MAX = 4, NO_CELL = -1 };

static atomic_int head, count = CELLS;
static atomic_int link_of[CELLS] = {1, 2, NO_CELL};
static atomic_int owner_of[CELLS]; /* thread that has it */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int names[THREADS] = {1, 2, 3};
static bool locked; /* the repair: one at a time */

/* A cell, or NO_CELL: nearly empty, or others were in the way too often. */
static int pop(void)
{
  for (int i = 0; i < TRIES_MAX && atomic_load(&count) > 1; i++) {
    int old = atomic_load(&head);
    const int next = atomic_exchange(&link_of[old], NO_CELL);
    if (next < 0) {
      continue; /* somebody is taking it */
    }
    const int cell = old;
    if (atomic_compare_exchange_strong(&head, &old, next)) {
      atomic_fetch_sub(&count, 1);
      return cell;
    }
    atomic_exchange(&link_of[cell], next);
  }
  return NO_CELL;
}

static void push(int cell)
{
  int old = atomic_load(&head);

  do {
    atomic_store(&link_of[cell], old);
  } while (!atomic_compare_exchange_strong(&head, &old, cell));
  atomic_fetch_add(&count, 1);
}

static int pop_guarded(void)
{
  if (!locked) {
    return pop();
  }
  pthread_mutex_lock(&lock);
  const int cell = pop();
  pthread_mutex_unlock(&lock);
  return cell;
}

static void push_guarded(int cell)
{
  if (!locked) {
    push(cell);
    return;
  }
  pthread_mutex_lock(&lock);
  push(cell);
  pthread_mutex_unlock(&lock);
}

static void *take_and_return(void *argument)
{
  const int me = *(const int *)argument;

  for (int i = 0; i < ROUNDS; i++) {
    const int cell = pop_guarded();
    if (cell == NO_CELL) {
      continue;
    }
    put(&owner_of[cell], me);
    assert(get(&owner_of[cell]) == me);
    push_guarded(cell);
  }
  return NULL;
}

static void share_cells(bool guarded)
{
  crew c = {.count = 0};

  locked = guarded;
  for (int i = 0; i < THREADS; i++) {
    crew_start(&c, 1, take_and_return, &names[i]);
  }
  crew_join(&c);
}

void safe_stack(void)
{
  share_cells(false);
}

void safe_stack_fixed(void)
{
  share_cells(true);
}
