/* SPDX-License-Identifier: Apache-2.0 */
/* A counter and three mutexes: the smallest target with an answer, a deadlock and a crash. */
#include "tally.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

static _Atomic unsigned counter;
static pthread_mutex_t mutex[3] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
                                   PTHREAD_MUTEX_INITIALIZER};

void tally_reset(void)
{
  atomic_store(&counter, 0);
}

void tally_add(unsigned amount)
{
  atomic_fetch_add(&counter, amount);
}

unsigned tally_read(void)
{
  return atomic_load(&counter);
}

void tally_hold(unsigned first, unsigned second)
{
  pthread_mutex_lock(&mutex[first]);
  if (second != first) {
    pthread_mutex_lock(&mutex[second]);
    pthread_mutex_unlock(&mutex[second]);
  }
  pthread_mutex_unlock(&mutex[first]);
}

void tally_crash(void)
{
  volatile int *nowhere = NULL;
  *nowhere = 1;
}

void tally_check(void)
{
  assert(atomic_load(&counter) == 0);
}
