/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qsort_mt: a quicksort that hands parts of its range to idle workers. The last worker to become
 * idle sends all of them home.
 *
 * The bug: a worker is told that there is work before the part to sort is written. A worker that
 * looks in between sorts what it had (nothing), calls itself idle again, and the part is never
 * sorted.
 */
#include "classics.h"
#include "crew.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>

enum { ELEMENTS = 12, HAND_OVER_MIN = 2, WORKERS = 2 };
enum { IDLE, CLAIMED, WORKING, HOME }; /* CLAIMED: by the repaired program only */

typedef struct worker {
  pthread_mutex_t lock; /* guards the part */
  pthread_cond_t told;
  atomic_int state; /* the bug: guarded by pool_lock here and by the worker's lock there */
  int *part;
  int count;
} worker;

static worker pool[WORKERS] = {
    {.lock = PTHREAD_MUTEX_INITIALIZER, .told = PTHREAD_COND_INITIALIZER},
    {.lock = PTHREAD_MUTEX_INITIALIZER, .told = PTHREAD_COND_INITIALIZER},
};
static pthread_mutex_t pool_lock = PTHREAD_MUTEX_INITIALIZER;
static int idle = WORKERS; /* under pool_lock */
static int claimed_state;  /* WORKING: told too early */

static worker *claim(void)
{
  worker *found = NULL;

  pthread_mutex_lock(&pool_lock);
  for (int i = 0; i < WORKERS && !found; i++) {
    if (get(&pool[i].state) == IDLE) {
      found = &pool[i];
      put(&found->state, claimed_state);
      idle--;
    }
  }
  pthread_mutex_unlock(&pool_lock);
  return found;
}

static void hand_over(worker *w, int *part, int count)
{
  pthread_mutex_lock(&w->lock);
  w->part = part;
  w->count = count;
  if (claimed_state == CLAIMED) {
    put(&w->state, WORKING); /* told together with the part */
  }
  pthread_cond_signal(&w->told);
  pthread_mutex_unlock(&w->lock);
}

/* Lomuto's partition around the last element; returns where it went. */
static int partition(int *part, int count)
{
  const int pivot = part[count - 1];
  int small = 0;

  for (int i = 0; i < count; i++) {
    if (part[i] < pivot || i == count - 1) {
      const int swap = part[small];
      part[small++] = part[i];
      part[i] = swap;
    }
  }
  return small - 1;
}

static void sort_part(int *part, int count)
{
  if (count < 2) {
    return;
  }
  const int middle = partition(part, count);
  worker *w = middle >= HAND_OVER_MIN && count - middle > HAND_OVER_MIN ? claim() : NULL;
  if (w) {
    hand_over(w, part, middle);
  } else {
    sort_part(part, middle);
  }
  sort_part(part + middle + 1, count - middle - 1);
}

static void send_home(void)
{
  for (int i = 0; i < WORKERS; i++) {
    pthread_mutex_lock(&pool[i].lock);
    put(&pool[i].state, HOME);
    pthread_cond_signal(&pool[i].told);
    pthread_mutex_unlock(&pool[i].lock);
  }
}

static void *work(void *argument)
{
  worker *w = argument;

  for (;;) {
    pthread_mutex_lock(&w->lock);
    while (get(&w->state) == IDLE || get(&w->state) == CLAIMED) {
      pthread_cond_wait(&w->told, &w->lock);
    }
    int *part = w->part;
    const int count = w->count;
    w->count = 0;
    pthread_mutex_unlock(&w->lock);
    if (get(&w->state) == HOME) {
      return NULL;
    }
    sort_part(part, count);
    pthread_mutex_lock(&pool_lock);
    put(&w->state, IDLE);
    const bool all_idle = ++idle == WORKERS;
    if (all_idle) {
      send_home();
    }
    pthread_mutex_unlock(&pool_lock);
  }
}

static void sort_in_parallel(int state)
{
  int numbers[ELEMENTS] = {9, 2, 11, 4, 1, 8, 10, 3, 0, 12, 5, 6};
  crew c = {.count = 0};

  claimed_state = state;
  worker *first = claim();
  crew_start(&c, 1, work, &pool[0]);
  crew_start(&c, 1, work, &pool[1]);
  hand_over(first, numbers, ELEMENTS);
  crew_join(&c);
  for (int i = 1; i < ELEMENTS; i++) {
    assert(numbers[i - 1] < numbers[i]);
  }
}

void qsort_mt(void)
{
  sort_in_parallel(WORKING);
}

void qsort_mt_fixed(void)
{
  sort_in_parallel(CLAIMED);
}
