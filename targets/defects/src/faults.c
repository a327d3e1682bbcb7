/* SPDX-License-Identifier: Apache-2.0 */
/* What the processor or the C library ends: all of it ends one run, and no process. */
#include "defects.h"
#include "threads.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ null, zero, nowhere */

static int number = 5;
static _Atomic(int *) shared = NULL;
KEPT int taken;

static void *show(void *unused)
{
  atomic_store(&shared, &number);
  return unused;
}

static void *look(void *unused)
{
  taken = *atomic_load(&shared);
  return unused;
}

static void *look_if_there(void *unused)
{
  const int *at = atomic_load(&shared);

  taken = at ? *at : 0;
  return unused;
}

void null_before_it_is_set(void)
{
  run_two(show, look, NULL);
}

void null_before_it_is_set_fixed(void)
{
  run_two(show, look_if_there, NULL);
}

static void copy_from(const void *from)
{
  if (from) {
    memcpy(&taken, from, sizeof taken);
  }
}

static void *copy(void *unused)
{
  memcpy(&taken, atomic_load(&shared), sizeof taken);
  return unused;
}

static void *copy_if_there(void *unused)
{
  copy_from(atomic_load(&shared));
  return unused;
}

void copy_from_null(void)
{
  run_two(show, copy, NULL);
}

void copy_from_null_fixed(void)
{
  run_two(show, copy_if_there, NULL);
}

static void write_at(uintptr_t offset)
{
  static int cell;

  *(volatile int *)((uintptr_t)&cell + offset) = 1;
}

void pointer_to_nowhere(void)
{
  write_at((uintptr_t)1 << 44);
}

void pointer_to_nowhere_fixed(void)
{
  write_at(0);
}

static atomic_int sum, count;

static void *add_sample(void *unused)
{
  put(&sum, 10);
  put(&count, 1);
  return unused;
}

static void *average(void *unused)
{
  taken = get(&sum) / get(&count);
  return unused;
}

static void *average_of_some(void *unused)
{
  const int samples = get(&count);

  taken = samples ? get(&sum) / samples : 0;
  return unused;
}

void average_of_nothing(void)
{
  run_two(add_sample, average, NULL);
}

void average_of_nothing_fixed(void)
{
  run_two(add_sample, average_of_some, NULL);
}

/* ------------------------------------------------------------------ abort and assert */

static atomic_int state;

static void *advance(void *unused)
{
  put(&state, 1);
  put(&state, 2);
  return unused;
}

static void *expect_two_states(void *unused)
{
  if (get(&state) == 1) {
    abort();
  }
  return unused;
}

static void *expect_three_states(void *unused)
{
  const int seen = get(&state);

  if (seen < 0 || seen > 2) {
    abort();
  }
  return unused;
}

void state_that_nobody_expected(void)
{
  run_two(advance, expect_two_states, NULL);
}

void state_that_nobody_expected_fixed(void)
{
  run_two(advance, expect_three_states, NULL);
}

static void *check_state_twice(void *unused)
{
  assert(get(&state) == get(&state));
  return unused;
}

static void *check_state_once(void *unused)
{
  const int seen = get(&state);

  assert(seen == seen + 0);
  return unused;
}

void variable_read_twice(void)
{
  run_two(advance, check_state_twice, NULL);
}

void variable_read_twice_fixed(void)
{
  run_two(advance, check_state_once, NULL);
}

/* ------------------------------------------------------------------ no end */

static int depth_of(volatile const int *tree, int limit)
{
  volatile int frame[64];

  frame[0] = *tree;
  return frame[0] && limit ? 1 + depth_of(frame, limit - 1) : 0;
}

void recursion_without_end(void)
{
  taken = depth_of(&number, -1);
}

void recursion_without_end_fixed(void)
{
  taken = depth_of(&number, 20);
}

static void spin(volatile const int *until)
{
  while (*until == 0) {
  }
}

/* No visible operation: no other thread can run, and the watchdog ends it. */
void loop_without_a_visible_step(void)
{
  static int never;

  spin(&never);
}

void loop_without_a_visible_step_fixed(void)
{
  spin(&number);
}

static atomic_int stop;

static void *spin_visibly(void *unused)
{
  while (!get(&stop)) {
    sched_yield();
  }
  return unused;
}

static void *stop_it(void *unused)
{
  put(&stop, 1);
  return unused;
}

static void *stop_something_else(void *unused)
{
  put(&state, 1);
  return unused;
}

void loop_that_nobody_stops(void)
{
  run_two(spin_visibly, stop_something_else, NULL);
}

void loop_that_nobody_stops_fixed(void)
{
  run_two(spin_visibly, stop_it, NULL);
}

static atomic_int go;

static void *work_until_stopped(void *unused)
{
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

  while (!get(&stop)) {
    enter(&lock);
    leave(&lock);
    sched_yield();
  }
  return unused;
}

static void *stop_when_told(void *unused)
{
  while (!get(&go)) {
    sched_yield();
  }
  put(&stop, 1);
  return unused;
}

static void *tell_it(void *unused)
{
  put(&go, 1);
  return unused;
}

void one_waits_while_the_other_works_on(void)
{
  run_two(work_until_stopped, stop_when_told, NULL);
}

void one_waits_while_the_other_works_on_fixed(void)
{
  pthread_t third;

  pthread_create(&third, NULL, tell_it, NULL);
  run_two(work_until_stopped, stop_when_told, NULL);
  pthread_join(third, NULL);
}
