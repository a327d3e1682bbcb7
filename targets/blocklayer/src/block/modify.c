/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes of the graph in one go: hold references, drain what will be touched, take the write
 * lock, look again (anything may have happened in the polls of both), change, let go in reverse.
 * That is two drains and a write lock each time, an allocation per edge moved, and for the
 * permissions a walk over all that is below the two.
 */
#include "block/block_global_state.h"

#include "aio/code_category.h"
#include "graph/graph_lock.h"

/* Two nodes that are drained: users of `a`, or `a` itself, will use `b`. */
typedef struct GraphChange {
  BlockDriverState *a, *b;
  bool subtree; /* so is all that is below them */
} GraphChange;

static bool change_begin(GraphChange *change, BlockDriverState *a, BlockDriverState *b);
static void change_end(const GraphChange *change);
static void sections_end(const GraphChange *change);
static void let_go(const GraphChange *change);
static void mark_filenames(BlockDriverState *bs, bool old);
static void update_filenames(BlockDriverState *base);
static void bdrv_replace_node_noperm(BlockDriverState *from, BlockDriverState *to,
                                     Transaction *tran);
static void bdrv_move_edge(BdrvChild *edge, BlockDriverState *to, Transaction *tran);
static bool refresh_perms(BlockDriverState *a, BlockDriverState *b, Transaction *tran);

static const TransactionActionDrv attach_drv;

bool bdrv_replace_child_bs(BlockDriverState *parent, BlockDriverState *old_bs,
                           BlockDriverState *new_bs)
{
  GLOBAL_STATE_CODE();

  GraphChange change;

  if (!change_begin(&change, old_bs, new_bs)) {
    return false;
  }
  BdrvChild *edge = bdrv_find_child(parent, old_bs);
  bool possible = edge && !bdrv_is_child(parent, new_bs) && !bdrv_is_below(new_bs, parent);
  if (possible) {
    Transaction *tran = tran_new();
    bdrv_move_edge(edge, new_bs, tran);
    possible = refresh_perms(old_bs, new_bs, tran);
  }
  change_end(&change);
  return possible;
}

bool bdrv_replace_node(BlockDriverState *from, BlockDriverState *to)
{
  GLOBAL_STATE_CODE();
  GraphChange change;

  if (!change_begin(&change, from, to)) {
    return false;
  }
  Transaction *tran = tran_new();
  bdrv_replace_node_noperm(from, to, tran);
  bool possible = refresh_perms(from, to, tran);
  change_end(&change);
  return possible;
}

bool bdrv_append(BlockDriverState *bs_new, BlockDriverState *bs_top)
{
  GLOBAL_STATE_CODE();
  GraphChange change;

  if (!change_begin(&change, bs_new, bs_top)) {
    return false;
  }
  Transaction *tran = tran_new();
  tran_add(tran, &attach_drv, bdrv_attach_child_noperm(bs_new, bs_top));
  bdrv_replace_node_noperm(bs_top, bs_new, tran);
  bool possible = refresh_perms(bs_new, bs_top, tran);
  change_end(&change);
  return possible;
}

bool bdrv_add_child(BlockDriverState *parent, BlockDriverState *child)
{
  GLOBAL_STATE_CODE();
  GraphChange change;

  if (!change_begin(&change, parent, child)) {
    return false;
  }
  bool possible = !bdrv_is_child(parent, child) && !bdrv_is_below(child, parent);
  if (possible) {
    Transaction *tran = tran_new();
    tran_add(tran, &attach_drv, bdrv_attach_child_noperm(parent, child));
    possible = refresh_perms(parent, child, tran);
  }
  change_end(&change);
  return possible;
}

bool bdrv_drop_intermediate(BlockDriverState *top, BlockDriverState *base)
{
  GLOBAL_STATE_CODE();

  GraphChange change;

  if (!change_begin(&change, top, base)) {
    return false;
  }
  bool possible = top != base && bdrv_is_below(top, base);
  if (possible) {
    Transaction *tran = tran_new();
    mark_filenames(top, true);
    bdrv_replace_node_noperm(top, base, tran);
    possible = refresh_perms(top, base, tran);
    mark_filenames(top, false); /* of those that stay */
  }
  bdrv_graph_wrunlock();
  update_filenames(base); /* polls; both are still drained, so the parents do nothing else */
  let_go(&change);
  return possible;
}

static void mark_filenames(BlockDriverState *bs, bool old)
{
  assert_bdrv_graph_writable();
  for (BdrvChild *edge = bs->parents; edge; edge = edge->next_of_parents) {
    edge->filename_is_old = old && edge->klass->update_filename;
  }
}

static BdrvChild *find_old_filename(BlockDriverState *bs)
{
  bdrv_graph_rdlock_main_loop();
  BdrvChild *edge = bs->parents;
  while (edge && !edge->filename_is_old) {
    edge = edge->next_of_parents;
  }
  bdrv_graph_rdunlock_main_loop();
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

static bool in_subtree_section(const GraphChange *change)
{
  return change->a->recursive_quiesce_counter > 0 || change->b->recursive_quiesce_counter > 0;
}

/* Both are drained before the lock is taken, because draining polls: requests wait for the read
 * lock. False: they cannot come into one context. */
static bool change_begin(GraphChange *change, BlockDriverState *a, BlockDriverState *b)
{
  *change = (GraphChange){.a = a, .b = b};
  bdrv_ref(a);
  bdrv_ref(b);
  while (bdrv_unite_aio_contexts(b, a) == 0) {
    /* A section of a subtree that a new parent of `b` is in comes down to all that is below `b`,
     * and nobody waits under the lock: it has to be quiet before. One that either is in goes with
     * the edge that it came down by, and comes again by another one, or by the same if the change
     * is refused: in between it would let go all that is below. */
    change->subtree = in_subtree_section(change);
    bdrv_drained_begin(a);
    bdrv_drained_begin(b);
    if (change->subtree) {
      bdrv_subtree_drained_begin(a);
      bdrv_subtree_drained_begin(b);
    }
    bdrv_graph_wrlock();
    bool still = change->subtree || !in_subtree_section(change);
    if (still && bdrv_get_aio_context(a) == bdrv_get_aio_context(b)) {
      return true;
    }
    bdrv_graph_wrunlock(); /* while we polled, somebody has moved one of them or drained more */
    sections_end(change);
  }
  bdrv_unref(b);
  bdrv_unref(a);
  return false;
}

static void change_end(const GraphChange *change)
{
  bdrv_graph_wrunlock();
  let_go(change);
}

static void sections_end(const GraphChange *change)
{
  if (change->subtree) {
    bdrv_subtree_drained_end(change->b);
    bdrv_subtree_drained_end(change->a);
  }
  bdrv_drained_end(change->b);
  bdrv_drained_end(change->a);
}

static void let_go(const GraphChange *change)
{
  sections_end(change);
  bdrv_unref(change->b);
  bdrv_unref(change->a);
}

/* Not if the edge would close a cycle, or be a second one to the same child. */
static bool should_update_child(const BdrvChild *edge, BlockDriverState *to)
{
  if (!edge->klass->parent_is_bds) {
    return !edge->klass->stay_at_node;
  }
  return !bdrv_is_below(to, edge->opaque) && !bdrv_is_child(edge->opaque, to);
}

static void bdrv_replace_node_noperm(BlockDriverState *from, BlockDriverState *to,
                                     Transaction *tran)
{
  BdrvChild *next;
  for (BdrvChild *edge = from->parents; edge; edge = next) {
    next = edge->next_of_parents;
    if (should_update_child(edge, to)) {
      bdrv_move_edge(edge, to, tran);
    }
  }
}

/* ------------------------------------------------------------------ all or nothing */

/* After the change, of the new graph. It ends the transaction. */
static bool refresh_perms(BlockDriverState *a, BlockDriverState *b, Transaction *tran)
{
  BdrvNodeList tops = {.count = 2, .nodes = {a, b}};
  int ret = bdrv_list_refresh_perms(&tops, tran);

  tran_finalize(tran, ret);
  return ret == 0;
}

typedef struct MovedEdge {
  BdrvChild *edge;
  BlockDriverState *from;
} MovedEdge;

static void moved_edge_commit(void *opaque)
{
  const MovedEdge *moved = opaque;
  bdrv_schedule_unref(moved->from);
}

static void moved_edge_abort(void *opaque)
{
  const MovedEdge *moved = opaque;
  BlockDriverState *to = moved->edge->bs;

  bdrv_replace_child_common(moved->edge, moved->from);
  bdrv_schedule_unref(to);
}

static const TransactionActionDrv move_drv = {
    .commit = moved_edge_commit, .abort = moved_edge_abort, .clean = free};

static void bdrv_move_edge(BdrvChild *edge, BlockDriverState *to, Transaction *tran)
{
  MovedEdge *moved = qemu_malloc(sizeof(*moved));

  *moved = (MovedEdge){.edge = edge, .from = edge->bs};
  bdrv_ref(to);
  bdrv_replace_child_common(edge, to);
  tran_add(tran, &move_drv, moved);
}

static void attach_abort(void *opaque)
{
  bdrv_unref_child(opaque);
}

static const TransactionActionDrv attach_drv = {.abort = attach_abort};
