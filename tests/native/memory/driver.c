/* SPDX-License-Identifier: Apache-2.0 */
/* Main runs one scenario per operation. */
#include "driver.h"
#include "operations.h"
#include "scenarios.h"

static bool signal_was_sent(void *unused)
{
  (void)unused;
  return lost_signal_sent;
}

void ds_driver_main(void)
{
  ds_operation op;

  while (ds_next(ACTOR_MAIN_FIRST, &op)) {
    ds_task_condition(0, op.code == OP_LOST_SIGNAL ? signal_was_sent : NULL, NULL);
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
