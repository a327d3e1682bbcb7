/* SPDX-License-Identifier: Apache-2.0 */
/* Ordinary C17 with pthreads; knows nothing of the machine. */
#define _GNU_SOURCE
#include "scenarios.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t other_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_once_t once_control = PTHREAD_ONCE_INIT;
static atomic_int shared;
static int guarded;
static int descriptor;

static void run_two(void *(*a)(void *), void *(*b)(void *))
{
  pthread_t one, two;

  pthread_create(&one, NULL, a, NULL);
  pthread_create(&two, NULL, b, NULL);
  pthread_join(one, NULL);
  pthread_join(two, NULL);
}

/* ------------------------------------------------------------------ mutexes */

static void *add_locked(void *unused)
{
  for (int i = 0; i < 3; i++) {
    pthread_mutex_lock(&lock);
    atomic_store(&shared, atomic_load(&shared) + 1);
    pthread_mutex_unlock(&lock);
  }
  return unused;
}

void mutex_excludes(void)
{
  run_two(add_locked, add_locked);
  assert(atomic_load(&shared) == 6);
}

static void *add_unlocked(void *unused)
{
  atomic_store(&shared, atomic_load(&shared) + 1);
  return unused;
}

void lost_update(void)
{
  run_two(add_unlocked, add_unlocked);
  assert(atomic_load(&shared) == 2);
}

static pthread_mutex_t recursive;

static void *add_recursive(void *unused)
{
  pthread_mutex_lock(&recursive);
  pthread_mutex_lock(&recursive);
  guarded++;
  pthread_mutex_unlock(&recursive);
  atomic_store(&shared, atomic_load(&shared) + 1);
  pthread_mutex_unlock(&recursive);
  return unused;
}

void recursive_mutex(void)
{
  pthread_mutexattr_t attr;

  pthread_mutexattr_init(&attr);
  pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
  pthread_mutex_init(&recursive, &attr);
  pthread_mutexattr_destroy(&attr);
  run_two(add_recursive, add_recursive);
  assert(atomic_load(&shared) == 2 && guarded == 2);
  pthread_mutex_destroy(&recursive);
}

void relock(void)
{
  pthread_mutex_lock(&lock);
  pthread_mutex_lock(&lock);
}

void unlock_unheld(void)
{
  pthread_mutex_unlock(&lock);
}

static void *try_it(void *unused)
{
  if (pthread_mutex_trylock(&lock) == 0) {
    atomic_fetch_add(&shared, 1);
    pthread_mutex_unlock(&lock);
  } else {
    atomic_fetch_add(&shared, 10);
  }
  return unused;
}

void trylock(void)
{
  run_two(try_it, try_it);
  const int outcome = atomic_load(&shared);
  assert(outcome == 2 || outcome == 11);
}

/* ------------------------------------------------------------------ conditions */

static void *set_guarded(void *unused)
{
  pthread_mutex_lock(&lock);
  guarded++;
  pthread_cond_signal(&changed);
  pthread_mutex_unlock(&lock);
  return unused;
}

static void *await_guarded(void *unused)
{
  pthread_mutex_lock(&lock);
  while (guarded == 0) {
    pthread_cond_wait(&changed, &lock);
  }
  pthread_mutex_unlock(&lock);
  return unused;
}

void condition(void)
{
  run_two(await_guarded, set_guarded);
}

void broadcast(void)
{
  pthread_t waiter[3];

  for (int i = 0; i < 3; i++) {
    pthread_create(&waiter[i], NULL, await_guarded, NULL);
  }
  pthread_mutex_lock(&lock);
  guarded = 1;
  pthread_mutex_unlock(&lock);
  pthread_cond_broadcast(&changed);
  for (int i = 0; i < 3; i++) {
    pthread_join(waiter[i], NULL);
  }
}

static int turn, order[2];

static void *queue_up(void *number)
{
  pthread_mutex_lock(&lock);
  guarded++;
  pthread_cond_wait(&changed, &lock);
  order[turn++] = (int)(intptr_t)number;
  pthread_mutex_unlock(&lock);
  return NULL;
}

static void wait_for_queue(int length)
{
  for (int waiting = 0; waiting < length;) {
    pthread_mutex_lock(&lock);
    waiting = guarded;
    pthread_mutex_unlock(&lock);
    sched_yield();
  }
}

/* POSIX does not say which waiter a signal wakes: a program that relies on it is wrong. */
void signal_order(void)
{
  pthread_t waiter[2];

  for (intptr_t i = 0; i < 2; i++) {
    pthread_create(&waiter[i], NULL, queue_up, (void *)i);
    wait_for_queue((int)i + 1);
  }
  pthread_cond_signal(&changed);
  pthread_cond_signal(&changed);
  for (int i = 0; i < 2; i++) {
    pthread_join(waiter[i], NULL);
  }
  assert(order[0] == 0);
}

void timed_wait(void)
{
  struct timespec until, now;

  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += 5;
  pthread_mutex_lock(&lock);
  const int outcome = pthread_cond_timedwait(&changed, &lock, &until);
  pthread_mutex_unlock(&lock);
  clock_gettime(CLOCK_REALTIME, &now);
  assert(outcome == ETIMEDOUT && now.tv_sec == until.tv_sec);
}

/* ------------------------------------------------------------------ once, data, join */

static void count_once(void)
{
  atomic_fetch_add(&shared, 1);
  sched_yield();
  guarded = 1;
}

static void *call_once(void *unused)
{
  pthread_once(&once_control, count_once);
  assert(guarded == 1);
  return unused;
}

void once(void)
{
  run_two(call_once, call_once);
  assert(atomic_load(&shared) == 1);
}

static pthread_key_t key;

static void destroy_value(void *value)
{
  atomic_fetch_add(&shared, (int)(intptr_t)value);
}

static void *use_key(void *unused)
{
  assert(pthread_getspecific(key) == NULL);
  pthread_setspecific(key, (void *)(intptr_t)5);
  sched_yield();
  assert(pthread_getspecific(key) == (void *)(intptr_t)5);
  return unused;
}

void thread_data(void)
{
  pthread_key_create(&key, destroy_value);
  run_two(use_key, use_key);
  assert(atomic_load(&shared) == 10);
  pthread_key_delete(key);
}

static _Thread_local int mine = 3;
static _Thread_local char zeroed[40];

static void *use_local(void *unused)
{
  for (int i = 0; i < 3; i++) {
    assert(mine == 3 + i && zeroed[i] == 0);
    mine++;
    zeroed[i] = 1;
    sched_yield();
  }
  return unused;
}

void thread_local(void)
{
  run_two(use_local, use_local);
  assert(mine == 3 && zeroed[0] == 0);
}

static void *give_back(void *value)
{
  return value;
}

void join_value(void)
{
  pthread_t thread;
  void *value = NULL;

  pthread_create(&thread, NULL, give_back, (void *)(intptr_t)77);
  pthread_join(thread, &value);
  assert(value == (void *)(intptr_t)77);
}

static void start_and_join(int count)
{
  static pthread_t threads[300];

  for (int i = 0; i < count; i++) {
    pthread_create(&threads[i], NULL, add_unlocked, NULL);
  }
  for (int i = 0; i < count; i++) {
    pthread_join(threads[i], NULL);
  }
}

void many_threads(void)
{
  start_and_join(150);
}

void too_many_threads(void)
{
  start_and_join(300);
}

/* ------------------------------------------------------------------ descriptors and time */

void event_counter(void)
{
  uint64_t value = 3;
  const int fd = eventfd(2, EFD_NONBLOCK);
  const int tokens = eventfd(2, EFD_NONBLOCK | EFD_SEMAPHORE);

  assert(write(fd, &value, sizeof value) == sizeof value);
  assert(read(fd, &value, sizeof value) == sizeof value && value == 5);
  assert(read(fd, &value, sizeof value) == -1 && errno == EAGAIN);
  assert(read(tokens, &value, sizeof value) == sizeof value && value == 1);
  assert(close(fd) == 0 && close(tokens) == 0);
  assert(write(fd, &value, sizeof value) == -1 && errno == EBADF);
}

static void *write_event(void *unused)
{
  const uint64_t value = 1;

  assert(write(descriptor, &value, sizeof value) == sizeof value);
  return unused;
}

static void *await_event(void *unused)
{
  struct pollfd set = {.fd = descriptor, .events = POLLIN};
  uint64_t value = 0;

  assert(poll(&set, 1, -1) == 1 && set.revents == POLLIN);
  assert(read(descriptor, &value, sizeof value) == sizeof value && value == 1);
  return unused;
}

void poll_wakes(void)
{
  descriptor = eventfd(0, 0);
  run_two(await_event, write_event);
  close(descriptor);
}

static int64_t now_ns(void)
{
  struct timespec now;

  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

void poll_times_out(void)
{
  struct pollfd set = {.fd = eventfd(0, 0), .events = POLLIN};
  const int64_t start = now_ns();

  assert(poll(&set, 1, 0) == 0 && now_ns() == start);
  assert(poll(&set, 1, 20) == 0 && now_ns() == start + 20 * 1000000);
  close(set.fd);
}

static void *sleep_long(void *unused)
{
  sleep(3600);
  assert(atomic_fetch_add(&shared, 1) == 1);
  return unused;
}

static void *sleep_short(void *unused)
{
  usleep(5);
  assert(atomic_fetch_add(&shared, 1) == 0);
  return unused;
}

void virtual_sleep(void)
{
  run_two(sleep_long, sleep_short);
}

/* ------------------------------------------------------------------ what must fail */

static void *lock_ab(void *unused)
{
  pthread_mutex_lock(&lock);
  pthread_mutex_lock(&other_lock);
  pthread_mutex_unlock(&other_lock);
  pthread_mutex_unlock(&lock);
  return unused;
}

static void *lock_ba(void *unused)
{
  pthread_mutex_lock(&other_lock);
  pthread_mutex_lock(&lock);
  pthread_mutex_unlock(&lock);
  pthread_mutex_unlock(&other_lock);
  return unused;
}

void abba(void)
{
  run_two(lock_ab, lock_ba);
}

static int *volatile nowhere;
static volatile int zero;

void null_pointer(void)
{
  *nowhere = 1;
}

void wild_pointer(void)
{
  nowhere = (int *)(uintptr_t)0x123456789000;
  *nowhere = 1;
}

void abort_call(void)
{
  abort();
}

void assertion(void)
{
  assert(zero == 1);
}

void division(void)
{
  guarded = 1000 / zero;
}

static int depth(volatile char *above)
{
  volatile char frame[512];

  frame[0] = *above;
  return zero ? 0 : depth(frame) + frame[0];
}

void stack_overflow(void)
{
  volatile char start = 1;

  guarded = depth(&start);
}

void endless_loop(void)
{
  while (zero == 0) {
  }
}

void endless_atomics(void)
{
  while (atomic_load(&shared) == 0) {
  }
}

static void *volatile block;

void double_free(void)
{
  block = malloc(10);
  free(block);
  free(block);
}

void bad_free(void)
{
  block = (char *)malloc(64) + 16;
  free(block);
}

void heap_exhausted(void)
{
  for (;;) {
    block = malloc(1 << 20);
  }
}

/* File-scope data, heap contents and descriptors are the same at the start of every run. */
void state_is_fresh(void)
{
  unsigned char *fresh = malloc(8);

  assert(guarded == 0 && atomic_load(&shared) == 0 && mine == 3 && fresh[0] == 0xaa);
  assert(eventfd(0, 0) == 100);
  free(fresh);
  guarded = 1;
  mine = 4;
  atomic_store(&shared, 1);
}

static void *wait_for_ever(void *unused)
{
  pthread_mutex_lock(&lock);
  pthread_cond_wait(&changed, &lock);
  return unused;
}

void forgotten_thread(void)
{
  pthread_t thread;

  pthread_create(&thread, NULL, wait_for_ever, NULL);
  pthread_detach(thread);
}
