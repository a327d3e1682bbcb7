/* SPDX-License-Identifier: Apache-2.0 */
/* Main runs one program per operation; a case should have one, for programs leave traces. */
#include "defects.h"
#include "driver.h"
#include "operations.h"

static bool is_due(void *unused)
{
  (void)unused;
  return due;
}

void ds_driver_main(void)
{
  ds_operation op;

  ds_task_condition(0, is_due, NULL);
  while (ds_next(ACTOR_MAIN_FIRST, &op)) {
    switch (op.code) {
#define CASE(code, name)                                                                           \
  case OP_##code:                                                                                  \
    name();                                                                                        \
    break;                                                                                         \
  case OP_##code##_FIXED:                                                                          \
    name##_fixed();                                                                                \
    break;
      DEFECTS(CASE)
    default:
      ds_skip(ACTOR_MAIN_FIRST);
    }
  }
}

int ds_driver_idle(void)
{
  return DS_IDLE_STUCK;
}
