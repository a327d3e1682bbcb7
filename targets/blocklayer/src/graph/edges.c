/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changing edges. All of it goes through bdrv_replace_child_common(): a new edge first points
 * nowhere, one that goes points nowhere in the end. An edge is one allocation; taking one away
 * walks over its siblings and the child's other parents, adding one over all below the child (no
 * cycle!), and each section that one end has and the other has not is carried there.
 */
#include "graph/graph.h"

#include "aio/code_category.h"
#include "graph/graph_lock.h"

static BdrvChild *bdrv_new_edge(const BdrvChildClass *klass, void *opaque);
static BdrvChild *bdrv_add_edge(BlockDriverState *parent, BlockDriverState *child);
static void bdrv_replace_child(BdrvChild *edge, BlockDriverState *new_bs);
static void bdrv_link(BdrvChild *edge, BlockDriverState *bs);
static void bdrv_unlink(BdrvChild *edge);

/* ------------------------------------------------------------------ attaching */

BdrvChild *bdrv_attach_child(BlockDriverState *parent, BlockDriverState *child)
{
  GLOBAL_STATE_CODE();
  BdrvChild *edge = bdrv_attach_child_noperm(parent, child);

  if (parent->drv && parent->drv->bdrv_child_perm && bdrv_child_refresh_perms(parent, edge) < 0) {
    bdrv_unlink_child(edge);
    assert(child->refcnt > 1); /* the caller's own is left */
    child->refcnt--;
    return NULL;
  }
  return edge;
}

BdrvChild *bdrv_attach_child_noperm(BlockDriverState *parent, BlockDriverState *child)
{
  GLOBAL_STATE_CODE();
  assert_bdrv_graph_writable();
  return bdrv_add_edge(parent, child);
}

BdrvChild *bdrv_attach_child_unshared(BlockDriverState *parent, BlockDriverState *child)
{
  GLOBAL_STATE_CODE();
  return bdrv_add_edge(parent, child);
}

static BdrvChild *bdrv_add_edge(BlockDriverState *parent, BlockDriverState *child)
{
  assert(!bdrv_is_child(parent, child));
  assert(!bdrv_is_below(child, parent)); /* else a cycle */

  BdrvChild *edge = bdrv_new_edge(&child_of_bds, parent);
  edge->next_sibling = parent->children;
  parent->children = edge;
  bdrv_ref(child);
  bdrv_replace_child(edge, child);
  return edge;
}

BdrvChild *bdrv_root_attach_child(BlockDriverState *child, const BdrvChildClass *klass,
                                  void *opaque)
{
  GLOBAL_STATE_CODE();
  BdrvChild *edge = bdrv_new_edge(klass, opaque);

  assert(!klass->parent_is_bds);
  bdrv_ref(child);
  bdrv_replace_child_common(edge, child);
  return edge;
}

static BdrvChild *bdrv_new_edge(const BdrvChildClass *klass, void *opaque)
{
  BdrvChild *edge = qemu_malloc(sizeof(*edge));
  *edge = (BdrvChild){.klass = klass, .opaque = opaque, .shared_perm = BLK_PERM_ALL};
  return edge;
}

/* ------------------------------------------------------------------ detaching */

BlockDriverState *bdrv_unlink_child(BdrvChild *edge)
{
  GLOBAL_STATE_CODE();
  assert_bdrv_graph_writable();
  bool had_perms = edge->perm || edge->shared_perm != BLK_PERM_ALL;
  BlockDriverState *child = bdrv_unlink_child_unshared(edge);

  if (had_perms) {
    Transaction *tran = tran_new();
    int ret = bdrv_refresh_perms(child, tran);
    assert(ret == 0); /* one user less: nobody wants more, nobody shares less */
    tran_commit(tran);
  }
  return child;
}

BlockDriverState *bdrv_unlink_child_unshared(BdrvChild *edge)
{
  GLOBAL_STATE_CODE();
  BlockDriverState *child = edge->bs;

  bdrv_replace_child(edge, NULL);
  if (edge->klass->parent_is_bds) {
    BlockDriverState *parent = edge->opaque;
    BdrvChild **link = &parent->children;
    while (*link != edge) {
      link = &(*link)->next_sibling;
    }
    *link = edge->next_sibling;
  }
  free(edge);
  return child;
}

/* ------------------------------------------------------------------ the only writer */

void bdrv_replace_child_common(BdrvChild *edge, BlockDriverState *new_bs)
{
  GLOBAL_STATE_CODE();
  assert_bdrv_graph_writable();
  bdrv_replace_child(edge, new_bs);
}

/* Subtree sections of the parent, as often as it has come down to there. */
static unsigned sections_from_above(const BdrvChild *edge)
{
  const BlockDriverState *parent = edge->klass->parent_is_bds ? edge->opaque : NULL;
  return parent ? parent->recursive_quiesce_counter : 0;
}

/* How often a child demands of a new parent to be quiesced. */
static unsigned sections_of_child(const BlockDriverState *bs)
{
  if (!bs) {
    return 0;
  }
  return bs->recursive_quiesce_counter + (bs->quiesce_counter > bs->recursive_quiesce_counter);
}

static void bdrv_replace_child(BdrvChild *edge, BlockDriverState *new_bs)
{
  unsigned above = sections_from_above(edge);

  /* What the parent's subtree sections did to the old child goes. */
  for (unsigned i = 0; edge->bs && i < above; i++) {
    bdrv_do_subtree_end_quiesce(edge->bs, edge);
  }
  /* The parent is quiesced before it gets a quiesced child, and as long as it has one: between the
   * two it is never let go. */
  unsigned demanded = sections_of_child(new_bs);
  while (edge->quiesced_parent < demanded) {
    bdrv_parent_drained_begin_single(edge);
  }
  bdrv_unlink(edge);
  bdrv_link(edge, new_bs);
  while (edge->quiesced_parent > demanded) {
    bdrv_parent_drained_end_single(edge);
  }
  for (unsigned i = 0; new_bs && i < above; i++) {
    bdrv_do_subtree_begin_quiesce(new_bs, edge);
  }
}

static void bdrv_unlink(BdrvChild *edge)
{
  if (!edge->bs) {
    return;
  }
  if (edge->klass->detach) {
    edge->klass->detach(edge);
  }
  BdrvChild **link = &edge->bs->parents;
  while (*link != edge) {
    link = &(*link)->next_of_parents;
  }
  *link = edge->next_of_parents;
  edge->bs = NULL;
}

static void bdrv_link(BdrvChild *edge, BlockDriverState *bs)
{
  if (!bs) {
    return;
  }
  edge->bs = bs;
  edge->next_of_parents = bs->parents;
  bs->parents = edge;
  if (edge->klass->attach) {
    edge->klass->attach(edge);
  }
}
