/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The backend as a parent: life, medium, and what it does in drained sections.
 *
 * Q: a request raises in_flight and then looks whether the backend is quiesced; a drain quiesces
 * the backend and then looks whether something is in flight. A full fence on each side, here in
 * blk_inc_in_flight() and there in AIO_WAIT_WHILE(), so at least one of them sees the other.
 * Without either one: the request runs in a section whose begin has returned.
 *
 * A section costs one read-modify-write at its begin and one at its end; the end of the last one
 * also enters each queued request. A change of the medium takes the write lock.
 */
#include "block/block_backend.h"

#include "aio/code_category.h"
#include "block/block.h"
#include "graph/graph_lock.h"

static void blk_quiesce(BlockBackend *blk);
static void blk_unquiesce(BlockBackend *blk);
static bool blk_busy(BlockBackend *blk);
static int attach_root(BlockBackend *blk, BlockDriverState *bs);
static void blk_restart_queued_requests(BlockBackend *blk);

/* ------------------------------------------------------------------ life cycle */

BlockBackend *blk_new(AioContext *ctx)
{
  GLOBAL_STATE_CODE();
  BlockBackend *blk = qemu_malloc(sizeof(*blk));

  *blk = (BlockBackend){.refcnt = 1,
                        .ctx = ctx,
                        .shared_perm = BLK_PERM_ALL,
                        .queued_requests_lock = QEMU_MUTEX_INITIALIZER};
  return blk;
}

void blk_ref(BlockBackend *blk)
{
  GLOBAL_STATE_CODE();
  assert(blk->refcnt > 0);
  blk->refcnt++;
}

void blk_unref(BlockBackend *blk)
{
  GLOBAL_STATE_CODE();
  assert(blk->refcnt > 0);
  if (--blk->refcnt > 0) {
    return;
  }
  blk_remove_bs(blk);
  /* Relaxed: nobody else knows the backend. */
  assert(!atomic_load_explicit(&blk->in_flight, memory_order_relaxed));
  assert(!atomic_load_explicit(&blk->quiesce_counter, memory_order_relaxed));
  assert(qemu_co_queue_empty(&blk->queued_requests));
  assert(!blk->aio_notifiers);
  free(blk);
}

/* ------------------------------------------------------------------ medium */

int blk_insert_bs(BlockBackend *blk, BlockDriverState *bs)
{
  GLOBAL_STATE_CODE();
  assert_bdrv_graph_unlocked();
  int ret;

  while ((ret = blk_unite_aio_contexts(blk, bs)) == 0) {
    /* A request that has passed the gate and now waits for the graph lock would go into the node
     * although that may be drained. */
    blk_quiesce(blk);
    AIO_WAIT_WHILE(NULL, blk_busy(blk));
    bdrv_graph_wrlock();
    bool together = blk_get_aio_context(blk) == bdrv_get_aio_context(bs);
    if (together) { /* else somebody has moved one of them while we polled */
      ret = attach_root(blk, bs);
    }
    bdrv_graph_wrunlock();
    blk_unquiesce(blk);
    if (together) {
      break;
    }
  }
  return ret;
}

static int attach_root(BlockBackend *blk, BlockDriverState *bs)
{
  assert(!blk->root);
  blk->root = bdrv_root_attach_child(bs, &child_root, blk);
  int ret = bdrv_child_try_set_perm(blk->root, blk->perm, blk->shared_perm);
  if (ret < 0) {
    bdrv_unref_child(blk->root);
    blk->root = NULL;
  }
  return ret;
}

int blk_set_perm(BlockBackend *blk, uint64_t perm, uint64_t shared_perm)
{
  GLOBAL_STATE_CODE();
  int ret = 0;

  if (blk->root) {
    bdrv_graph_wrlock();
    ret = blk->root ? bdrv_child_try_set_perm(blk->root, perm, shared_perm) : 0;
    bdrv_graph_wrunlock();
  }
  if (ret == 0) {
    blk->perm = perm;
    blk->shared_perm = shared_perm;
  }
  return ret;
}

void blk_remove_bs(BlockBackend *blk)
{
  GLOBAL_STATE_CODE();
  assert_bdrv_graph_unlocked();
  BlockDriverState *bs = blk_bs(blk);

  if (!bs) {
    return;
  }
  bdrv_ref(bs);
  bdrv_drained_begin(bs);
  bdrv_graph_wrlock();
  BdrvChild *root = blk->root;
  if (root) { /* else somebody was quicker while we polled */
    blk->root = NULL;
    bdrv_unref_child(root);
  }
  bdrv_graph_wrunlock();
  bdrv_drained_end(bs);
  /* Nobody has to follow: it stays where it is wanted. */
  (void)bdrv_try_change_aio_context(bs, qemu_get_aio_context(), NULL);
  bdrv_unref(bs);
}

BlockDriverState *blk_bs(const BlockBackend *blk)
{
  IO_CODE();
  assert_bdrv_graph_readable();
  return blk->root ? blk->root->bs : NULL;
}

AioContext *blk_get_aio_context(const BlockBackend *blk)
{
  IO_CODE();
  /* Relaxed: as bdrv_get_aio_context(). */
  return atomic_load_explicit(&blk->ctx, memory_order_relaxed);
}

void blk_set_dev_ops(BlockBackend *blk, const BlockDevOps *ops, void *opaque)
{
  GLOBAL_STATE_CODE();
  blk->dev_ops = ops;
  blk->dev_opaque = opaque;
  /* Relaxed, here and below: only this thread writes it. */
  if (atomic_load_explicit(&blk->quiesce_counter, memory_order_relaxed) && ops &&
      ops->drained_begin) {
    ops->drained_begin(opaque);
  }
}

bool blk_in_drain(const BlockBackend *blk)
{
  IO_CODE();
  /* Relaxed: the main thread writes it, others learn nothing from it. */
  return atomic_load_explicit(&blk->quiesce_counter, memory_order_relaxed) > 0;
}

void blk_set_disable_request_queuing(BlockBackend *blk, bool disable)
{
  IO_CODE();
  /* Relaxed: set before the first request. */
  atomic_store_explicit(&blk->disable_request_queuing, disable, memory_order_relaxed);
}

/* ------------------------------------------------------------------ quiescing */

static void blk_quiesce(BlockBackend *blk)
{
  /* Relaxed: the fence is in AIO_WAIT_WHILE(), before it looks at in_flight (Q). */
  unsigned before = atomic_fetch_add_explicit(&blk->quiesce_counter, 1, memory_order_relaxed);

  if (before == 0 && blk->dev_ops && blk->dev_ops->drained_begin) {
    blk->dev_ops->drained_begin(blk->dev_opaque);
  }
}

static bool blk_busy(BlockBackend *blk)
{
  if (blk->dev_ops && blk->dev_ops->drained_poll && blk->dev_ops->drained_poll(blk->dev_opaque)) {
    return true;
  }
  /* Acquire: what the last request did. Pairs with the release in blk_dec_in_flight() (litmus
   * mp_release_sequence). */
  return atomic_load_explicit(&blk->in_flight, memory_order_acquire) > 0;
}

static void blk_unquiesce(BlockBackend *blk)
{
  /* Release: whoever sees 0 may use what was done in the section. Pairs with the acquire in
   * blk_queues_requests() (litmus mp_release_sequence: other sections begin and end). */
  unsigned before = atomic_fetch_sub_explicit(&blk->quiesce_counter, 1, memory_order_release);

  assert(before > 0);
  if (before > 1) {
    return;
  }
  if (blk->dev_ops && blk->dev_ops->drained_end) {
    blk->dev_ops->drained_end(blk->dev_opaque);
  }
  blk_restart_queued_requests(blk);
}

static void blk_restart_queued_requests(BlockBackend *blk)
{
  qemu_mutex_lock(&blk->queued_requests_lock);
  while (!qemu_co_queue_empty(&blk->queued_requests)) {
    /* On its behalf, before it is woken: a section that begins before it runs must wait for it. */
    blk_inc_in_flight(blk);
    qemu_co_enter_next(&blk->queued_requests, &blk->queued_requests_lock);
  }
  qemu_mutex_unlock(&blk->queued_requests_lock);
}

void blk_drain(BlockBackend *blk)
{
  GLOBAL_STATE_CODE();
  assert_bdrv_graph_unlocked();
  blk_quiesce(blk);
  AIO_WAIT_WHILE(NULL, blk_busy(blk));
  blk_unquiesce(blk);
}

/* ------------------------------------------------------------------ the edge to the root */

static void blk_root_drained_begin(BdrvChild *edge)
{
  blk_quiesce(edge->opaque);
}

static bool blk_root_drained_poll(BdrvChild *edge)
{
  return blk_busy(edge->opaque);
}

static void blk_root_drained_end(BdrvChild *edge)
{
  blk_unquiesce(edge->opaque);
}

static AioContext *blk_root_get_parent_aio_context(BdrvChild *edge)
{
  return blk_get_aio_context(edge->opaque);
}

const BdrvChildClass child_root = {
    .attach = blk_root_attach,
    .detach = blk_root_detach,
    .drained_begin = blk_root_drained_begin,
    .drained_poll = blk_root_drained_poll,
    .drained_end = blk_root_drained_end,
    .change_aio_ctx = blk_root_change_aio_ctx,
    .get_parent_aio_context = blk_root_get_parent_aio_context,
};
