/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all programs share: threads that are started and joined together, and variables that
 * several threads touch without a lock.
 *
 * Such variables are relaxed atomics: every access is a scheduling point and none of them orders
 * anything, so that a bug is the failed assertion that the program is about and not a data race.
 */
#ifndef CREW_H
#define CREW_H

#include <pthread.h>
#include <stdatomic.h>

enum { CREW_MAX = 128 };

typedef void *body(void *);

typedef struct crew {
  pthread_t threads[CREW_MAX];
  int count; /* of threads started */
} crew;

/* `times` more threads that run body(argument). */
void crew_start(crew *c, int times, body *run, void *argument);
/* Wait for all of them. */
void crew_join(const crew *c);

static inline int get(const atomic_int *variable)
{
  return atomic_load_explicit(variable, memory_order_relaxed);
}

static inline void put(atomic_int *variable, int value)
{
  atomic_store_explicit(variable, value, memory_order_relaxed);
}

#endif
