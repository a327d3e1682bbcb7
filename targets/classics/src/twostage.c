/* SPDX-License-Identifier: Apache-2.0 */
/*
 * twostage_N: every access is under a lock, and there is still a bug: a writer updates `first` in
 * one critical section and `second`, which must be first + 1, in another. A reader that comes
 * between the two finds a stale pair.
 */
#include "classics.h"
#include "crew.h"

#include <assert.h>
#include <stddef.h>

static pthread_mutex_t first_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t second_lock = PTHREAD_MUTEX_INITIALIZER;
static int first, second; /* under first_lock and second_lock */

static void *write_in_stages(void *unused)
{
  pthread_mutex_lock(&first_lock);
  first = 1;
  pthread_mutex_unlock(&first_lock);
  pthread_mutex_lock(&second_lock);
  second = 2;
  pthread_mutex_unlock(&second_lock);
  return unused;
}

static void *write_at_once(void *unused)
{
  pthread_mutex_lock(&first_lock);
  first = 1;
  pthread_mutex_lock(&second_lock);
  second = 2;
  pthread_mutex_unlock(&second_lock);
  pthread_mutex_unlock(&first_lock);
  return unused;
}

static void *read_pair(void *unused)
{
  pthread_mutex_lock(&first_lock);
  const int seen_first = first;
  pthread_mutex_unlock(&first_lock);
  if (seen_first == 0) {
    return unused; /* nobody has written */
  }
  pthread_mutex_lock(&second_lock);
  const int seen_second = second;
  pthread_mutex_unlock(&second_lock);
  assert(seen_second == seen_first + 1);
  return unused;
}

static void two_stages(int writers, int readers, body *write)
{
  crew c = {.count = 0};

  crew_start(&c, writers, write, NULL);
  crew_start(&c, readers, read_pair, NULL);
  crew_join(&c);
}

void twostage(void)
{
  two_stages(1, 1, write_in_stages);
}

void twostage_fixed(void)
{
  two_stages(1, 1, write_at_once);
}

void twostage_20(void)
{
  two_stages(10, 10, write_in_stages);
}

void twostage_50(void)
{
  two_stages(40, 10, write_in_stages);
}

void twostage_100(void)
{
  two_stages(99, 1, write_in_stages);
}

void twostage_100_fixed(void)
{
  two_stages(99, 1, write_at_once);
}
