/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mutexes, condition variables and threads: POSIX with its errors turned into assertions, because
 * each of them means that a caller broke a rule. Everything is inline: a call costs what the
 * POSIX call costs, and a stack shows who called.
 */
#ifndef BLOCK_THREAD_H
#define BLOCK_THREAD_H

#include "util/util.h"

#include <pthread.h>

/* Not recursive. Unlocked by the thread that locked it. */
typedef struct QemuMutex {
  pthread_mutex_t lock;
} QemuMutex;

#define QEMU_MUTEX_INITIALIZER {PTHREAD_MUTEX_INITIALIZER}

/* Its thread may lock it again, and unlocks it as often. */
typedef struct QemuRecMutex {
  pthread_mutex_t lock;
} QemuRecMutex;

typedef struct QemuCond {
  pthread_cond_t cond;
} QemuCond;

static inline void qemu_mutex_init(QemuMutex *mutex)
{
  int error = pthread_mutex_init(&mutex->lock, NULL);
  assert(error == 0);
}

static inline void qemu_mutex_destroy(QemuMutex *mutex)
{
  int error = pthread_mutex_destroy(&mutex->lock);
  assert(error == 0);
}

static inline void qemu_mutex_lock(QemuMutex *mutex)
{
  int error = pthread_mutex_lock(&mutex->lock);
  assert(error == 0);
}

static inline void qemu_mutex_unlock(QemuMutex *mutex)
{
  int error = pthread_mutex_unlock(&mutex->lock);
  assert(error == 0);
}

static inline void qemu_rec_mutex_init(QemuRecMutex *mutex)
{
  pthread_mutexattr_t attr;
  int error = pthread_mutexattr_init(&attr);
  assert(error == 0);
  error = pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
  assert(error == 0);
  error = pthread_mutex_init(&mutex->lock, &attr);
  assert(error == 0);
  error = pthread_mutexattr_destroy(&attr);
  assert(error == 0);
}

static inline void qemu_rec_mutex_destroy(QemuRecMutex *mutex)
{
  int error = pthread_mutex_destroy(&mutex->lock);
  assert(error == 0);
}

static inline void qemu_rec_mutex_lock(QemuRecMutex *mutex)
{
  int error = pthread_mutex_lock(&mutex->lock);
  assert(error == 0);
}

static inline void qemu_rec_mutex_unlock(QemuRecMutex *mutex)
{
  int error = pthread_mutex_unlock(&mutex->lock);
  assert(error == 0); /* else another thread's */
}

static inline void qemu_cond_init(QemuCond *cond)
{
  int error = pthread_cond_init(&cond->cond, NULL);
  assert(error == 0);
}

static inline void qemu_cond_destroy(QemuCond *cond)
{
  int error = pthread_cond_destroy(&cond->cond);
  assert(error == 0);
}

static inline void qemu_cond_signal(QemuCond *cond)
{
  int error = pthread_cond_signal(&cond->cond);
  assert(error == 0);
}

static inline void qemu_cond_broadcast(QemuCond *cond)
{
  int error = pthread_cond_broadcast(&cond->cond);
  assert(error == 0);
}

/* May return without a signal: call it in a loop over the condition. */
static inline void qemu_cond_wait(QemuCond *cond, QemuMutex *mutex)
{
  int error = pthread_cond_wait(&cond->cond, &mutex->lock);
  assert(error == 0);
}

static inline void qemu_thread_create(pthread_t *thread, void *(*run)(void *), void *opaque)
{
  int error = pthread_create(thread, NULL, run, opaque);
  assert(error == 0);
}

static inline void qemu_thread_join(pthread_t thread)
{
  int error = pthread_join(thread, NULL);
  assert(error == 0);
}

#endif
