/* SPDX-License-Identifier: Apache-2.0 */
/* Two lists of the same actions, one in each direction; an allocation per action. */
#include "util/transaction.h"

#include "util/util.h"

typedef struct TransactionAction TransactionAction;

struct TransactionAction {
  const TransactionActionDrv *drv;
  void *opaque;
  TransactionAction *older;
  TransactionAction *newer;
};

struct Transaction {
  TransactionAction *oldest;
  TransactionAction *newest;
};

static void tran_clean(Transaction *tran);

Transaction *tran_new(void)
{
  Transaction *tran = qemu_malloc(sizeof(*tran));
  *tran = (Transaction){0};
  return tran;
}

void tran_add(Transaction *tran, const TransactionActionDrv *drv, void *opaque)
{
  TransactionAction *action = qemu_malloc(sizeof(*action));

  *action = (TransactionAction){.drv = drv, .opaque = opaque, .older = tran->newest};
  *(tran->newest ? &tran->newest->newer : &tran->oldest) = action;
  tran->newest = action;
}

void tran_commit(Transaction *tran)
{
  for (TransactionAction *action = tran->oldest; action; action = action->newer) {
    if (action->drv->commit) {
      action->drv->commit(action->opaque);
    }
  }
  tran_clean(tran);
}

void tran_abort(Transaction *tran)
{
  for (TransactionAction *action = tran->newest; action; action = action->older) {
    if (action->drv->abort) {
      action->drv->abort(action->opaque);
    }
  }
  tran_clean(tran);
}

void tran_finalize(Transaction *tran, int ret)
{
  if (ret < 0) {
    tran_abort(tran);
  } else {
    tran_commit(tran);
  }
}

static void tran_clean(Transaction *tran)
{
  while (tran->oldest) {
    TransactionAction *action = tran->oldest;
    tran->oldest = action->newer;
    if (action->drv->clean) {
      action->drv->clean(action->opaque);
    }
    free(action);
  }
  free(tran);
}
