/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A counter and a queue of tickets under a CoMutex: two locked sections per reader, three for who
 * has to wait.
 *
 * Only the head of the queue is ever looked at. A woken reader looks in turn, so readers that
 * stand next to each other come in one after the other.
 */
#include "colock/co_rwlock.h"

#include "aio/aio.h"
#include "coroutine/coroutine_int.h"

enum { WRITER_INSIDE = -1 };

static void wait_for_turn(CoRwlock *lock, bool read);
static void wake_first_and_unlock(CoRwlock *lock);
static bool let_in(CoRwlock *lock, bool read);

void qemu_co_rwlock_init(CoRwlock *lock)
{
  *lock = (CoRwlock){0};
}

void coroutine_fn qemu_co_rwlock_rdlock(CoRwlock *lock)
{
  qemu_co_mutex_lock(&lock->mutex);
  if (!lock->first_ticket && let_in(lock, true)) {
    qemu_co_mutex_unlock(&lock->mutex);
  } else {
    wait_for_turn(lock, true);
    qemu_co_mutex_lock(&lock->mutex);
    assert(lock->owners >= 1); /* under the mutex: other readers change it */
    wake_first_and_unlock(lock);
  }
  qemu_coroutine_self()->locks_held++;
}

void coroutine_fn qemu_co_rwlock_wrlock(CoRwlock *lock)
{
  qemu_co_mutex_lock(&lock->mutex);
  if (!lock->first_ticket && let_in(lock, false)) {
    qemu_co_mutex_unlock(&lock->mutex);
  } else {
    wait_for_turn(lock, false);
  }
  qemu_coroutine_self()->locks_held++;
}

void coroutine_fn qemu_co_rwlock_unlock(CoRwlock *lock)
{
  assert(qemu_coroutine_self()->locks_held > 0);
  qemu_coroutine_self()->locks_held--;

  qemu_co_mutex_lock(&lock->mutex);
  if (lock->owners > 0) {
    lock->owners--;
  } else {
    assert(lock->owners == WRITER_INSIDE);
    lock->owners = 0;
  }
  wake_first_and_unlock(lock);
}

void coroutine_fn qemu_co_rwlock_downgrade(CoRwlock *lock)
{
  qemu_co_mutex_lock(&lock->mutex);
  assert(lock->owners == WRITER_INSIDE);
  lock->owners = 1;
  wake_first_and_unlock(lock);
}

void coroutine_fn qemu_co_rwlock_upgrade(CoRwlock *lock)
{
  qemu_co_mutex_lock(&lock->mutex);
  assert(lock->owners > 0);
  lock->owners--; /* two that upgrade would wait for each other */
  if (!lock->first_ticket && let_in(lock, false)) {
    qemu_co_mutex_unlock(&lock->mutex);
  } else {
    wait_for_turn(lock, false);
  }
}

/* ------------------------------------------------------------------ the queue */

/* Count one in, if the counter allows it. */
static bool let_in(CoRwlock *lock, bool read)
{
  if (read ? lock->owners < 0 : lock->owners != 0) {
    return false;
  }
  lock->owners = read ? lock->owners + 1 : WRITER_INSIDE;
  return true;
}

/* The mutex is held, and is not afterwards. */
static void wait_for_turn(CoRwlock *lock, bool read)
{
  CoRwTicket ticket = {.read = read, .co = qemu_coroutine_self()};

  if (lock->first_ticket) {
    lock->last_ticket->next = &ticket;
  } else {
    lock->first_ticket = &ticket;
  }
  lock->last_ticket = &ticket;
  /* Who gave up being a reader for this may have been the last one in the way of the first. */
  wake_first_and_unlock(lock);
  qemu_coroutine_yield();
}

/* The mutex is held; it is released before somebody runs who will want it. */
static void wake_first_and_unlock(CoRwlock *lock)
{
  CoRwTicket *first = lock->first_ticket;
  Coroutine *co = NULL;

  if (first && let_in(lock, first->read)) {
    co = first->co; /* the ticket is gone as soon as it runs */
    lock->first_ticket = first->next;
  }
  qemu_co_mutex_unlock(&lock->mutex);
  if (co) {
    aio_co_wake(co);
  }
}
