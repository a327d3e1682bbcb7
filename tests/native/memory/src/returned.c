/* SPDX-License-Identifier: Apache-2.0 */
/* Variables of functions that have returned, and of those that have not. */
#include "scenarios.h"
#include "threads.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

static volatile int *left_behind;
static atomic_int *atomic_left_behind;
static atomic_int stage, total;

/* Deep enough that the calls of whoever looks afterwards do not cover it. */
static __attribute__((noinline)) void leave_variable(void)
{
  volatile int local[64];

  for (int i = 0; i < 64; i++) {
    local[i] = i;
  }
  left_behind = &local[20];
}

static __attribute__((noinline)) void leave_atomic(void)
{
  atomic_int local[64];

  for (int i = 0; i < 64; i++) {
    atomic_store_explicit(&local[i], i, memory_order_relaxed);
  }
  atomic_left_behind = &local[20];
}

static void wait_for(int wanted)
{
  while (atomic_load(&stage) != wanted) {
    sched_yield();
  }
}

void use_after_return(void)
{
  leave_variable();
  *left_behind = 1;
}

void atomic_after_return(void)
{
  leave_atomic();
  atomic_fetch_add(atomic_left_behind, 1);
}

static void *leave_and_wait(void *unused)
{
  leave_variable();
  atomic_store(&stage, 1);
  wait_for(2);
  return unused;
}

void return_while_others_look(void)
{
  pthread_t other;

  atomic_store(&stage, 0);
  pthread_create(&other, NULL, leave_and_wait, NULL);
  wait_for(1);
  atomic_fetch_add(&total, *left_behind);
  atomic_store(&stage, 2);
  pthread_join(other, NULL);
}

static void *give_own_variable(void *unused)
{
  volatile int local = 1;

  left_behind = &local;
  return unused;
}

void use_after_thread(void)
{
  pthread_t other;

  pthread_create(&other, NULL, give_own_variable, NULL);
  pthread_join(other, NULL);
  atomic_fetch_add(&total, *left_behind);
}

/* ------------------------------------------------------------------ alive */

static void *count_to_here(void *variable)
{
  for (int i = 0; i < 4; i++) {
    atomic_fetch_add((atomic_int *)variable, 1);
  }
  return NULL;
}

static __attribute__((noinline)) void lend_a_variable(void)
{
  atomic_int local = 0;

  run_two_with(count_to_here, count_to_here, &local);
  atomic_fetch_add(&total, atomic_load(&local));
}

/* The same place of the stack for a new variable of each call, lent to new threads. */
void same_place_again(void)
{
  for (int i = 0; i < 3; i++) {
    lend_a_variable();
    leave_variable();
  }
}

static __attribute__((noinline)) int sum_below(volatile int *values, int depth)
{
  volatile int copy[16];

  for (int i = 0; i < 16; i++) {
    copy[i] = values[i] + 1;
  }
  return depth ? sum_below(copy, depth - 1) : copy[15];
}

/* Variables of all callers, from far below them; alone and while others look at the first. */
void deep_calls(void)
{
  volatile int first[16];

  memset((void *)first, 0, sizeof first);
  atomic_fetch_add(&total, sum_below(first, 20));
  lend_a_variable();
}

static void *end_a_thread(void *variable)
{
  *(volatile int *)variable += 1;
  pthread_exit(variable);
}

/* A thread that ends takes nothing of others with it. */
void thread_with_a_lent_variable(void)
{
  volatile int local = 1;
  pthread_t other;

  pthread_create(&other, NULL, end_a_thread, (void *)&local);
  pthread_join(other, NULL);
  atomic_fetch_add(&total, local);
}
