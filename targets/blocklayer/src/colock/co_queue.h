/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CoQueue: coroutines that wait for a predicate, in order. Like a condition variable, it is
 * protected by the lock that protects the predicate, a QemuMutex or a CoMutex; a woken coroutine
 * takes the lock again and has to look at the predicate again.
 */
#ifndef BLOCK_CO_QUEUE_H
#define BLOCK_CO_QUEUE_H

#include "colock/lockable.h"
#include "coroutine/coroutine_int.h"

#include <stdbool.h>

/* All zero = empty. */
typedef struct CoQueue {
  CoroutineList waiters;
} CoQueue;

typedef enum CoQueueWaitFlags {
  CO_QUEUE_WAIT_FRONT = 1 << 0, /* before those that wait already */
} CoQueueWaitFlags;

static inline void qemu_co_queue_init(CoQueue *queue)
{
  *queue = (CoQueue){0};
}

/* Does nobody wait? The lock is held. */
static inline bool qemu_co_queue_empty(const CoQueue *queue)
{
  return !queue->waiters.head;
}

/* Wait at the end of the queue, or with flags. `lock` is held, released while waiting, and held
 * again. */
#define qemu_co_queue_wait(queue, lock) qemu_co_queue_wait_flags(queue, lock, 0)
#define qemu_co_queue_wait_flags(queue, lock, flags)                                               \
  qemu_co_queue_wait_impl(queue, QEMU_MAKE_LOCKABLE(lock), flags)
void coroutine_fn qemu_co_queue_wait_impl(CoQueue *queue, const QemuLockable *lock, int flags);

/*
 * Wake the coroutine that has waited longest; false if there is none. The lock is held all the
 * time: in a coroutine nobody is entered before it yields, which it may do only after unlocking.
 */
bool coroutine_fn qemu_co_queue_next(CoQueue *queue);

/* Wake all. */
void coroutine_fn qemu_co_queue_restart_all(CoQueue *queue);

/* Wake the coroutine that has waited longest; false if there is none. Outside of coroutines. `lock`
 * is held, released while the coroutine is woken (it may run right here), and held again. */
#define qemu_co_enter_next(queue, lock) qemu_co_enter_next_impl(queue, QEMU_MAKE_LOCKABLE(lock))
bool qemu_co_enter_next_impl(CoQueue *queue, const QemuLockable *lock);

/* Wake all, until the queue is empty. */
#define qemu_co_enter_all(queue, lock) qemu_co_enter_all_impl(queue, QEMU_MAKE_LOCKABLE(lock))
void qemu_co_enter_all_impl(CoQueue *queue, const QemuLockable *lock);

#endif
