/* SPDX-License-Identifier: Apache-2.0 */
/* Starts workers, waits for them, compares the sum. */
#include "driver.h"

#include <pthread.h>
#include <stdint.h>

#include "operations.h"
#include "tally.h"

static bool started[ACTOR_WORKER_COUNT];
static pthread_t thread[ACTOR_WORKER_COUNT];
static unsigned expected;

static void *work(void *argument)
{
  unsigned actor = ACTOR_WORKER_FIRST + (unsigned)(uintptr_t)argument;
  ds_operation op;
  while (ds_next(actor, &op)) {
    switch (op.code) {
    case OP_ADD:
      expected += op.a;
      ds_mark(0);
      tally_add(op.a);
      break;
    case OP_HOLD:
      tally_hold(op.a % 3, op.b % 3);
      break;
    case OP_CRASH:
      tally_crash();
      break;
    case OP_CHECK:
      tally_check();
      break;
    default:
      ds_skip(actor);
    }
  }
  return NULL;
}

void ds_driver_main(void)
{
  ds_operation op;
  tally_reset();
  while (ds_next(ACTOR_MAIN_FIRST, &op)) {
    unsigned worker = op.a % ACTOR_WORKER_COUNT;
    if (op.code != OP_START || started[worker]) {
      ds_skip(ACTOR_MAIN_FIRST);
      continue;
    }
    started[worker] = true;
    pthread_create(&thread[worker], NULL, work, (void *)(uintptr_t)worker);
  }
  for (unsigned i = 0; i < ACTOR_WORKER_COUNT; i++) {
    if (started[i]) {
      pthread_join(thread[i], NULL);
    }
  }
  DS_CHECK(tally_read() == expected, "R1", "sum", "%u instead of %u", tally_read(), expected);
}

int ds_driver_idle(void)
{
  return DS_IDLE_STUCK;
}
