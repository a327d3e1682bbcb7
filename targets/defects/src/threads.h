/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the programs share: two threads from beginning to end, a lock that one of two twins takes,
 * and relaxed atomics for what threads share without a lock (they order nothing, and no access to
 * them is a data race: the defect is then what comes of it).
 */
#ifndef THREADS_H
#define THREADS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

/* A variable that is only written stays: somebody might look at it. */
#define KEPT static __attribute__((used))

typedef void *body(void *);

static inline void run_two(body *one, body *other, void *argument)
{
  pthread_t a, b;

  pthread_create(&a, NULL, one, argument);
  pthread_create(&b, NULL, other, argument);
  pthread_join(a, NULL);
  pthread_join(b, NULL);
}

/* Run `one` beside `other`, which the caller is. */
static inline pthread_t run_beside(body *one, void *argument)
{
  pthread_t a;

  pthread_create(&a, NULL, one, argument);
  return a;
}

/* Two bodies that get a lock in the corrected twin and NULL in the other. */
#define LOCKED_TWINS(name, one, other)                                                             \
  void name(void)                                                                                  \
  {                                                                                                \
    run_two(one, other, NULL);                                                                     \
  }                                                                                                \
  void name##_fixed(void)                                                                          \
  {                                                                                                \
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;                                       \
    run_two(one, other, &lock);                                                                    \
  }

static inline void enter(void *lock)
{
  if (lock) {
    pthread_mutex_lock(lock);
  }
}

static inline void leave(void *lock)
{
  if (lock) {
    pthread_mutex_unlock(lock);
  }
}

static inline int get(const atomic_int *variable)
{
  return atomic_load_explicit(variable, memory_order_relaxed);
}

static inline void put(atomic_int *variable, int value)
{
  atomic_store_explicit(variable, value, memory_order_relaxed);
}

#endif
