/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs of atomics that are right as long as everybody sees every store at once. Each pair of
 * twins has the same bodies; the corrected one passes the memory order that is needed.
 */
#include "defects.h"
#include "threads.h"

#include <assert.h>

typedef struct orders {            /* what the twins differ in */
  memory_order store, load, fence; /* fence: relaxed is none */
} orders;

static const orders weak = {memory_order_release, memory_order_acquire, memory_order_relaxed};
static const orders fenced = {memory_order_release, memory_order_acquire, memory_order_seq_cst};
static const orders relaxed = {memory_order_relaxed, memory_order_relaxed, memory_order_relaxed};
static const orders strong = {memory_order_seq_cst, memory_order_seq_cst, memory_order_seq_cst};

static void run_with(body *one, body *other, const orders *o)
{
  run_two(one, other, (void *)(size_t)o);
}

/* ------------------------------------------------------------------ store buffering */

static atomic_int wants[2], saw_nobody[2];

static void look_after_saying(int me, const orders *o)
{
  atomic_store_explicit(&wants[me], 1, o->store);
  atomic_thread_fence(o->fence);
  put(&saw_nobody[me], !atomic_load_explicit(&wants[!me], o->load));
}

static void *first_looks(void *o)
{
  look_after_saying(0, o);
  return NULL;
}

static void *second_looks(void *o)
{
  look_after_saying(1, o);
  return NULL;
}

static void one_of_two_sees_the_other(const orders *o)
{
  run_with(first_looks, second_looks, o);
  assert(!(get(&saw_nobody[0]) && get(&saw_nobody[1])));
}

void store_buffering(void)
{
  one_of_two_sees_the_other(&weak);
}

void store_buffering_fixed(void)
{
  one_of_two_sees_the_other(&fenced);
}

/* ------------------------------------------------------------------ mutual exclusion by flags */

static atomic_int turn, inside;

static void be_inside(void)
{
  const int others = atomic_fetch_add(&inside, 1);

  assert(others == 0);
  atomic_fetch_sub(&inside, 1);
}

static void peterson(int me, const orders *o)
{
  atomic_store_explicit(&wants[me], 1, o->store);
  atomic_store_explicit(&turn, !me, o->store);
  while (atomic_load_explicit(&wants[!me], o->load) &&
         atomic_load_explicit(&turn, o->load) == !me) {
    sched_yield();
  }
  be_inside();
  atomic_store_explicit(&wants[me], 0, o->store);
}

static void *first_of_peterson(void *o)
{
  peterson(0, o);
  return NULL;
}

static void *second_of_peterson(void *o)
{
  peterson(1, o);
  return NULL;
}

void peterson_without_fence(void)
{
  run_with(first_of_peterson, second_of_peterson, &weak);
}

void peterson_without_fence_fixed(void)
{
  run_with(first_of_peterson, second_of_peterson, &strong);
}

/* ------------------------------------------------------------------ message passing */

static atomic_int data, flag;

static void *send(void *argument)
{
  const orders *o = argument;

  put(&data, 1);
  atomic_store_explicit(&flag, 1, o->store);
  return NULL;
}

static void *receive(void *argument)
{
  const orders *o = argument;

  if (atomic_load_explicit(&flag, o->load)) {
    const int got = get(&data);
    assert(got == 1);
  }
  return NULL;
}

void message_before_its_flag(void)
{
  run_with(send, receive, &relaxed);
}

void message_before_its_flag_fixed(void)
{
  run_with(send, receive, &weak);
}

/* ------------------------------------------------------------------ sequence lock */

static atomic_int sequence, left_half, right_half;

static void *write_halves(void *argument)
{
  const orders *o = argument;

  put(&sequence, 1);
  atomic_thread_fence(o->fence);
  put(&left_half, 1);
  put(&right_half, 1);
  atomic_store_explicit(&sequence, 2, memory_order_release);
  return NULL;
}

static void *read_halves(void *argument)
{
  const orders *o = argument;
  const int before = atomic_load_explicit(&sequence, memory_order_acquire);
  const int left = get(&left_half), right = get(&right_half);

  atomic_thread_fence(o->fence);
  if (before % 2 == 0 && get(&sequence) == before) {
    assert(left == right);
  }
  return NULL;
}

void sequence_lock_without_fences(void)
{
  run_with(write_halves, read_halves, &relaxed);
}

void sequence_lock_without_fences_fixed(void)
{
  run_with(write_halves, read_halves, &strong);
}

/* ------------------------------------------------------------------ two writers, two readers */

static atomic_int x, y, x_first, y_first;

static void *write_x(void *o)
{
  atomic_store_explicit(&x, 1, ((const orders *)o)->store);
  return NULL;
}

static void *write_y(void *o)
{
  atomic_store_explicit(&y, 1, ((const orders *)o)->store);
  return NULL;
}

static void *read_x_then_y(void *argument)
{
  const orders *o = argument;
  const int saw_x = atomic_load_explicit(&x, o->load);
  const int saw_y = atomic_load_explicit(&y, o->load);

  put(&x_first, saw_x && !saw_y);
  return NULL;
}

static void *read_y_then_x(void *argument)
{
  const orders *o = argument;
  const int saw_y = atomic_load_explicit(&y, o->load);
  const int saw_x = atomic_load_explicit(&x, o->load);

  put(&y_first, saw_y && !saw_x);
  return NULL;
}

static void readers_agree(const orders *o)
{
  void *with = (void *)(size_t)o;
  const pthread_t a = run_beside(write_x, with), b = run_beside(write_y, with);

  run_two(read_x_then_y, read_y_then_x, with);
  pthread_join(a, NULL);
  pthread_join(b, NULL);
  assert(!(get(&x_first) && get(&y_first)));
}

void readers_disagree_about_the_order(void)
{
  readers_agree(&weak);
}

void readers_disagree_about_the_order_fixed(void)
{
  readers_agree(&strong);
}
