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

static void await_raised_flag(void)
{
  begin_to_raise();
  ds_await("the flag", holds, NULL);
  DS_CHECK(is_raised, "R1", "awaited-too-early", "the flag is not raised");
  end_raising();
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
    case OP_AWAIT_RAISED_FLAG:
      await_raised_flag();
      break;
    case OP_AWAIT_NOTHING:
      ds_await("a flag that nobody raises", holds, NULL);
      break;
    default:
      ds_skip(ACTOR_MAIN_FIRST);
    }
  }
}

int ds_driver_idle(void)
{
  return DS_IDLE_STUCK;
}
