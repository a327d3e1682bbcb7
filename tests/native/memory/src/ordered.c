/* SPDX-License-Identifier: Apache-2.0 */
/* The twins of races.c: the same accesses, ordered. */
#include "scenarios.h"
#include "threads.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
KEPT int number, copy, ready;
KEPT uint8_t bytes[8];
static atomic_int flag;
static _Atomic(int *) handed;

static void *add_locked(void *unused)
{
  pthread_mutex_lock(&lock);
  number++;
  pthread_mutex_unlock(&lock);
  return unused;
}

void ordered_by_mutex(void)
{
  run_two(add_locked, add_locked);
}

static void *add(void *unused)
{
  number++;
  return unused;
}

void ordered_by_join(void)
{
  pthread_t thread;

  number = 1;
  for (int i = 0; i < 3; i++) {
    pthread_create(&thread, NULL, add, NULL);
    pthread_join(thread, NULL);
    number++;
  }
}

static void *publish(void *unused)
{
  number = 1;
  atomic_store_explicit(&flag, 1, memory_order_release);
  return unused;
}

static void *take(void *unused)
{
  if (atomic_load_explicit(&flag, memory_order_acquire)) {
    copy = number;
  }
  return unused;
}

void ordered_by_release(void)
{
  run_two(publish, take);
}

static void *publish_with_fence(void *unused)
{
  number = 1;
  atomic_thread_fence(memory_order_release);
  atomic_store_explicit(&flag, 1, memory_order_relaxed);
  return unused;
}

static void *take_with_fence(void *unused)
{
  if (atomic_load_explicit(&flag, memory_order_relaxed)) {
    atomic_thread_fence(memory_order_acquire);
    copy = number;
  }
  return unused;
}

void ordered_by_fences(void)
{
  run_two(publish_with_fence, take_with_fence);
}

static void *bump(void *unused)
{
  atomic_fetch_add_explicit(&flag, 2, memory_order_relaxed);
  return unused;
}

static void *take_if_published(void *unused)
{
  if (atomic_load_explicit(&flag, memory_order_acquire) & 1) {
    copy = number;
  }
  return unused;
}

/* A read-modify-write of a third thread does not break the release sequence. */
void ordered_by_sequence(void)
{
  pthread_t third;

  pthread_create(&third, NULL, bump, NULL);
  run_two(publish, take_if_published);
  pthread_join(third, NULL);
}

static void initialise(void)
{
  number = 5;
}

static void *use_initialised(void *unused)
{
  pthread_once(&once, initialise);
  (void)*(volatile int *)&number;
  return unused;
}

void ordered_by_once(void)
{
  run_two(use_initialised, use_initialised);
}

static void *set_ready(void *unused)
{
  number = 1;
  pthread_mutex_lock(&lock);
  ready = 1;
  pthread_cond_signal(&changed);
  pthread_mutex_unlock(&lock);
  return unused;
}

static void *wait_ready(void *unused)
{
  pthread_mutex_lock(&lock);
  while (!ready) {
    pthread_cond_wait(&changed, &lock);
  }
  pthread_mutex_unlock(&lock);
  copy = number;
  return unused;
}

void ordered_by_condition(void)
{
  run_two(set_ready, wait_ready);
}

static void *write_low(void *unused)
{
  memset(bytes, 1, 3);
  return unused;
}

static void *write_high(void *unused)
{
  bytes[3] = 1;
  memset(bytes + 4, 1, 4);
  return unused;
}

void neighbour_bytes(void)
{
  run_two(write_low, write_high);
}

static void *read_only(void *sum)
{
  (void)*(volatile int *)&number;
  return sum;
}

void shared_reads(void)
{
  number = 7;
  run_two(read_only, read_only);
}

static void *double_it(void *at)
{
  *(int *)at *= 2;
  return NULL;
}

/* A local of main, given to one thread after the other. */
void stack_hand_over(void)
{
  for (int i = 0; i < 2; i++) {
    int local = i;
    pthread_t thread;
    pthread_create(&thread, NULL, double_it, &local);
    pthread_join(thread, NULL);
    local++;
  }
}

static void *use_stack(void *unused)
{
  volatile int local[64];

  for (int i = 0; i < 64; i++) {
    local[i] = i;
  }
  return unused;
}

void stack_of_ended_thread(void)
{
  for (int i = 0; i < 3; i++) {
    run_two(use_stack, use_stack);
  }
}

static void *make_block(void *unused)
{
  int *block = malloc(sizeof *block);

  *block = 1;
  atomic_store_explicit(&handed, block, memory_order_release);
  return unused;
}

static void *use_block(void *unused)
{
  int *block = atomic_exchange_explicit(&handed, NULL, memory_order_acquire);

  if (block) {
    ++*block;
    free(block);
  }
  return unused;
}

void heap_hand_over(void)
{
  for (int i = 0; i < 3; i++) {
    run_two(make_block, use_block);
    use_block(NULL);
  }
}

static int stores = 12;

static void *count_up(void *unused)
{
  for (int i = 1; i <= stores; i++) {
    atomic_store_explicit(&flag, i, memory_order_relaxed);
  }
  return unused;
}

static void *look(void *unused)
{
  (void)atomic_load_explicit(&flag, memory_order_relaxed);
  return unused;
}

/* More stores than c11 keeps at first. */
void long_history(void)
{
  run_two(count_up, look);
}

/* More stores than c11-graph keeps while somebody may still read them. */
void longer_history(void)
{
  stores = 80;
  run_two(count_up, look);
}

/* More than c11 ever keeps. */
void longest_history(void)
{
  stores = 300;
  run_two(count_up, look);
}

/* A plain store to an atomic object while nobody else is there: its older stores are forgotten, and
 * nobody might have read them. */
void plain_store_between(void)
{
  run_two(bump, look);
  *(int *)&flag = 9;
  run_two(bump, look);
}

/* A store to a part of it: what of the older ones might still be read is not kept. */
void part_stored_between(void)
{
  run_two(bump, look);
  atomic_store_explicit((_Atomic unsigned char *)&flag, 9, memory_order_relaxed);
  run_two(bump, look);
}

static void *store_and_add(void *unused)
{
  atomic_store_explicit(&flag, 5, memory_order_relaxed);
  assert(atomic_fetch_add_explicit(&flag, 1, memory_order_relaxed) == 5);
  return unused;
}

/* A read-modify-write reads its thread's own store, also one that is still in a store buffer. */
void add_to_own_store(void)
{
  run_two(store_and_add, look);
}

/* Any number of stores, as long as everybody who lives knows of the later ones. */
void known_stores(void)
{
  run_two(store_and_add, look);
  for (int i = 0; i < 70; i++) {
    atomic_store_explicit(&flag, i, memory_order_relaxed);
    atomic_fetch_add_explicit(&flag, 1, memory_order_relaxed);
  }
  assert(atomic_load_explicit(&flag, memory_order_relaxed) == 70);
}
