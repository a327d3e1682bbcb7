/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CoQueue: coroutines that wait for a predicate, in order. Like a condition variable, it is
 * protected by the mutex that protects the predicate; a woken coroutine takes the mutex again and
 * has to look at the predicate again.
 */
#ifndef BLOCK_CO_QUEUE_H
#define BLOCK_CO_QUEUE_H

#include "coroutine/coroutine_int.h"
#include "util/thread.h"

#include <stdbool.h>

/* All zero = empty. */
typedef struct CoQueue {
  CoroutineList waiters;
} CoQueue;

/* Wait at the end of the queue. `lock` is held, released while waiting, and held again. */
void coroutine_fn qemu_co_queue_wait(CoQueue *queue, QemuMutex *lock);

/* Wake the coroutine that has waited longest; false if there is none. Outside of coroutines. `lock`
 * is held, released while the coroutine is woken (it may run right here), and held again. */
bool qemu_co_enter_next(CoQueue *queue, QemuMutex *lock);

/* Wake all, until the queue is empty. */
void qemu_co_enter_all(CoQueue *queue, QemuMutex *lock);

#endif
