/* SPDX-License-Identifier: Apache-2.0 */
/* Main runs one scenario per operation. */
#include "driver.h"
#include "operations.h"
#include "scenarios.h"

static bool holds(void *unused)
{
  (void)unused;
  return is_raised;
}

void ds_driver_main(void)
{
  ds_operation op;

  while (ds_next(ACTOR_MAIN_FIRST, &op)) {
    ds_task_condition(0, holds, NULL);
    switch (op.code) {
#define CASE(code, name)                                                                           \
  case OP_##code:                                                                                  \
    name();                                                                                        \
    break;
      SCENARIOS(CASE)
    default:
      ds_skip(ACTOR_MAIN_FIRST);
    }
  }
}

int ds_driver_idle(void)
{
  return DS_IDLE_STUCK;
}
