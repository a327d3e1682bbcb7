/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work-stealing queues: the owner pushes and pops at the tail, thieves steal at the head, and the
 * protocol must not give the last item to both.
 *
 * Two protocols. THE (Frigo, Leiserson, Randall, PLDI 1998): thieves exclude each other by a lock
 * and raise the head before they look; an owner who meets one there tries again under the lock.
 * Interlocked (Chase, Lev, SPAA 2005): whoever moves the head by compare-and-swap has the item.
 */
#include "classics.h"
#include "crew.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>

enum { SLOTS = 8, NOTHING = -1 };

/* Which way of being wrong, if any. */
enum { RIGHT, NO_WRITE_BACK, LOOK_TOO_EARLY, OWNER_TAKES, THIEF_STORES, UNFENCED };

typedef struct deque {
  pthread_mutex_t lock; /* thieves, and an owner who meets one (THE only) */
  atomic_int head, tail;
  atomic_int slots[SLOTS];
  int wrong;
  int (*pop)(struct deque *);
  int (*steal)(struct deque *);
} deque;

static deque work = {.lock = PTHREAD_MUTEX_INITIALIZER};
static atomic_int taken[SLOTS]; /* by item */

static int slot(const deque *d, int at)
{
  return get(&d->slots[at % SLOTS]);
}

/* S1: the tail is published before the head is read. Pairs with S2. Without it: the last item goes
 * to both (litmus sb). */
static void store_then_look(deque *d, atomic_int *index, int value)
{
  if (d->wrong == UNFENCED) {
    atomic_store_explicit(index, value, memory_order_release);
  } else {
    atomic_store(index, value);
  }
}

static int look(const deque *d, const atomic_int *index)
{
  return atomic_load_explicit(index,
                              d->wrong == UNFENCED ? memory_order_acquire : memory_order_seq_cst);
}

static void push(deque *d, int item)
{
  const int tail = get(&d->tail);

  put(&d->slots[tail % SLOTS], item);
  atomic_store_explicit(&d->tail, tail + 1, memory_order_release); /* the item before the tail */
}

/* ------------------------------------------------------------------ THE */

static int the_steal(deque *d)
{
  int item = NOTHING;

  pthread_mutex_lock(&d->lock);
  const int head = get(&d->head);
  store_then_look(d, &d->head, head + 1); /* S2 */
  if (head < look(d, &d->tail)) {
    item = slot(d, head);
  } else {
    atomic_store(&d->head, head);
  }
  pthread_mutex_unlock(&d->lock);
  return item;
}

static int the_pop_locked(deque *d)
{
  pthread_mutex_lock(&d->lock);
  const int tail = get(&d->tail) - 1;
  const bool has_one = look(d, &d->head) <= tail;
  if (has_one && d->wrong != NO_WRITE_BACK) {
    atomic_store(&d->tail, tail);
  }
  pthread_mutex_unlock(&d->lock);
  return has_one ? slot(d, tail) : NOTHING;
}

static int the_pop(deque *d)
{
  const int tail = get(&d->tail) - 1;

  if (d->wrong == LOOK_TOO_EARLY) {
    const bool has_one = look(d, &d->head) <= tail;
    store_then_look(d, &d->tail, has_one ? tail : tail + 1);
    return has_one ? slot(d, tail) : NOTHING;
  }
  store_then_look(d, &d->tail, tail); /* S1 */
  if (look(d, &d->head) <= tail) {
    return slot(d, tail);
  }
  atomic_store(&d->tail, tail + 1);
  return the_pop_locked(d);
}

/* ------------------------------------------------------------------ interlocked */

static bool move_head(deque *d, int head)
{
  return atomic_compare_exchange_strong(&d->head, &head, head + 1);
}

static int interlocked_steal(deque *d)
{
  const int head = look(d, &d->head);

  if (head >= look(d, &d->tail)) { /* S2: the head is read before the tail */
    return NOTHING;
  }
  const int item = slot(d, head);
  if (d->wrong == THIEF_STORES) {
    if (look(d, &d->head) != head) {
      return NOTHING;
    }
    atomic_store(&d->head, head + 1);
    return item;
  }
  return move_head(d, head) ? item : NOTHING;
}

static int interlocked_pop(deque *d)
{
  const int tail = get(&d->tail) - 1;

  store_then_look(d, &d->tail, tail); /* S1 */
  const int head = look(d, &d->head);
  if (head < tail) {
    return slot(d, tail);
  }
  int item = NOTHING;
  if (head == tail && (d->wrong == OWNER_TAKES || move_head(d, head))) {
    item = slot(d, tail);
    if (d->wrong == OWNER_TAKES) {
      atomic_store(&d->head, tail + 1);
    }
  }
  atomic_store(&d->tail, tail + 1);
  return item;
}

/* ------------------------------------------------------------------ programs */

static void take(int item)
{
  if (item != NOTHING) {
    assert(atomic_fetch_add_explicit(&taken[item], 1, memory_order_relaxed) == 0);
  }
}

/* With state: an item is looked at and marked, as an owner would do who trusts the queue. */
static void take_by_state(int item)
{
  if (item != NOTHING) {
    assert(get(&taken[item]) == 0);
    put(&taken[item], 1);
  }
}

typedef struct scenario {
  int thieves, steals; /* each steals so many times */
  int items;
  void (*take)(int);
} scenario;

static scenario plan;

static void *steal_some(void *unused)
{
  for (int i = 0; i < plan.steals; i++) {
    plan.take(work.steal(&work));
  }
  return unused;
}

/* The owner pushes two items, pops one, and so on; at the end it pops until there is none. */
static void own_and_steal(scenario s, int wrong)
{
  crew c = {.count = 0};

  plan = s;
  work.wrong = wrong;
  crew_start(&c, s.thieves, steal_some, NULL);
  for (int item = 0; item < s.items; item += 2) {
    push(&work, item);
    push(&work, item + 1);
    plan.take(work.pop(&work));
  }
  for (int item = 0; item < s.items / 2; item++) {
    plan.take(work.pop(&work));
  }
  crew_join(&c);
}

static void the_program(scenario s, int wrong)
{
  work.pop = the_pop;
  work.steal = the_steal;
  own_and_steal(s, wrong);
}

static void interlocked_program(scenario s, int wrong)
{
  work.pop = interlocked_pop;
  work.steal = interlocked_steal;
  own_and_steal(s, wrong);
}

static const scenario one_thief = {.thieves = 1, .steals = 2, .items = 4, .take = take};
static const scenario two_thieves = {.thieves = 2, .steals = 1, .items = 4, .take = take};
static const scenario one_by_state = {.thieves = 1, .steals = 2, .items = 4, .take = take_by_state};
static const scenario two_by_state = {.thieves = 2, .steals = 1, .items = 4, .take = take_by_state};

void work_steal_queue(void)
{
  the_program(one_thief, NO_WRITE_BACK);
}

void work_steal_queue_fixed(void)
{
  the_program(two_thieves, RIGHT);
}

void state_work_steal_queue(void)
{
  the_program(one_by_state, LOOK_TOO_EARLY);
}

void interlocked_work_steal_queue(void)
{
  interlocked_program(one_thief, OWNER_TAKES);
}

void interlocked_work_steal_queue_fixed(void)
{
  interlocked_program(two_thieves, RIGHT);
}

void interlocked_work_steal_queue_with_state(void)
{
  interlocked_program(two_by_state, THIEF_STORES);
}

/* Right under sc: acquire and release do not keep a load behind an earlier store. */
void interlocked_work_steal_queue_unfenced(void)
{
  interlocked_program(one_thief, UNFENCED);
}
