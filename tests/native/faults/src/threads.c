/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that cannot be created, waits that end for no reason, timers and clocks. */
#include "scenarios.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool ready;
static atomic_int order;

static pthread_t start(void *(*body)(void *))
{
  pthread_t thread;

  if (pthread_create(&thread, NULL, body, NULL) != 0) {
    assert(!"no thread");
  }
  return thread;
}

/* ------------------------------------------------------------------ condition variables */

static void *set_ready(void *unused)
{
  pthread_mutex_lock(&lock);
  ready = true;
  pthread_mutex_unlock(&lock);
  pthread_cond_signal(&changed);
  return unused;
}

void trust_the_wakeup(void)
{
  const pthread_t other = start(set_ready);

  pthread_mutex_lock(&lock);
  if (!ready) {
    pthread_cond_wait(&changed, &lock);
  }
  assert(ready);
  pthread_mutex_unlock(&lock);
  pthread_join(other, NULL);
}

void check_the_wakeup(void)
{
  const pthread_t other = start(set_ready);

  pthread_mutex_lock(&lock);
  while (!ready) {
    pthread_cond_wait(&changed, &lock);
  }
  assert(ready);
  pthread_mutex_unlock(&lock);
  pthread_join(other, NULL);
}

/* ------------------------------------------------------------------ creation */

static void *nothing(void *unused)
{
  return unused;
}

void trust_create(void)
{
  pthread_t thread = 0;

  pthread_create(&thread, NULL, nothing, NULL);
  pthread_join(thread, NULL);
}

void check_create(void)
{
  pthread_t thread;
  const int error = pthread_create(&thread, NULL, nothing, NULL);

  assert(error == 0 || error == EAGAIN);
  if (error == 0) {
    pthread_join(thread, NULL);
  }
}

/* ------------------------------------------------------------------ time */

/* Waits five seconds for `ready`; returns whether it takes the time to have run out. */
static bool wait_for_ready(void)
{
  struct timespec until;

  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += 5;
  int error = 0;
  while (!ready && error == 0) {
    error = pthread_cond_timedwait(&changed, &lock, &until);
  }
  return error == ETIMEDOUT;
}

/* That the time ran out does not say that nothing came: look again. */
void trust_the_timeout(void)
{
  const pthread_t other = start(set_ready);

  pthread_mutex_lock(&lock);
  const bool late = wait_for_ready();
  assert(ready == !late);
  pthread_mutex_unlock(&lock);
  pthread_join(other, NULL);
}

void check_the_timeout(void)
{
  const pthread_t other = start(set_ready);

  pthread_mutex_lock(&lock);
  const bool late = wait_for_ready();
  assert(ready || late);
  pthread_mutex_unlock(&lock);
  pthread_join(other, NULL);
}

static void sleep_ms(int milliseconds)
{
  const struct timespec duration = {.tv_nsec = milliseconds * 1000000L};

  nanosleep(&duration, NULL);
}

static void *sleep_short(void *unused)
{
  sleep_ms(1);
  atomic_fetch_add(&order, 1);
  return unused;
}

void trust_timer_order(void)
{
  const pthread_t other = start(sleep_short);

  sleep_ms(500);
  assert(atomic_load(&order) == 1);
  pthread_join(other, NULL);
}

void check_timer_order(void)
{
  const pthread_t other = start(sleep_short);

  sleep_ms(500);
  pthread_join(other, NULL);
  assert(atomic_load(&order) == 1);
}

static long seconds_for_nothing(void)
{
  struct timespec before, after;

  clock_gettime(CLOCK_MONOTONIC, &before);
  clock_gettime(CLOCK_MONOTONIC, &after);
  return after.tv_sec - before.tv_sec;
}

void trust_the_clock(void)
{
  assert(seconds_for_nothing() == 0);
}

void check_the_clock(void)
{
  assert(seconds_for_nothing() >= 0);
}
