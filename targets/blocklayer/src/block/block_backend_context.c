/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The context of a backend. It is where the user's requests come from, follows the root node if the
 * user allows that, and stays when the medium goes. Reading it is one load; changing it drains all
 * nodes and visits each that is connected.
 */
#include "block/block_backend.h"

#include "aio/code_category.h"
#include "block/block.h"
#include "graph/graph_lock.h"

/* ------------------------------------------------------------------ changing it */

static void set_context(BlockBackend *blk, AioContext *ctx)
{
  /* Relaxed: as bdrv_get_aio_context(). */
  atomic_store_explicit(&blk->ctx, ctx, memory_order_relaxed);
}

int blk_set_aio_context(BlockBackend *blk, AioContext *ctx)
{
  GLOBAL_STATE_CODE();
  int ret = 0;

  bdrv_drain_all_begin();
  BdrvChild *root = blk->root; /* only now: it may have changed while we polled */
  if (root) {
    ret = bdrv_try_change_aio_context_drained(root->bs, ctx, root);
  }
  if (ret == 0) {
    set_context(blk, ctx);
  }
  bdrv_drain_all_end();
  return ret;
}

void blk_set_allow_aio_context_change(BlockBackend *blk, bool allow)
{
  GLOBAL_STATE_CODE();
  blk->allow_aio_context_change = allow;
}

int blk_unite_aio_contexts(BlockBackend *blk, BlockDriverState *bs)
{
  GLOBAL_STATE_CODE();
  int ret = bdrv_try_change_aio_context(bs, blk_get_aio_context(blk), NULL);

  if (ret < 0 && blk->allow_aio_context_change) {
    set_context(blk, bdrv_get_aio_context(bs));
    ret = 0;
  }
  return ret;
}

/* ------------------------------------------------------------------ following the root */

typedef struct BlkContextChange {
  BlockBackend *blk;
  AioContext *ctx;
} BlkContextChange;

static void change_blk_context_commit(void *opaque)
{
  BlkContextChange *move = opaque;
  set_context(move->blk, move->ctx);
}

static const TransactionActionDrv change_blk_context = {
    .commit = change_blk_context_commit,
    .clean = free,
};

bool blk_root_change_aio_ctx(BdrvChild *edge, AioContextChange *change)
{
  GLOBAL_STATE_CODE();
  BlockBackend *blk = edge->opaque;

  if (!blk->allow_aio_context_change) {
    return false;
  }
  BlkContextChange *move = qemu_malloc(sizeof(*move));
  *move = (BlkContextChange){.blk = blk, .ctx = change->ctx};
  tran_add(change->tran, &change_blk_context, move);
  return true;
}

/* ------------------------------------------------------------------ notifiers */

struct BlkAioNotifier {
  void (*attached)(AioContext *new_context, void *opaque);
  void (*detach)(void *opaque);
  void *opaque;
  BlkAioNotifier *next;
};

void blk_add_aio_context_notifier(BlockBackend *blk, void (*attached)(AioContext *, void *),
                                  void (*detach)(void *), void *opaque)
{
  GLOBAL_STATE_CODE();
  BlkAioNotifier *notifier = qemu_malloc(sizeof(*notifier));

  *notifier = (BlkAioNotifier){
      .attached = attached, .detach = detach, .opaque = opaque, .next = blk->aio_notifiers};
  blk->aio_notifiers = notifier;
  if (blk->root) {
    bdrv_add_aio_context_notifier(blk->root->bs, attached, detach, opaque);
  }
}

void blk_remove_aio_context_notifier(BlockBackend *blk, void (*attached)(AioContext *, void *),
                                     void (*detach)(void *), void *opaque)
{
  GLOBAL_STATE_CODE();
  BlkAioNotifier **link = &blk->aio_notifiers;

  while (*link && ((*link)->attached != attached || (*link)->detach != detach ||
                   (*link)->opaque != opaque)) {
    link = &(*link)->next;
  }
  BlkAioNotifier *notifier = *link;
  assert(notifier);
  if (blk->root) {
    bdrv_remove_aio_context_notifier(blk->root->bs, attached, detach, opaque);
  }
  *link = notifier->next;
  free(notifier);
}

/* The root comes to be another node: its edge has been linked, will be unlinked. */

void blk_root_attach(BdrvChild *edge)
{
  GLOBAL_STATE_CODE();
  const BlockBackend *blk = edge->opaque;

  for (BlkAioNotifier *n = blk->aio_notifiers; n; n = n->next) {
    bdrv_add_aio_context_notifier(edge->bs, n->attached, n->detach, n->opaque);
  }
}

void blk_root_detach(BdrvChild *edge)
{
  GLOBAL_STATE_CODE();
  const BlockBackend *blk = edge->opaque;

  for (BlkAioNotifier *n = blk->aio_notifiers; n; n = n->next) {
    bdrv_remove_aio_context_notifier(edge->bs, n->attached, n->detach, n->opaque);
  }
}
