/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting unlocks before it yields. That is safe although a waker may be at work in between: it
 * finds another thread's context in `co->ctx` and schedules the coroutine there, which cannot
 * enter it before the thread is back in its loop.
 */
#include "colock/co_queue.h"

#include "aio/aio.h"

void coroutine_fn qemu_co_queue_wait(CoQueue *queue, QemuMutex *lock)
{
  coroutine_list_append(&queue->waiters, qemu_coroutine_self());
  qemu_mutex_unlock(lock);
  qemu_coroutine_yield();
  qemu_mutex_lock(lock);
}

bool qemu_co_enter_next(CoQueue *queue, QemuMutex *lock)
{
  Coroutine *co = coroutine_list_pop(&queue->waiters);

  if (!co) {
    return false;
  }
  qemu_mutex_unlock(lock);
  aio_co_wake(co);
  qemu_mutex_lock(lock);
  return true;
}

void qemu_co_enter_all(CoQueue *queue, QemuMutex *lock)
{
  while (qemu_co_enter_next(queue, lock)) {
    /* until nobody is left */
  }
}
