/* SPDX-License-Identifier: Apache-2.0 */
/* Main runs one program per operation. */
#include "driver.h"
#include "operations.h"
#include "programs.h"

void ds_driver_main(void)
{
  ds_operation op;

  while (ds_next(ACTOR_MAIN_FIRST, &op)) {
    switch (op.code) {
    case OP_THREADS:
      start_threads();
      break;
    case OP_ATOMICS:
      use_atomics();
      break;
    case OP_SAME_EPOCH:
      same_epoch(op.a);
      break;
    case OP_NEW_EPOCH:
      new_epoch(op.a);
      break;
    default: /* nothing */
      break;
    }
  }
}

int ds_driver_idle(void)
{
  return DS_IDLE_STUCK;
}
