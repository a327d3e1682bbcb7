/* SPDX-License-Identifier: Apache-2.0 */
/* What the speed measurement repeats: one kind of step each, ROUNDS times over. */
#include "programs.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

enum { THREADS = 3, ATOMIC_ROUNDS = 25 };

/* ------------------------------------------------------------------ threads */

static void run_threads(void *(*body)(void *))
{
  pthread_t threads[THREADS];

  for (uintptr_t i = 0; i < THREADS; i++) {
    pthread_create(&threads[i], NULL, body, (void *)i);
  }
  for (int i = 0; i < THREADS; i++) {
    pthread_join(threads[i], NULL);
  }
}

static void *do_nothing(void *unused)
{
  (void)unused;
  return NULL;
}

void start_threads(void)
{
  run_threads(do_nothing);
}

/* ------------------------------------------------------------------ atomics */

static _Atomic uint32_t mine[THREADS], counter;

static void *do_atomics(void *number)
{
  const uintptr_t self = (uintptr_t)number;
  const uintptr_t next = (self + 1) % THREADS;
  uint32_t sum = 0;

  for (uint32_t i = 0; i < ATOMIC_ROUNDS; i++) {
    sum += atomic_load_explicit(&mine[next], memory_order_acquire);
    atomic_store_explicit(&mine[self], i, memory_order_release);
    atomic_fetch_add_explicit(&counter, 1, memory_order_acq_rel);
    sum += atomic_load_explicit(&counter, memory_order_relaxed);
  }
  return (void *)(uintptr_t)sum;
}

void use_atomics(void)
{
  run_threads(do_atomics);
}

/* ------------------------------------------------------------------ plain accesses */

/* In each round every word is read and written once. */
static void use_words(unsigned words, int with_release)
{
  uint64_t *word = calloc(WORDS_MOST, sizeof *word);

  words = words < WORDS_MOST ? words : WORDS_MOST;
  for (uint32_t round = 0; word && round < ROUNDS; round++) {
    if (with_release) {
      atomic_store_explicit(&counter, round, memory_order_release);
    }
    for (unsigned i = 0; i < words; i++) {
      word[i] += round;
    }
  }
  free(word);
}

void same_epoch(unsigned words)
{
  use_words(words, 0);
}

void new_epoch(unsigned words)
{
  use_words(words, 1);
}
