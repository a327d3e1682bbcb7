/* SPDX-License-Identifier: Apache-2.0 */
/* Main creates both threads before either begins, and is out of the way from then on. */
#include "driver.h"
#include "lines.h"
#include "operations.h"

static unsigned task_before;

void task_begins(void)
{
  task_before = ds_task_enter(ds_task_create("task", 0));
}

void task_ends(void)
{
  ds_task_leave(task_before);
}

void ds_driver_main(void)
{
  ds_operation op;

  ds_uninterrupted(true);
  while (ds_next(ACTOR_MAIN_FIRST, &op)) {
    switch (op.code) {
    case OP_EVEN_LINES:
      even_lines();
      break;
    case OP_UNEVEN_LINES:
      uneven_lines();
      break;
    case OP_SPINNING_LINE:
      spinning_line();
      break;
    case OP_HELD_LINE:
      held_line();
      break;
    case OP_TASK_LINE:
      task_line();
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
