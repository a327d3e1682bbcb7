/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes of the graph in one go: hold references, drain what will be touched, take the write
 * lock, look again (anything may have happened in the polls of both), change, let go in reverse.
 */
#include "block/block_global_state.h"

#include "aio/code_category.h"
#include "graph/graph_lock.h"

static bool change_begin(BlockDriverState *a, BlockDriverState *b);
static void change_end(BlockDriverState *a, BlockDriverState *b);
static void let_go(BlockDriverState *a, BlockDriverState *b);
static void mark_filenames(BlockDriverState *bs, bool old);
static void update_filenames(BlockDriverState *base);
static void bdrv_replace_node_noperm(BlockDriverState *from, BlockDriverState *to);
static void bdrv_move_edge(BdrvChild *edge, BlockDriverState *to);

bool bdrv_replace_child_bs(BlockDriverState *parent, BlockDriverState *old_bs,
                           BlockDriverState *new_bs)
{
  GLOBAL_STATE_CODE();

  if (!change_begin(old_bs, new_bs)) {
    return false;
  }
  BdrvChild *edge = bdrv_find_child(parent, old_bs);
  bool possible = edge && !bdrv_is_child(parent, new_bs) && !bdrv_is_below(new_bs, parent);
  if (possible) {
    bdrv_move_edge(edge, new_bs);
  }
  change_end(old_bs, new_bs);
  return possible;
}

bool bdrv_replace_node(BlockDriverState *from, BlockDriverState *to)
{
  GLOBAL_STATE_CODE();
  if (!change_begin(from, to)) {
    return false;
  }
  bdrv_replace_node_noperm(from, to);
  change_end(from, to);
  return true;
}

bool bdrv_append(BlockDriverState *bs_new, BlockDriverState *bs_top)
{
  GLOBAL_STATE_CODE();
  if (!change_begin(bs_new, bs_top)) {
    return false;
  }
  bdrv_attach_child(bs_new, bs_top);
  bdrv_replace_node_noperm(bs_top, bs_new);
  change_end(bs_new, bs_top);
  return true;
}

bool bdrv_drop_intermediate(BlockDriverState *top, BlockDriverState *base)
{
  GLOBAL_STATE_CODE();

  if (!change_begin(top, base)) {
    return false;
  }
  bool possible = top != base && bdrv_is_below(top, base);
  if (possible) {
    mark_filenames(top, true);
    bdrv_replace_node_noperm(top, base);
    mark_filenames(top, false); /* of those that stay */
  }
  bdrv_graph_wrunlock();
  update_filenames(base); /* polls; both are still drained, so the parents do nothing else */
  let_go(top, base);
  return possible;
}

static void mark_filenames(BlockDriverState *bs, bool old)
{
  for (BdrvChild *edge = bs->parents; edge; edge = edge->next_of_parents) {
    edge->filename_is_old = old && edge->klass->update_filename;
  }
}

static BdrvChild *find_old_filename(BlockDriverState *bs)
{
  BdrvChild *edge = bs->parents;
  while (edge && !edge->filename_is_old) {
    edge = edge->next_of_parents;
  }
  return edge;
}

/* From the start for each, because edges come and go in every poll. */
static void update_filenames(BlockDriverState *base)
{
  BdrvChild *edge;
  while ((edge = find_old_filename(base))) {
    edge->filename_is_old = false;
    edge->klass->update_filename(edge, base);
  }
}

/* ------------------------------------------------------------------ helpers */

/* Both are drained before the lock is taken, because draining polls: requests wait for the read
 * lock. False: they cannot come into one context. */
static bool change_begin(BlockDriverState *a, BlockDriverState *b)
{
  bdrv_ref(a);
  bdrv_ref(b);
  while (bdrv_unite_aio_contexts(b, a) == 0) {
    bdrv_drained_begin(a);
    bdrv_drained_begin(b);
    bdrv_graph_wrlock();
    if (bdrv_get_aio_context(a) == bdrv_get_aio_context(b)) {
      return true;
    }
    bdrv_graph_wrunlock(); /* somebody has moved one of them while we polled */
    bdrv_drained_end(b);
    bdrv_drained_end(a);
  }
  bdrv_unref(b);
  bdrv_unref(a);
  return false;
}

static void change_end(BlockDriverState *a, BlockDriverState *b)
{
  bdrv_graph_wrunlock();
  let_go(a, b);
}

static void let_go(BlockDriverState *a, BlockDriverState *b)
{
  bdrv_drained_end(b);
  bdrv_drained_end(a);
  bdrv_unref(b);
  bdrv_unref(a);
}

/* Not if the edge would close a cycle, or be a second one to the same child. */
static bool should_update_child(const BdrvChild *edge, BlockDriverState *to)
{
  if (!edge->klass->parent_is_bds) {
    return !edge->klass->stay_at_node;
  }
  return !bdrv_is_below(to, edge->opaque) && !bdrv_is_child(edge->opaque, to);
}

static void bdrv_replace_node_noperm(BlockDriverState *from, BlockDriverState *to)
{
  BdrvChild *next;
  for (BdrvChild *edge = from->parents; edge; edge = next) {
    next = edge->next_of_parents;
    if (should_update_child(edge, to)) {
      bdrv_move_edge(edge, to);
    }
  }
}

static void bdrv_move_edge(BdrvChild *edge, BlockDriverState *to)
{
  BlockDriverState *from = edge->bs;

  bdrv_ref(to);
  bdrv_replace_child_common(edge, to);
  bdrv_schedule_unref(from);
}
