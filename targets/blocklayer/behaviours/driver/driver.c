/* SPDX-License-Identifier: Apache-2.0 */
/* Main performs the behaviours that the program names; each judges itself with assertions. */
#include "driver.h"
#include "operations.h"

#include "behaviours.h"

void ds_driver_main(void)
{
  static void (*const behaviours[OP_COUNT + 1])(void) = {
#define ROW(operation, function) [OP_##operation] = function,
      BEHAVIOURS(ROW)
#undef ROW
  };
  ds_operation op;

  while (ds_next(ACTOR_MAIN_FIRST, &op)) {
    if (op.code <= OP_COUNT && behaviours[op.code]) {
      behaviours[op.code]();
    } else {
      ds_skip(ACTOR_MAIN_FIRST);
    }
  }
}

int ds_driver_idle(void)
{
  return DS_IDLE_STUCK;
}
