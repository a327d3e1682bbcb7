/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the workers' operations; shows what was read, in a hexadecimal digit for each read. */
#include "driver.h"

#include <pthread.h>
#include <stdint.h>

#include "operations.h"
#include "orders.h"

static pthread_t thread[ACTOR_WORKER_COUNT];
static uint64_t seen[ACTOR_WORKER_COUNT]; /* one digit a read */
static unsigned reads[ACTOR_WORKER_COUNT];

static void *work(void *argument)
{
  const unsigned worker = (unsigned)(uintptr_t)argument;
  ds_operation op;

  for (int place = 0; ds_next(ACTOR_WORKER_FIRST + worker, &op); place++) {
    const int number = (int)worker * 4 + place + 1; /* at most 3 operations each: below 16 */
    int value = -1;
    switch (op.code) {
    case OP_LOAD:
      value = orders_load(op.a, op.b);
      break;
    case OP_STORE:
      orders_store(op.a, op.b, number);
      break;
    case OP_EXCHANGE:
      value = orders_exchange(op.a, op.b, number);
      break;
    case OP_REPLACE:
      value = orders_replace(op.a, op.b, number);
      break;
    default:
      orders_fence(op.a);
    }
    if (value >= 0) {
      seen[worker] = seen[worker] << 4 | (uint64_t)value;
      reads[worker]++;
    }
  }
  return NULL;
}

/* The digits of all workers in order, then what is left in the objects, behind a leading 1. */
static void show(unsigned workers)
{
  uint64_t all = 1;

  for (unsigned i = 0; i < workers; i++) {
    all = all << 4 * reads[i] | seen[i];
  }
  for (unsigned i = 0; i < OBJECTS; i++) {
    all = all << 4 | (uint64_t)orders_load(i, 0);
  }
  ds_observe(all);
}

void ds_driver_main(void)
{
  ds_operation op;

  while (ds_next(ACTOR_MAIN_FIRST, &op)) {
    ds_uninterrupted(true); /* creating and joining threads is no part of the program */
    for (unsigned i = 0; i < op.a; i++) {
      pthread_create(&thread[i], NULL, work, (void *)(uintptr_t)i);
    }
    for (unsigned i = 0; i < op.a; i++) {
      pthread_join(thread[i], NULL);
    }
    show(op.a);
    ds_uninterrupted(false);
  }
}

int ds_driver_idle(void)
{
  return DS_IDLE_STUCK;
}
