/* SPDX-License-Identifier: Apache-2.0 */
/* Threads whose interleavings can be counted: 6 over 3 = 20 orders of the stores to `shared`. */
#include "lines.h"

#include <pthread.h>
#include <stdatomic.h>

enum { STORES = 3, NOISE = 24 };

/* Apart, since the machine counts the order of accesses per 8 bytes. */
static _Alignas(16) atomic_int shared;
static _Alignas(16) atomic_int private;
static _Alignas(16) atomic_int done;

static void *store_thrice(void *unused)
{
  for (int i = 0; i < STORES; i++) {
    atomic_store(&shared, i);
  }
  return unused;
}

static void *store_late(void *unused)
{
  for (int i = 0; i < NOISE; i++) {
    atomic_store(&private, i);
  }
  return store_thrice(unused);
}

static void *await_one(void *unused)
{
  while (atomic_load(&shared) != STORES - 1) {
  }
  return unused;
}

static void run_two(void *(*a)(void *), void *(*b)(void *))
{
  pthread_t one, two;

  pthread_create(&one, NULL, a, NULL);
  pthread_create(&two, NULL, b, NULL);
  pthread_join(one, NULL);
  pthread_join(two, NULL);
}

void even_lines(void)
{
  run_two(store_thrice, store_thrice);
}

void uneven_lines(void)
{
  run_two(store_late, store_thrice);
}

void spinning_line(void)
{
  run_two(await_one, store_late);
}

static void *await_done(void *unused)
{
  while (atomic_load(&done) == 0) {
  }
  atomic_store(&shared, STORES);
  return unused;
}

static void *store_and_look(void *unused)
{
  store_thrice(unused);
  atomic_store(&done, atomic_load(&shared) == STORES - 1);
  return unused;
}

void held_line(void)
{
  run_two(await_done, store_and_look);
}

static void *store_in_two_tasks(void *unused)
{
  for (int i = 0; i < 2; i++) {
    task_begins();
    atomic_store(&shared, i);
    task_ends();
  }
  return unused;
}

static void *store_once(void *unused)
{
  atomic_store(&shared, STORES);
  return unused;
}

void task_line(void)
{
  run_two(store_in_two_tasks, store_once);
}
