/* SPDX-License-Identifier: Apache-2.0 */
/* Main waits for a flag; somebody raises it, and a timer may come first. */
#include "scenarios.h"

#include <pthread.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

bool is_raised;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static void *raise_silently(void *unused)
{
  pthread_mutex_lock(&lock);
  is_raised = true;
  pthread_mutex_unlock(&lock);
  return unused;
}

static void *raise_and_signal(void *unused)
{
  raise_silently(unused);
  pthread_cond_signal(&changed);
  return unused;
}

static void *sleep_and_signal(void *unused)
{
  usleep(10);
  return raise_and_signal(unused);
}

static void *sleep_a_little(void *unused)
{
  usleep(10);
  return unused;
}

/* Looks again every half a second: a wakeup that is lost is only late. */
static void await_raised(void)
{
  struct timespec until;

  pthread_mutex_lock(&lock);
  while (!is_raised) {
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 500000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&changed, &lock, &until);
  }
  pthread_mutex_unlock(&lock);
}

static void run_beside(void *(*body)(void *), void (*mine)(void))
{
  pthread_t other;

  pthread_create(&other, NULL, body, NULL);
  mine();
  pthread_join(other, NULL);
}

void timer_hides_a_lost_wakeup(void)
{
  run_beside(raise_silently, await_raised);
}

void signal_comes_before_the_timer(void)
{
  run_beside(raise_and_signal, await_raised);
}

static void await_signal(void)
{
  pthread_mutex_lock(&lock);
  while (!is_raised) {
    pthread_cond_wait(&changed, &lock);
  }
  pthread_mutex_unlock(&lock);
}

void wait_for_a_sleeper(void)
{
  run_beside(sleep_and_signal, await_signal);
}

static void sleep_too(void)
{
  usleep(500);
}

void sleep_only(void)
{
  run_beside(sleep_a_little, sleep_too);
}

static pthread_t raiser;

void begin_to_raise(void)
{
  pthread_create(&raiser, NULL, raise_silently, NULL);
}

void end_raising(void)
{
  pthread_join(raiser, NULL);
}
