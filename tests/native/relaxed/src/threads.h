/* SPDX-License-Identifier: Apache-2.0 */
/* Two threads from beginning to end, and data that the compiler must not optimise away. */
#ifndef THREADS_H
#define THREADS_H

#include <pthread.h>

/* A variable that is only written stays: somebody might look at it. */
#define KEPT static __attribute__((used))

static inline void run_two_with(void *(*one)(void *), void *(*other)(void *), void *argument)
{
  pthread_t a, b;

  pthread_create(&a, NULL, one, argument);
  pthread_create(&b, NULL, other, argument);
  pthread_join(a, NULL);
  pthread_join(b, NULL);
}

static inline void run_two(void *(*one)(void *), void *(*other)(void *))
{
  run_two_with(one, other, NULL);
}

#endif
