/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "A lock of some kind": what a CoQueue releases while it waits. QEMU_MAKE_LOCKABLE(x) makes one
 * of a QemuMutex * or a CoMutex *; it costs an indirect call per lock and unlock.
 */
#ifndef BLOCK_LOCKABLE_H
#define BLOCK_LOCKABLE_H

#include "colock/co_mutex.h"
#include "util/thread.h"

typedef struct QemuLockable {
  void *object;
  void (*lock)(void *object);
  void (*unlock)(void *object);
} QemuLockable;

static inline void lockable_lock_mutex(void *object)
{
  qemu_mutex_lock(object);
}

static inline void lockable_unlock_mutex(void *object)
{
  qemu_mutex_unlock(object);
}

static inline void coroutine_fn lockable_lock_co_mutex(void *object)
{
  qemu_co_mutex_lock(object);
}

static inline void coroutine_fn lockable_unlock_co_mutex(void *object)
{
  qemu_co_mutex_unlock(object);
}

/* Valid until the end of the enclosing block. */
#define QEMU_MAKE_LOCKABLE(x)                                                                      \
  (&(QemuLockable){                                                                                \
      .object = (x),                                                                               \
      .lock = _Generic((x), QemuMutex *: lockable_lock_mutex, CoMutex *: lockable_lock_co_mutex),  \
      .unlock =                                                                                    \
          _Generic((x), QemuMutex *: lockable_unlock_mutex, CoMutex *: lockable_unlock_co_mutex),  \
  })

static inline void qemu_lockable_lock(const QemuLockable *lockable)
{
  lockable->lock(lockable->object);
}

static inline void qemu_lockable_unlock(const QemuLockable *lockable)
{
  lockable->unlock(lockable->object);
}

#endif
