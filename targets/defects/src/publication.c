/* SPDX-License-Identifier: Apache-2.0 */
/* Data that is ready before the flag that says so, but not in the order that others see. */
#include "defects.h"
#include "threads.h"

#include <assert.h>
#include <stdlib.h>

typedef struct message {
  int text;
} message;

KEPT int taken;

/* ------------------------------------------------------------------ a flag */

static int text;
static atomic_int is_ready;

static void *publish_relaxed(void *unused)
{
  text = 1;
  atomic_store_explicit(&is_ready, 1, memory_order_relaxed);
  return unused;
}

static void *publish(void *unused)
{
  text = 1;
  atomic_store_explicit(&is_ready, 1, memory_order_release);
  return unused;
}

static void *take_if_ready(void *unused)
{
  if (atomic_load_explicit(&is_ready, memory_order_acquire)) {
    taken = text;
  }
  return unused;
}

static void *take_relaxed(void *unused)
{
  if (atomic_load_explicit(&is_ready, memory_order_relaxed)) {
    taken = text;
  }
  return unused;
}

static void *take_behind_a_fence(void *unused)
{
  if (atomic_load_explicit(&is_ready, memory_order_relaxed)) {
    atomic_thread_fence(memory_order_acquire);
    taken = text;
  }
  return unused;
}

void publication_without_release(void)
{
  run_two(publish_relaxed, take_if_ready, NULL);
}

void publication_without_release_fixed(void)
{
  run_two(publish, take_if_ready, NULL);
}

void publication_without_acquire(void)
{
  run_two(publish, take_relaxed, NULL);
}

void publication_without_acquire_fixed(void)
{
  run_two(publish, take_behind_a_fence, NULL);
}

/* ------------------------------------------------------------------ double-checked locking */

static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(message *) the_message;

static message *get_message(memory_order look, memory_order show)
{
  message *found = atomic_load_explicit(&the_message, look);

  if (!found) {
    pthread_mutex_lock(&making);
    found = atomic_load_explicit(&the_message, memory_order_relaxed);
    if (!found) {
      found = malloc(sizeof *found);
      found->text = 7;
      atomic_store_explicit(&the_message, found, show);
    }
    pthread_mutex_unlock(&making);
  }
  return found;
}

KEPT int seen[2];

static void *look_unordered(void *at)
{
  *(int *)at = get_message(memory_order_relaxed, memory_order_relaxed)->text;
  return NULL;
}

static void *look_ordered(void *at)
{
  *(int *)at = get_message(memory_order_acquire, memory_order_release)->text;
  return NULL;
}

static void check_twice(body *look)
{
  const pthread_t a = run_beside(look, &seen[0]);
  const pthread_t b = run_beside(look, &seen[1]);

  pthread_join(a, NULL);
  pthread_join(b, NULL);
  free(atomic_load(&the_message));
}

void double_checked_locking(void)
{
  check_twice(look_unordered);
}

void double_checked_locking_fixed(void)
{
  check_twice(look_ordered);
}

/* ------------------------------------------------------------------ a ring of one slot */

static int slot;
static atomic_int head, tail;

/* The producer must know that the slot was read before it fills it again. */
static void *produce(void *unused)
{
  for (int i = 0; i < 2; i++) {
    while (get(&tail) != i) {
      sched_yield();
    }
    slot = i;
    atomic_store_explicit(&head, i + 1, memory_order_release);
  }
  return unused;
}

static void *produce_ordered(void *unused)
{
  for (int i = 0; i < 2; i++) {
    while (atomic_load_explicit(&tail, memory_order_acquire) != i) {
      sched_yield();
    }
    slot = i;
    atomic_store_explicit(&head, i + 1, memory_order_release);
  }
  return unused;
}

static void *consume(void *unused)
{
  for (int i = 0; i < 2; i++) {
    while (atomic_load_explicit(&head, memory_order_acquire) == i) {
      sched_yield();
    }
    taken = slot;
    atomic_store_explicit(&tail, i + 1, memory_order_release);
  }
  return unused;
}

void slot_reused_without_acquire(void)
{
  run_two(produce, consume, NULL);
}

void slot_reused_without_acquire_fixed(void)
{
  run_two(produce_ordered, consume, NULL);
}
