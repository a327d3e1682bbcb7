/* SPDX-License-Identifier: Apache-2.0 */
/* Variables of functions that have returned. */
#include "defects.h"
#include "threads.h"

/* So large that the calls of whoever looks later do not cover all of it. */
enum { LARGE = 64, SOMEWHERE = 20 };

KEPT int taken;
static atomic_int is_started;

/* ------------------------------------------------------------------ given to a thread */

static void *take(void *at)
{
  taken = *(volatile int *)at;
  return NULL;
}

static __attribute__((noinline)) pthread_t start_with_a_variable(int waits)
{
  volatile int order[LARGE];

  order[SOMEWHERE] = 7;
  const pthread_t taker = run_beside(take, (void *)(size_t)&order[SOMEWHERE]);
  atomic_store(&is_started, 1);
  if (waits) {
    pthread_join(taker, NULL);
  }
  return taker;
}

void variable_gone_before_its_reader(void)
{
  pthread_join(start_with_a_variable(0), NULL);
}

void variable_gone_before_its_reader_fixed(void)
{
  start_with_a_variable(1);
}

/* ------------------------------------------------------------------ returned */

static __attribute__((noinline)) volatile int *find(int keeps)
{
  static volatile int kept[LARGE];
  volatile int local[LARGE];
  volatile int *volatile found = keeps ? kept : local;

  found[SOMEWHERE] = 7;
  return &found[SOMEWHERE];
}

void address_of_a_local_returned(void)
{
  taken = *find(0);
}

void address_of_a_local_returned_fixed(void)
{
  taken = *find(1);
}
