/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting unlocks before it yields. That is safe although a waker may be at work in between: it
 * finds another thread's context in `co->ctx` and schedules the coroutine there, which cannot
 * enter it before the thread is back in its loop. No atomic operation and no allocation of its own:
 * waiting and waking are O(1), under the caller's lock; another context's waiter costs a bottom
 * half.
 */
#include "colock/co_queue.h"

#include "aio/aio.h"

void coroutine_fn qemu_co_queue_wait_impl(CoQueue *queue, const QemuLockable *lock, int flags)
{
  Coroutine *self = qemu_coroutine_self();

  if (flags & CO_QUEUE_WAIT_FRONT) {
    coroutine_list_push(&queue->waiters, self);
  } else {
    coroutine_list_append(&queue->waiters, self);
  }
  qemu_lockable_unlock(lock);
  qemu_coroutine_yield();
  qemu_lockable_lock(lock);
}

bool coroutine_fn qemu_co_queue_next(CoQueue *queue)
{
  Coroutine *co = coroutine_list_pop(&queue->waiters);

  assert(qemu_in_coroutine()); /* else it would run here, and find the lock taken */
  if (!co) {
    return false;
  }
  aio_co_wake(co);
  return true;
}

void coroutine_fn qemu_co_queue_restart_all(CoQueue *queue)
{
  while (qemu_co_queue_next(queue)) {
    /* until nobody is left */
  }
}

bool qemu_co_enter_next_impl(CoQueue *queue, const QemuLockable *lock)
{
  Coroutine *co = coroutine_list_pop(&queue->waiters);

  if (!co) {
    return false;
  }
  qemu_lockable_unlock(lock);
  aio_co_wake(co);
  qemu_lockable_lock(lock);
  return true;
}

void qemu_co_enter_all_impl(CoQueue *queue, const QemuLockable *lock)
{
  while (qemu_co_enter_next_impl(queue, lock)) {
    /* until nobody is left */
  }
}
