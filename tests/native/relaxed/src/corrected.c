/* SPDX-License-Identifier: Apache-2.0 */
/* Their corrected twins: the same work, without a race. */
#include "scenarios.h"
#include "threads.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

KEPT int content;
static atomic_int published, updates, users_left, hit_count, visitor_number;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *publish(void *unused)
{
  content = 42;
  atomic_store_explicit(&published, 1, memory_order_release);
  return unused;
}

static void *take(void *unused)
{
  if (atomic_load_explicit(&published, memory_order_acquire)) {
    assert(content == 42);
  }
  return unused;
}

void message(void)
{
  run_two(publish, take);
}

static void *add_one(void *unused)
{
  atomic_fetch_add(&updates, 1);
  return unused;
}

void update(void)
{
  atomic_store(&updates, 0);
  run_two(add_one, add_one);
  assert(atomic_load(&updates) == 2);
}

typedef struct twins {
  long one, other;
} twins;

KEPT twins guarded;

static void *change_guarded(void *unused)
{
  pthread_mutex_lock(&lock);
  guarded = (twins){1, 1};
  pthread_mutex_unlock(&lock);
  return unused;
}

static void *copy_guarded(void *unused)
{
  pthread_mutex_lock(&lock);
  twins copy = guarded;
  pthread_mutex_unlock(&lock);
  volatile twins *look = &copy;
  assert(look->one == look->other);
  return unused;
}

void whole_copy(void)
{
  run_two(change_guarded, copy_guarded);
}

static void *leave_counted(void *block)
{
  if (atomic_fetch_sub(&users_left, 1) == 1) {
    free(block);
  }
  return NULL;
}

void freed_by_the_last(void)
{
  atomic_store(&users_left, 2);
  run_two_with(leave_counted, leave_counted, malloc(8));
}

static void *hit_atomically(void *unused)
{
  atomic_fetch_add_explicit(&hit_count, 1, memory_order_relaxed);
  return unused;
}

void atomic_statistics(void)
{
  run_two(hit_atomically, hit_atomically);
}

static void *visit_atomically(void *unused)
{
  atomic_store_explicit(&visitor_number, 1, memory_order_relaxed);
  return unused;
}

void atomic_visitor(void)
{
  run_two(visit_atomically, visit_atomically);
}

/* ------------------------------------------------------------------ volatile */

static volatile int letter, delivered, stop;

static void *post(void *unused)
{
  letter = 1;
  delivered = 1;
  return unused;
}

static void *fetch(void *unused)
{
  if (delivered) {
    assert(letter == 1);
  }
  return unused;
}

void volatile_message(void)
{
  run_two(post, fetch);
}

static void *ask_to_stop(void *unused)
{
  stop = 1;
  return unused;
}

static void *work_until_told(void *unused)
{
  for (int i = 0; i < 3 && !stop; i++) {
    atomic_fetch_add(&hit_count, 1);
  }
  return unused;
}

void volatile_stop(void)
{
  run_two(ask_to_stop, work_until_told);
}

/* ------------------------------------------------------------------ one thread alone */

KEPT union {
  uint64_t whole;
  uint32_t half[2];
  uint8_t byte[8];
} bits;

static void *nothing(void *unused)
{
  return unused;
}

static void *store_and_load(void *unused)
{
  bits.whole = 0;
  bits.half[1] = 0x01020304;
  bits.byte[0] = 5;
  bits.byte[4]++;
  assert(bits.whole == 0x0102030500000005);
  assert(bits.half[1] == 0x01020305 && bits.byte[7] == 1);
  return unused;
}

void own_stores(void)
{
  run_two(store_and_load, nothing);
}

typedef struct kind {
  int first;
  const int *next;
} kind;

static const int two = 2;
static const kind constant = {1, &two}; /* relocated, then read-only */
static const kind *volatile chosen = &constant;
static volatile int *handed_over;

static __attribute__((noinline)) int last_of(int depth)
{
  volatile int local[6];

  handed_over = local;
  for (int i = 0; i < 6; i++) {
    local[i] = depth + i;
  }
  int sum = depth ? last_of(depth - 1) : 0;
  sum += local[5];
  local[0] = sum;
  return sum;
}

static void *use_stack(void *unused)
{
  for (int i = 0; i < 4; i++) {
    assert(last_of(3) == 26);
    assert(chosen->first + *chosen->next == 3);
  }
  return unused;
}

void own_variables(void)
{
  run_two(use_stack, use_stack);
}
