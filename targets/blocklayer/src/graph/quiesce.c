/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which nodes are quiesced, and who has been told. Nothing here waits (block/drain.c does), and
 * nothing is atomic: the main thread counts, and tells users that have threads in their own ways.
 *
 * Two kinds of sections meet. Plain ones tell a node's parents when the first begins and the last
 * ends. Those of a subtree tell the parents each time, except the one that they came down from,
 * which has the section itself. So that the two nest in any order, BdrvChild.quiesced_parent is at
 * all times
 *
 *   child's subtree sections - parent's subtree sections + (has the child a plain section?)
 *
 * where a subtree section counts once per way down. The driver is told of quiesced or not.
 */
#include "graph/graph.h"

#include "aio/code_category.h"
#include "graph/graph_lock_int.h"

/* ------------------------------------------------------------------ one parent */

void bdrv_parent_drained_begin_single(BdrvChild *edge)
{
  GLOBAL_STATE_CODE();
  edge->quiesced_parent++;
  if (edge->klass->drained_begin) {
    edge->klass->drained_begin(edge);
  }
}

void bdrv_parent_drained_end_single(BdrvChild *edge)
{
  GLOBAL_STATE_CODE();
  assert(edge->quiesced_parent > 0);
  edge->quiesced_parent--;
  if (edge->klass->drained_end) {
    edge->klass->drained_end(edge);
  }
}

bool bdrv_parent_drained_poll_single(BdrvChild *edge)
{
  GLOBAL_STATE_CODE();
  return edge->klass->drained_poll && edge->klass->drained_poll(edge);
}

static void begin_parents(BlockDriverState *bs, const BdrvChild *except)
{
  for (BdrvChild *edge = bs->parents; edge; edge = edge->next_of_parents) {
    if (edge != except) {
      bdrv_parent_drained_begin_single(edge);
    }
  }
}

static void end_parents(BlockDriverState *bs, const BdrvChild *except)
{
  for (BdrvChild *edge = bs->parents; edge; edge = edge->next_of_parents) {
    if (edge != except) {
      bdrv_parent_drained_end_single(edge);
    }
  }
}

static void begin_driver(BlockDriverState *bs)
{
  if (bs->drv && bs->drv->bdrv_drain_begin) {
    bs->drv->bdrv_drain_begin(bs);
  }
}

static void end_driver(BlockDriverState *bs)
{
  if (bs->drv && bs->drv->bdrv_drain_end) {
    bs->drv->bdrv_drain_end(bs);
  }
}

/* ------------------------------------------------------------------ one node */

static void begin_quiesce(BlockDriverState *bs)
{
  bool first_plain = bs->quiesce_counter == bs->recursive_quiesce_counter;
  bool first = bs->quiesce_counter++ == 0;

  if (first_plain) {
    begin_parents(bs, NULL);
  }
  if (first) {
    begin_driver(bs);
  }
}

static void end_quiesce(BlockDriverState *bs)
{
  assert(bs->quiesce_counter > bs->recursive_quiesce_counter);
  bool last = --bs->quiesce_counter == 0;
  bool last_plain = bs->quiesce_counter == bs->recursive_quiesce_counter;

  if (last) {
    end_driver(bs);
  }
  if (last_plain) {
    end_parents(bs, NULL);
  }
}

void bdrv_do_drained_begin_quiesce(BlockDriverState *bs)
{
  GLOBAL_STATE_CODE();
  poll_forbid(); /* for all who are told */
  begin_quiesce(bs);
  poll_allow();
}

void bdrv_do_drained_end_quiesce(BlockDriverState *bs)
{
  GLOBAL_STATE_CODE();
  poll_forbid(); /* for all who are told */
  end_quiesce(bs);
  poll_allow();
}

/* Every writer does it twice: the poll is forbidden once. */
void bdrv_do_all_begin_quiesce(void)
{
  GLOBAL_STATE_CODE();
  poll_forbid();
  for (BlockDriverState *bs = bdrv_first_node(); bs; bs = bs->next_node) {
    begin_quiesce(bs);
  }
  poll_allow();
}

void bdrv_do_all_end_quiesce(void)
{
  GLOBAL_STATE_CODE();
  poll_forbid();
  for (BlockDriverState *bs = bdrv_first_node(); bs; bs = bs->next_node) {
    end_quiesce(bs);
  }
  poll_allow();
}

/* ------------------------------------------------------------------ a subtree */

void bdrv_do_subtree_begin_quiesce(BlockDriverState *bs, const BdrvChild *from)
{
  GLOBAL_STATE_CODE();
  poll_forbid(); /* for all who are told */
  bool first = bs->quiesce_counter++ == 0;

  bs->recursive_quiesce_counter++;
  begin_parents(bs, from);
  if (first) {
    begin_driver(bs);
  }
  for (BdrvChild *edge = bs->children; edge; edge = edge->next_sibling) {
    bdrv_do_subtree_begin_quiesce(edge->bs, edge);
  }
  poll_allow();
}

void bdrv_do_subtree_end_quiesce(BlockDriverState *bs, const BdrvChild *from)
{
  GLOBAL_STATE_CODE();
  poll_forbid(); /* for all who are told */
  for (BdrvChild *edge = bs->children; edge; edge = edge->next_sibling) {
    bdrv_do_subtree_end_quiesce(edge->bs, edge);
  }
  assert(bs->recursive_quiesce_counter > 0);
  bs->recursive_quiesce_counter--;
  if (--bs->quiesce_counter == 0) {
    end_driver(bs);
  }
  end_parents(bs, from);
  poll_allow();
}

/* ------------------------------------------------------------------ still busy? */

static AioContext *drainer; /* main thread */

AioContext *bdrv_drainer(void)
{
  GLOBAL_STATE_CODE();
  return drainer;
}

void bdrv_set_drainer(AioContext *ctx)
{
  GLOBAL_STATE_CODE();
  drainer = ctx;
}

bool bdrv_drain_poll(BlockDriverState *bs, bool recursive, const BdrvChild *from,
                     bool ignore_bds_parents)
{
  GLOBAL_STATE_CODE();
  for (BdrvChild *edge = bs->parents; edge; edge = edge->next_of_parents) {
    bool asked = edge == from || (ignore_bds_parents && edge->klass->parent_is_bds);
    if (!asked && bdrv_parent_drained_poll_single(edge)) {
      return true;
    }
  }
  /* Acquire: what the last request did. Pairs with the release in bdrv_dec_in_flight() (litmus
   * mp_release_sequence). */
  if (atomic_load_explicit(&bs->in_flight, memory_order_acquire)) {
    return true;
  }
  for (BdrvChild *edge = recursive ? bs->children : NULL; edge; edge = edge->next_sibling) {
    if (bdrv_drain_poll(edge->bs, true, edge, ignore_bds_parents)) {
      return true;
    }
  }
  return false;
}

/* ------------------------------------------------------------------ nodes as parents */

static void child_of_bds_drained_begin(BdrvChild *edge)
{
  begin_quiesce(edge->opaque); /* on the way up: poll_forbid() has been done */
}

static bool child_of_bds_drained_poll(BdrvChild *edge)
{
  return bdrv_drain_poll(edge->opaque, false, NULL, false);
}

static void child_of_bds_drained_end(BdrvChild *edge)
{
  end_quiesce(edge->opaque);
}

static AioContext *child_of_bds_get_parent_aio_context(BdrvChild *edge)
{
  return bdrv_get_aio_context(edge->opaque);
}

const BdrvChildClass child_of_bds = {
    .parent_is_bds = true,
    .drained_begin = child_of_bds_drained_begin,
    .drained_poll = child_of_bds_drained_poll,
    .drained_end = child_of_bds_drained_end,
    .get_parent_aio_context = child_of_bds_get_parent_aio_context,
};
