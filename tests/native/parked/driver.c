/* SPDX-License-Identifier: Apache-2.0 */
/* Main runs one scenario; what it says of the task is all that the machine knows of it. */
#include "driver.h"
#include "operations.h"
#include "parked.h"

void task_begins(void)
{
  const unsigned task = ds_task_create("guest", 0);

  ds_task_parks(task, &task_saved, FRAME_WORD, RESUME_WORD);
  ds_task_bind_stack(task);
}

void ds_driver_main(void)
{
  ds_operation op;

  while (ds_next(ACTOR_MAIN_FIRST, &op)) {
    switch (op.code) {
    case OP_NEVER_RESUMED:
      never_resumed();
      break;
    case OP_LEFT_BEHIND:
      left_behind();
      break;
    case OP_STILL_THERE:
      still_there();
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
