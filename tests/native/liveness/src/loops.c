/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that wait for each other by looking again and again. */
#define _GNU_SOURCE
#include "scenarios.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

static atomic_int spinlock, flag, stop, next_ticket, serving;
static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t other = PTHREAD_MUTEX_INITIALIZER;

static void run_two(void *(*a)(void *), void *(*b)(void *))
{
  pthread_t first, second;

  pthread_create(&first, NULL, a, NULL);
  pthread_create(&second, NULL, b, NULL);
  pthread_join(first, NULL);
  pthread_join(second, NULL);
}

/* ------------------------------------------------------------------ a lock that is not given back
 */

static void spin_lock(void)
{
  while (atomic_exchange(&spinlock, 1)) {
  }
}

static void *lock_only(void *unused)
{
  spin_lock();
  return unused;
}

static void *lock_and_unlock(void *unused)
{
  spin_lock();
  atomic_store(&spinlock, 0);
  return unused;
}

void spin_on_a_lost_lock(void)
{
  run_two(lock_only, lock_and_unlock);
}

void spin_on_a_lock(void)
{
  run_two(lock_and_unlock, lock_and_unlock);
}

/* ------------------------------------------------------------------ a flag that nobody raises */

static void *await_flag(void *unused)
{
  while (!atomic_load(&flag)) {
    sched_yield();
  }
  return unused;
}

static void *look_at_flag(void *unused)
{
  (void)atomic_load(&flag);
  return unused;
}

static void *raise_flag(void *unused)
{
  atomic_store(&flag, 1);
  return unused;
}

void wait_for_nobody(void)
{
  run_two(await_flag, look_at_flag);
}

void wait_for_somebody(void)
{
  run_two(await_flag, raise_flag);
}

/* ------------------------------------------------------------------ after you; no, after you */

static void take_both_or_none(pthread_mutex_t *mine, pthread_mutex_t *yours)
{
  for (;;) {
    pthread_mutex_lock(mine);
    if (pthread_mutex_trylock(yours) == 0) {
      break;
    }
    pthread_mutex_unlock(mine);
  }
  pthread_mutex_unlock(yours);
  pthread_mutex_unlock(mine);
}

static void *one_then_other(void *unused)
{
  take_both_or_none(&one, &other);
  return unused;
}

static void *other_then_one(void *unused)
{
  take_both_or_none(&other, &one);
  return unused;
}

void give_way_for_ever(void)
{
  run_two(one_then_other, other_then_one);
}

void lock_in_order(void)
{
  run_two(one_then_other, one_then_other);
}

/* ------------------------------------------------------------------ a lock for whoever is first */

static void *hold_until_stopped(void *unused)
{
  int stopped;

  do {
    spin_lock();
    stopped = atomic_load(&stop);
    atomic_store(&spinlock, 0);
  } while (!stopped);
  return unused;
}

/* Looks before it takes: whoever comes back at once is faster every time. */
static void *stop_it_politely(void *unused)
{
  do {
    while (atomic_load(&spinlock)) {
    }
  } while (atomic_exchange(&spinlock, 1));
  atomic_store(&stop, 1);
  atomic_store(&spinlock, 0);
  return unused;
}

void barge(void)
{
  run_two(hold_until_stopped, stop_it_politely);
}

static void take_turn(void)
{
  const int ticket = atomic_fetch_add(&next_ticket, 1);

  while (atomic_load(&serving) != ticket) {
  }
}

static void *take_turns_until_stopped(void *unused)
{
  int stopped;

  do {
    take_turn();
    stopped = atomic_load(&stop);
    atomic_fetch_add(&serving, 1);
  } while (!stopped);
  return unused;
}

static void *stop_it_in_turn(void *unused)
{
  take_turn();
  atomic_store(&stop, 1);
  atomic_fetch_add(&serving, 1);
  return unused;
}

void take_a_ticket(void)
{
  run_two(take_turns_until_stopped, stop_it_in_turn);
}

/* ------------------------------------------------------------------ with time */

static void *doze(void *unused)
{
  while (!atomic_load(&flag)) {
    usleep(10);
  }
  return unused;
}

void doze_for_ever(void)
{
  run_two(doze, doze);
}

static void *sleep_then_raise_flag(void *unused)
{
  usleep(50);
  return raise_flag(unused);
}

void doze_until_woken(void)
{
  run_two(doze, sleep_then_raise_flag);
}

void spin_while_it_sleeps(void)
{
  run_two(await_flag, sleep_then_raise_flag);
}

static void *await_time(void *unused)
{
  struct timespec now, end;

  clock_gettime(CLOCK_MONOTONIC, &end);
  end.tv_sec += 5;
  do {
    sched_yield();
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while (now.tv_sec < end.tv_sec);
  return unused;
}

void spin_until_a_time(void)
{
  run_two(await_time, look_at_flag);
}

static void *look_often(void *unused)
{
  for (int i = 0; i < 100000 && !atomic_load(&flag); i++) {
  }
  return unused;
}

void spin_a_number_of_times(void)
{
  run_two(look_often, look_at_flag);
}

/* ------------------------------------------------------------------ looking, and nothing else */

static void *look_until_flag(void *unused)
{
  while (!atomic_load(&flag)) {
  }
  return unused;
}

void look_for_nobody(void)
{
  run_two(look_until_flag, look_until_flag);
}

void look_for_somebody(void)
{
  run_two(look_until_flag, raise_flag);
}

static void *raise_flag_plainly(void *unused)
{
  (void)atomic_load(&stop);
  *(volatile int *)&flag = 1;
  (void)atomic_load(&stop);
  return unused;
}

void look_for_a_plain_store(void)
{
  run_two(look_until_flag, raise_flag_plainly);
}

static void *lock_both(pthread_mutex_t *first, pthread_mutex_t *second)
{
  pthread_mutex_lock(first);
  pthread_mutex_lock(second);
  pthread_mutex_unlock(second);
  pthread_mutex_unlock(first);
  atomic_fetch_add(&serving, 1);
  return NULL;
}

static void *lock_one_then_other(void *unused)
{
  (void)unused;
  return lock_both(&one, &other);
}

static void *lock_other_then_one(void *unused)
{
  (void)unused;
  return lock_both(&other, &one);
}

/* Main spins for what two threads that hold each other's mutex will never do. */
void look_at_a_deadlock(void)
{
  pthread_t first, second;

  pthread_create(&first, NULL, lock_one_then_other, NULL);
  pthread_create(&second, NULL, lock_other_then_one, NULL);
  while (atomic_load(&serving) != 2) {
  }
  pthread_join(first, NULL);
  pthread_join(second, NULL);
}
