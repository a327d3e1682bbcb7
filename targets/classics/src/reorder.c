/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reorder_N: many setters store a = 1, then b = -1; a checker must see both stores or neither, and
 * looks again where it has seen the second one alone.
 * A setter that is held between its two stores while the checker looks is enough, but any other
 * setter that has already come through hides it: the more setters, the rarer for a random
 * scheduler.
 */
#include "classics.h"
#include "crew.h"

#include <assert.h>
#include <stddef.h>

static atomic_int a, b;
static pthread_mutex_t pair = PTHREAD_MUTEX_INITIALIZER;

static void *set(void *unused)
{
  put(&a, 1);
  put(&b, -1);
  return unused;
}

static void *check(void *unused)
{
  assert((get(&a) == 0 && get(&b) == 0) || (get(&a) == 1 && get(&b) == -1));
  return unused;
}

static void *set_locked(void *unused)
{
  pthread_mutex_lock(&pair);
  set(NULL);
  pthread_mutex_unlock(&pair);
  return unused;
}

static void *check_locked(void *unused)
{
  pthread_mutex_lock(&pair);
  check(NULL);
  pthread_mutex_unlock(&pair);
  return unused;
}

static void reorder(int setters, int checkers)
{
  crew c = {.count = 0};

  crew_start(&c, setters, set, NULL);
  crew_start(&c, checkers, check, NULL);
  crew_join(&c);
}

static void reorder_locked(int setters, int checkers)
{
  crew c = {.count = 0};

  crew_start(&c, setters, set_locked, NULL);
  crew_start(&c, checkers, check_locked, NULL);
  crew_join(&c);
}

void reorder_3(void)
{
  reorder(2, 1);
}

void reorder_3_fixed(void)
{
  reorder_locked(2, 1);
}

void reorder_4(void)
{
  reorder(3, 1);
}

void reorder_5(void)
{
  reorder(4, 1);
}

void reorder_10(void)
{
  reorder(9, 1);
}

void reorder_20(void)
{
  reorder(10, 10);
}

void reorder_50(void)
{
  reorder(40, 10);
}

void reorder_100(void)
{
  reorder(99, 1);
}

void reorder_100_fixed(void)
{
  reorder_locked(99, 1);
}
