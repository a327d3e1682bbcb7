/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lock-free mutex of the OSv kernel, for coroutines. Uncontended: one read-modify-write to
 * lock, one to unlock. Contended: a push, a fence and a wakeup.
 *
 * The hard case is an unlocker that knows of a waiter (`locked` counts it) but finds none in the
 * lists, because that one has not got as far as the push. It does not wait for it, but leaves an
 * offer in `handoff`. The waiter looks for an offer after its push, and the unlocker for a waiter
 * after its offer, each with a full fence in between (B7): so one of them sees the other.
 */
#include "colock/co_mutex.h"

#include "aio/aio.h"
#include "aio/main_loop.h"
#include "coroutine/coroutine_int.h"

/* How often to look whether the only other one leaves, before we queue. Sleeping and being woken
 * costs thousands of cycles; the sections are short. */
#ifndef CO_MUTEX_SPINS
#define CO_MUTEX_SPINS 1000
#endif

/* One waiter; on its stack until somebody pops it. */
struct CoWaitRecord {
  Coroutine *co;
  CoWaitRecord *next;
};

static unsigned count_in(CoMutex *mutex, const AioContext *ctx);
static void lock_slowly(CoMutex *mutex);
static void push_waiter(CoMutex *mutex, CoWaitRecord *waiter);
static Coroutine *pop_waiter(CoMutex *mutex);
static bool has_waiters(CoMutex *mutex);
static void hand_over(CoMutex *mutex, Coroutine *co);

void qemu_co_mutex_init(CoMutex *mutex)
{
  *mutex = (CoMutex){0};
}

/* ------------------------------------------------------------------ locking */

void coroutine_fn qemu_co_mutex_lock(CoMutex *mutex)
{
  Coroutine *self = qemu_coroutine_self();
  AioContext *ctx = qemu_get_current_aio_context();

  assert(qemu_in_coroutine());
  if (count_in(mutex, ctx) == 0) {
    /* Relaxed: a hint. */
    atomic_store_explicit(&mutex->ctx, ctx, memory_order_relaxed);
  } else {
    lock_slowly(mutex);
  }
  mutex->holder = self;
  self->locks_held++;
}

/* Count us in. How many were before us? 0: the lock is ours. Acquire, on every way in: what the
 * last holder did. Pairs with the release in qemu_co_mutex_unlock(); others that count themselves
 * in meanwhile keep it up (litmus mp_release_sequence). */
static unsigned count_in(CoMutex *mutex, const AioContext *ctx)
{
  unsigned others = 0;

  if (atomic_compare_exchange_strong_explicit(&mutex->locked, &others, 1, memory_order_acquire,
                                              memory_order_relaxed)) {
    return 0;
  }
  /* One other, so nobody would be overtaken. Relaxed: hints, only the exchange counts. */
  for (unsigned spin = 0; others == 1 && spin < CO_MUTEX_SPINS; spin++) {
    if (atomic_load_explicit(&mutex->ctx, memory_order_relaxed) == ctx) {
      break;
    }
    others = atomic_load_explicit(&mutex->locked, memory_order_relaxed);
    if (others == 0 &&
        atomic_compare_exchange_strong_explicit(&mutex->locked, &others, 1, memory_order_acquire,
                                                memory_order_relaxed)) {
      return 0;
    }
  }
  return atomic_fetch_add_explicit(&mutex->locked, 1, memory_order_acquire);
}

static void lock_slowly(CoMutex *mutex)
{
  Coroutine *self = qemu_coroutine_self();
  CoWaitRecord waiter = {.co = self};

  push_waiter(mutex, &waiter);
  /* B7: push, then look for an offer. Pairs with that in offer_handoff() (litmus sb_fences). */
  atomic_thread_fence(memory_order_seq_cst);
  /* Relaxed: the fence orders it; who takes the offer up does so with acquire. */
  unsigned offer = atomic_load_explicit(&mutex->handoff, memory_order_relaxed);
  /* Acquire: what the last holder did, and popped. Pairs with the release in offer_handoff()
   * (litmus mp_release_acquire). */
  if (offer && has_waiters(mutex) &&
      atomic_compare_exchange_strong_explicit(&mutex->handoff, &offer, 0, memory_order_acquire,
                                              memory_order_relaxed)) {
    /* There is one offer at a time, and we have it: nobody else pops. */
    Coroutine *first = pop_waiter(mutex);
    hand_over(mutex, first);
    if (first == self) {
      return;
    }
  }
  qemu_coroutine_yield();
}

/* ------------------------------------------------------------------ unlocking */

/* Offer the mutex to a waiter that is counted, but not in the lists. True: whoever takes the offer
 * goes on from there. False: it has come meanwhile, and is ours to wake. */
static bool offer_handoff(CoMutex *mutex)
{
  if (++mutex->sequence == 0) {
    mutex->sequence = 1;
  }
  unsigned offer = mutex->sequence;
  /* Release: pairs with the acquire in lock_slowly() (litmus mp_release_acquire). Without it: the
   * waiter that takes the offer up does not see what we did under the lock. */
  atomic_store_explicit(&mutex->handoff, offer, memory_order_release);
  /* B7: offer, then look for a waiter. Pairs with that in lock_slowly() (litmus sb_fences). */
  atomic_thread_fence(memory_order_seq_cst);
  /* Relaxed, the exchange: we take back what we wrote ourselves. */
  return !has_waiters(mutex) ||
         !atomic_compare_exchange_strong_explicit(&mutex->handoff, &offer, 0, memory_order_relaxed,
                                                  memory_order_relaxed);
}

void coroutine_fn qemu_co_mutex_unlock(CoMutex *mutex)
{
  Coroutine *self = qemu_coroutine_self();

  assert(qemu_in_coroutine());
  assert(mutex->holder == self);
  mutex->holder = NULL;
  self->locks_held--;
  atomic_store_explicit(&mutex->ctx, NULL, memory_order_relaxed); /* relaxed: a hint */

  /* Release: pairs with the acquire in count_in(). Acquire: the waiters' pushes are looked at
   * (litmus mp_release_sequence). */
  if (atomic_fetch_sub_explicit(&mutex->locked, 1, memory_order_acq_rel) == 1) {
    return;
  }
  do {
    Coroutine *first = pop_waiter(mutex);
    if (first) {
      hand_over(mutex, first);
      return;
    }
  } while (!offer_handoff(mutex));
}

void coroutine_fn qemu_co_mutex_assert_locked(const CoMutex *mutex)
{
  assert(mutex->holder == qemu_coroutine_self());
}

/* `co`, which we have popped, holds the mutex from now on. */
static void hand_over(CoMutex *mutex, Coroutine *co)
{
  atomic_store_explicit(&mutex->ctx, co->ctx, memory_order_relaxed); /* relaxed: a hint */
  if (co != qemu_coroutine_self()) {
    aio_co_wake(co);
  }
}

/* ------------------------------------------------------------------ waiters */

static void push_waiter(CoMutex *mutex, CoWaitRecord *waiter)
{
  /* Relaxed: the exchange below fails if this is not the newest head. */
  waiter->next = atomic_load_explicit(&mutex->from_push, memory_order_relaxed);
  /* Release: the record and the coroutine. Pairs with the acquire in pop_waiter(), behind the
   * pushes of others too (litmus mp_release_sequence). */
  while (!atomic_compare_exchange_weak_explicit(&mutex->from_push, &waiter->next, waiter,
                                                memory_order_release, memory_order_relaxed)) {
    /* again, behind the new head */
  }
}

/* The waiter that was pushed first; NULL if there is none. One caller at a time. */
static Coroutine *pop_waiter(CoMutex *mutex)
{
  /* Relaxed: written by the last one who popped, and the mutex (or the offer) came from there. */
  CoWaitRecord *first = atomic_load_explicit(&mutex->to_pop, memory_order_relaxed);
  if (!first) {
    /* Acquire: pairs with the release in push_waiter() (litmus mp_release_sequence). */
    CoWaitRecord *newest = atomic_exchange_explicit(&mutex->from_push, NULL, memory_order_acquire);
    while (newest) { /* last in, first out -> first in, first out */
      CoWaitRecord *record = newest;
      newest = record->next;
      record->next = first;
      first = record;
    }
    if (!first) {
      return NULL;
    }
  }
  Coroutine *co = first->co;
  atomic_store_explicit(&mutex->to_pop, first->next, memory_order_relaxed);
  return co;
}

/* Is anybody in the lists? Relaxed: asked behind B7, and who acts on it pops with acquire. */
static bool has_waiters(CoMutex *mutex)
{
  return atomic_load_explicit(&mutex->to_pop, memory_order_relaxed) ||
         atomic_load_explicit(&mutex->from_push, memory_order_relaxed);
}
