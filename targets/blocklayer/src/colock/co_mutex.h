/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CoMutex: mutual exclusion between coroutines of any contexts. Who has to wait yields, so its
 * thread goes on with something else. Waiters get the lock in the order in which they queued, and
 * get it handed over: nobody who comes later can snatch it.
 *
 * Locked and unlocked by the same coroutine; in which context, does not matter. Not recursive.
 */
#ifndef BLOCK_CO_MUTEX_H
#define BLOCK_CO_MUTEX_H

#include "coroutine/coroutine.h"

#include <stdatomic.h>

typedef struct CoWaitRecord CoWaitRecord;

/* All zero = unlocked. */
typedef struct CoMutex {
  /* The holder and all that wait or are about to: 0 = free. Who finds 0 has the lock; otherwise
   * it will be handed over. */
  _Atomic unsigned locked;

  /* Context of the holder, a hint: do not spin for somebody whom our own thread has to run. */
  _Atomic(AioContext *) ctx;

  /* Waiters. Pushed by anybody, last in first out; `to_pop` is what was taken from there, in order
   * of arrival. Only one coroutine at a time pops: the holder, or who has won `handoff`. */
  _Atomic(CoWaitRecord *) from_push;
  _Atomic(CoWaitRecord *) to_pop;

  /* Not 0: the holder has left while a waiter was counted in `locked`, but not yet pushed. Whoever
   * changes it back to 0 has to pop and wake. `sequence` makes each offer differ from the last. */
  _Atomic unsigned handoff;
  unsigned sequence;

  Coroutine *holder; /* touched by the holder only */
} CoMutex;

void qemu_co_mutex_init(CoMutex *mutex);

void coroutine_fn qemu_co_mutex_lock(CoMutex *mutex);

/* Wakes the next waiter, which goes on when the running coroutine yields, or in its own thread.
 * Never sleeps. */
void coroutine_fn qemu_co_mutex_unlock(CoMutex *mutex);

/* Abort unless the running coroutine holds it. */
void coroutine_fn qemu_co_mutex_assert_locked(const CoMutex *mutex);

#endif
