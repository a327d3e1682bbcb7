/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CoRwlock: any number of readers or one writer, coroutines of any contexts, strictly in the order
 * in which they come: a reader waits behind a writer that waits. Not recursive.
 */
#ifndef BLOCK_CO_RWLOCK_H
#define BLOCK_CO_RWLOCK_H

#include "colock/co_mutex.h"

#include <stdbool.h>

/* A place in the queue; on the waiter's stack. */
typedef struct CoRwTicket CoRwTicket;
struct CoRwTicket {
  bool read;
  Coroutine *co;
  CoRwTicket *next;
};

/* All zero = free. */
typedef struct CoRwlock {
  CoMutex mutex; /* protects what follows; never held for long */

  /* Readers inside; -1: a writer is. Who is woken has been counted in already by its waker, so that
   * nobody can slip in between. */
  int owners;

  /* Who waits, in order. */
  CoRwTicket *first_ticket;
  CoRwTicket *last_ticket; /* meaningless while there is no first one */
} CoRwlock;

void qemu_co_rwlock_init(CoRwlock *lock);

void coroutine_fn qemu_co_rwlock_rdlock(CoRwlock *lock);
void coroutine_fn qemu_co_rwlock_wrlock(CoRwlock *lock);

/* Whichever way it was locked. May sleep, as all of these. */
void coroutine_fn qemu_co_rwlock_unlock(CoRwlock *lock);

/* Writer -> reader. Nobody writes in between; readers at the head of the queue come in. */
void coroutine_fn qemu_co_rwlock_downgrade(CoRwlock *lock);

/* Reader -> writer, at the end of the queue: others may write in between. */
void coroutine_fn qemu_co_rwlock_upgrade(CoRwlock *lock);

#endif
