/* SPDX-License-Identifier: Apache-2.0 */
/* A list that any thread visits and changes: QemuLockCnt as its callers use it. */
#include "aio.h"

#include "caller_list.h"

static CallerList list;

const QemuLockCnt *list_lockcnt(void)
{
  return ghost_aio.list_made ? &list.lockcnt : NULL;
}

/* n % 5: a visit that ends in one of four ways, or replace the entry. Who comes first makes it. */
bool op_visit_list(unsigned actor, const ds_operation *op)
{
  unsigned what = op->a % (LEAVE_WAYS + 1);

  (void)actor;
  if (!ghost_aio.list_made) {
    if (ghost_aio.list_begun) {
      return false; /* it is not ready */
    }
    ghost_aio.list_begun = true;
    caller_list_init(&list);
    ds_name(&list.lockcnt.word, sizeof(unsigned), "list.lockcnt");
    ghost_aio.list_made = true;
    ds_publish(LIST_CHANNEL);
  }
  ds_receive(LIST_CHANNEL);
  ds_mark(AIO_MARK);
  if (what == LEAVE_WAYS) {
    caller_list_replace(&list);
  } else {
    caller_list_visit(&list, (LeaveWay)what);
  }
  return true;
}

void list_close(void)
{
  if (ghost_aio.list_made) {
    caller_list_destroy(&list);
  }
}
