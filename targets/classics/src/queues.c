/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Buffers between a producer and a consumer. In circular_buffer, queue and stack both sides count
 * rounds, and a side that comes when it is not its turn lets the round pass; the bug is the belief
 * that the other side then does the same.
 */
#include "classics.h"
#include "crew.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

/* ------------------------------------------------------------------ circular_buffer, queue */

enum { RING_SLOTS = 10, RING_ROUNDS = 7, QUEUE_SLOTS = 20 };

/* A ring and whose turn it is; all of it under `lock`. */
typedef struct ring {
  int slots[QUEUE_SLOTS];
  int size, rounds;
  int first, next;           /* where the consumer reads, where the producer writes */
  bool filled;               /* the consumer's turn */
  bool patient;              /* who comes too early waits */
  int expected[QUEUE_SLOTS]; /* what the producer sent in each round */
} ring;

static ring wheel;

static bool may_go(ring *r, bool filled)
{
  while (r->patient && r->filled != filled) {
    pthread_cond_wait(&changed, &lock);
  }
  return r->filled == filled;
}

static void turn(ring *r, bool filled)
{
  r->filled = filled;
  pthread_cond_signal(&changed);
}

static void *send(void *argument)
{
  ring *r = argument;

  for (int round = 0; round < r->rounds; round++) {
    pthread_mutex_lock(&lock);
    if (may_go(r, false)) {
      r->slots[r->next] = round;
      r->next = (r->next + 1) % r->size;
      turn(r, true);
    }
    pthread_mutex_unlock(&lock);
  }
  return NULL;
}

static int take_first(ring *r)
{
  const int value = r->slots[r->first];

  r->first = (r->first + 1) % r->size;
  return value;
}

static void *receive(void *argument)
{
  ring *r = argument;

  for (int round = 0; round < r->rounds; round++) {
    pthread_mutex_lock(&lock);
    if (may_go(r, true)) {
      assert(take_first(r) == round);
      turn(r, false);
    }
    pthread_mutex_unlock(&lock);
  }
  return NULL;
}

static void circulate(bool patient)
{
  crew c = {.count = 0};

  wheel = (ring){.size = RING_SLOTS, .rounds = RING_ROUNDS, .patient = patient};
  crew_start(&c, 1, send, &wheel);
  crew_start(&c, 1, receive, &wheel);
  crew_join(&c);
}

void circular_buffer(void)
{
  circulate(false);
}

void circular_buffer_fixed(void)
{
  circulate(true);
}

/* The first element is sent whoever's turn it is, and what was sent is noted by round. */
static void *enqueue_all(void *argument)
{
  ring *r = argument;
  int value = 100;

  pthread_mutex_lock(&lock);
  r->slots[r->next++] = value;
  r->expected[0] = value;
  turn(r, true);
  pthread_mutex_unlock(&lock);
  for (int round = 1; round < r->rounds; round++) {
    pthread_mutex_lock(&lock);
    if (may_go(r, false)) {
      value++;
      r->slots[r->next++] = value;
      r->expected[round] = value;
      turn(r, true);
    }
    pthread_mutex_unlock(&lock);
  }
  return NULL;
}

static void *dequeue_all(void *argument)
{
  ring *r = argument;

  for (int round = 0; round < r->rounds; round++) {
    pthread_mutex_lock(&lock);
    if (may_go(r, true)) {
      assert(take_first(r) == r->expected[round]);
      turn(r, false);
    }
    pthread_mutex_unlock(&lock);
  }
  return NULL;
}

static void pass_queue(bool patient)
{
  crew c = {.count = 0};

  wheel = (ring){.size = QUEUE_SLOTS, .rounds = QUEUE_SLOTS, .patient = patient};
  crew_start(&c, 1, enqueue_all, &wheel);
  crew_start(&c, 1, dequeue_all, &wheel);
  crew_join(&c);
}

void queue(void)
{
  pass_queue(false);
}

void queue_fixed(void)
{
  pass_queue(true);
}

/* ------------------------------------------------------------------ stack */

enum { STACK_SLOTS = 5 };

static int stack_slots[STACK_SLOTS]; /* under lock, as all of the stack */
static int top;
static bool was_filled; /* once true, never taken back */

static void push_one(int value)
{
  assert(top < STACK_SLOTS);
  stack_slots[top++] = value;
}

static int pop_one(void)
{
  assert(top > 0);
  return stack_slots[--top];
}

static void *push_all(void *unused)
{
  for (int i = 0; i < STACK_SLOTS; i++) {
    pthread_mutex_lock(&lock);
    push_one(i);
    was_filled = true;
    pthread_mutex_unlock(&lock);
  }
  return unused;
}

static void *pop_if_was_filled(void *unused)
{
  for (int i = 0; i < STACK_SLOTS; i++) {
    pthread_mutex_lock(&lock);
    if (was_filled) {
      pop_one();
    }
    pthread_mutex_unlock(&lock);
  }
  return unused;
}

static void *pop_if_any(void *unused)
{
  for (int i = 0; i < STACK_SLOTS; i++) {
    pthread_mutex_lock(&lock);
    if (top > 0) {
      pop_one();
    }
    pthread_mutex_unlock(&lock);
  }
  return unused;
}

static void push_and_pop(body *pop)
{
  crew c = {.count = 0};

  crew_start(&c, 1, push_all, NULL);
  crew_start(&c, 1, pop, NULL);
  crew_join(&c);
}

void stack(void)
{
  push_and_pop(pop_if_was_filled);
}

void stack_fixed(void)
{
  push_and_pop(pop_if_any);
}

/* ------------------------------------------------------------------ bounded_buffer */

enum { SIDES = 2, ITEMS_EACH = 2 };

static bool slot_is_full; /* under lock */
static int (*wake)(pthread_cond_t *);

static void *produce(void *unused)
{
  for (int i = 0; i < ITEMS_EACH; i++) {
    pthread_mutex_lock(&lock);
    while (slot_is_full) {
      pthread_cond_wait(&changed, &lock);
    }
    slot_is_full = true;
    wake(&changed);
    pthread_mutex_unlock(&lock);
  }
  return unused;
}

static void *consume(void *unused)
{
  for (int i = 0; i < ITEMS_EACH; i++) {
    pthread_mutex_lock(&lock);
    while (!slot_is_full) {
      pthread_cond_wait(&changed, &lock);
    }
    slot_is_full = false;
    wake(&changed);
    pthread_mutex_unlock(&lock);
  }
  return unused;
}

static void exchange(void)
{
  crew c = {.count = 0};

  crew_start(&c, SIDES, produce, NULL);
  crew_start(&c, SIDES, consume, NULL);
  crew_join(&c);
}

/* Both sides wait on one condition, so that a signal may wake a thread that cannot use it. */
void bounded_buffer(void)
{
  wake = pthread_cond_signal;
  exchange();
}

void bounded_buffer_fixed(void)
{
  wake = pthread_cond_broadcast;
  exchange();
}
