/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that may fail or do less than was asked, taken for granted: shown where faults are on. */
#define _GNU_SOURCE
#include "defects.h"
#include "threads.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ------------------------------------------------------------------ a wait that just ends */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int is_there; /* under lock */

static void *bring(void *unused)
{
  pthread_mutex_lock(&lock);
  is_there = 1;
  pthread_cond_signal(&changed);
  pthread_mutex_unlock(&lock);
  return unused;
}

static void fetch(int looks_again)
{
  const pthread_t other = run_beside(bring, NULL);

  pthread_mutex_lock(&lock);
  do {
    if (!is_there) {
      pthread_cond_wait(&changed, &lock);
    }
  } while (looks_again && !is_there);
  assert(is_there);
  pthread_mutex_unlock(&lock);
  pthread_join(other, NULL);
}

void wakeup_taken_for_a_signal(void)
{
  fetch(0);
}

void wakeup_taken_for_a_signal_fixed(void)
{
  fetch(1);
}

/* ------------------------------------------------------------------ allocation */

static void fill(int checks)
{
  int *numbers = malloc(4 * sizeof *numbers);

  if (!checks || numbers) {
    ((volatile int *)numbers)[0] = 1;
  }
  free(numbers);
}

void allocation_taken_for_granted(void)
{
  fill(0);
}

void allocation_taken_for_granted_fixed(void)
{
  fill(1);
}

/* The second allocation fails, and the way out forgets the first. */
static void make_pair(int frees_the_first)
{
  void *volatile first = malloc(8), *volatile second = malloc(8);

  if (first && !second && !frees_the_first) {
    return;
  }
  free(first);
  free(second);
}

void way_out_forgets_a_block(void)
{
  make_pair(0);
}

void way_out_forgets_a_block_fixed(void)
{
  make_pair(1);
}

/* ------------------------------------------------------------------ threads */

static void *end_at_once(void *unused)
{
  return unused;
}

static void start_and_join(int checks)
{
  pthread_t thread;
  const int failed = pthread_create(&thread, NULL, end_at_once, NULL);

  if (!checks || !failed) {
    pthread_join(thread, NULL);
  }
}

void thread_taken_for_granted(void)
{
  start_and_join(0);
}

void thread_taken_for_granted_fixed(void)
{
  start_and_join(1);
}

/* ------------------------------------------------------------------ pipes */

static int ends[2];

static void *send_number(void *unused)
{
  const uint64_t number = 0x0123456789abcdef;

  (void)!write(ends[1], &number, sizeof number);
  return unused;
}

static void receive(ssize_t (*read_all)(void *, size_t))
{
  uint64_t number = 0;

  if (pipe(ends)) {
    return;
  }
  const pthread_t sender = run_beside(send_number, NULL);
  const ssize_t got = read_all(&number, sizeof number);
  assert(got == sizeof number && number == 0x0123456789abcdef);
  pthread_join(sender, NULL);
  close(ends[0]);
  close(ends[1]);
}

static ssize_t read_once(void *to, size_t bytes)
{
  ssize_t got;

  do {
    got = read(ends[0], to, bytes);
  } while (got < 0 && errno == EINTR);
  return got;
}

static ssize_t read_until_done(void *to, size_t bytes)
{
  size_t done = 0;

  while (done < bytes) {
    done += (size_t)read_once((char *)to + done, bytes - done);
  }
  return (ssize_t)done;
}

static ssize_t read_uninterrupted(void *to, size_t bytes)
{
  return read(ends[0], to, bytes);
}

void short_read_taken_for_all(void)
{
  receive(read_once);
}

void short_read_taken_for_all_fixed(void)
{
  receive(read_until_done);
}

void interruption_taken_for_an_end(void)
{
  receive(read_uninterrupted);
}

void interruption_taken_for_an_end_fixed(void)
{
  receive(read_until_done);
}

/* ------------------------------------------------------------------ time */

static atomic_int is_answered;

static void *answer_in_a_second(void *unused)
{
  const struct timespec second = {.tv_sec = 1};

  nanosleep(&second, NULL);
  atomic_store(&is_answered, 1);
  return unused;
}

/* Whoever sleeps longer need not wake later. */
static void ask(int joins)
{
  const struct timespec two_seconds = {.tv_sec = 2};
  const pthread_t other = run_beside(answer_in_a_second, NULL);

  nanosleep(&two_seconds, NULL);
  if (joins) {
    pthread_join(other, NULL);
  }
  assert(atomic_load(&is_answered));
  if (!joins) {
    pthread_join(other, NULL);
  }
}

void longer_sleep_taken_for_later(void)
{
  ask(0);
}

void longer_sleep_taken_for_later_fixed(void)
{
  ask(1);
}
