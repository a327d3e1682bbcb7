/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Permissions: what each user of a node does with it, and what it lets the others do. A node asks
 * of its children what its driver makes of the sum of its users.
 *
 * They are computed for the graph as it is after a change, never edge by edge on the way there, and
 * parents before their children: an exclusive writer may move between two ways to one node although
 * in between it would seem to be there twice. What is refused is undone by the transaction that the
 * change is part of. One walk over what is below the change, main thread, under the write lock.
 */
#include "graph/graph.h"

#include "aio/code_category.h"
#include "graph/graph_lock.h"
#include "util/transaction.h"

#include <errno.h>

static void topological(BlockDriverState *bs, BdrvNodeList *children_first);
static int refresh_node(BlockDriverState *bs, Transaction *tran);
static bool users_agree(const BlockDriverState *bs);
static void wanted_of_child(BlockDriverState *bs, const BdrvChild *edge, uint64_t *perm,
                            uint64_t *shared);
static void set_perm(BdrvChild *edge, uint64_t perm, uint64_t shared, Transaction *tran);
static int set_and_refresh(BdrvChild *edge, uint64_t perm, uint64_t shared);

/* ------------------------------------------------------------------ asking, refreshing */

void bdrv_get_cumulative_perm(const BlockDriverState *bs, uint64_t *perm, uint64_t *shared)
{
  GLOBAL_STATE_CODE();
  assert_bdrv_graph_readable();
  *perm = 0;
  *shared = BLK_PERM_ALL;
  for (const BdrvChild *edge = bs->parents; edge; edge = edge->next_of_parents) {
    *perm |= edge->perm;
    *shared &= edge->shared_perm;
  }
}

int bdrv_list_refresh_perms(const BdrvNodeList *tops, Transaction *tran)
{
  GLOBAL_STATE_CODE();
  assert_bdrv_graph_writable();
  BdrvNodeList children_first = {0};

  for (size_t i = 0; i < tops->count; i++) {
    topological(tops->nodes[i], &children_first);
  }
  for (size_t i = children_first.count; i-- > 0;) {
    int ret = refresh_node(children_first.nodes[i], tran);
    if (ret < 0) {
      return ret;
    }
  }
  return 0;
}

int bdrv_refresh_perms(BlockDriverState *bs, Transaction *tran)
{
  GLOBAL_STATE_CODE();
  BdrvNodeList top = {.count = 1, .nodes = {bs}};
  return bdrv_list_refresh_perms(&top, tran);
}

int bdrv_child_try_set_perm(BdrvChild *edge, uint64_t perm, uint64_t shared)
{
  GLOBAL_STATE_CODE();
  bool new = edge->perm != perm || edge->shared_perm != shared;
  return new ? set_and_refresh(edge, perm, shared) : 0;
}

int bdrv_child_refresh_perms(BlockDriverState *bs, BdrvChild *edge)
{
  GLOBAL_STATE_CODE();
  uint64_t perm, shared;

  wanted_of_child(bs, edge, &perm, &shared);
  return set_and_refresh(edge, perm, shared);
}

/* What is below may have changed its mind although we have not. */
static int set_and_refresh(BdrvChild *edge, uint64_t perm, uint64_t shared)
{
  Transaction *tran = tran_new();

  set_perm(edge, perm, shared, tran);
  int ret = bdrv_refresh_perms(edge->bs, tran);
  tran_finalize(tran, ret);
  return ret;
}

/* ------------------------------------------------------------------ one node after the other */

/* Add `bs` after everything below it, each once. */
static void topological(BlockDriverState *bs, BdrvNodeList *children_first)
{
  for (size_t i = 0; i < children_first->count; i++) {
    if (children_first->nodes[i] == bs) {
      return;
    }
  }
  for (BdrvChild *edge = bs->children; edge; edge = edge->next_sibling) {
    topological(edge->bs, children_first);
  }
  assert(children_first->count < BDRV_WALK_MAX);
  children_first->nodes[children_first->count++] = bs;
}

static int refresh_node(BlockDriverState *bs, Transaction *tran)
{
  if (!users_agree(bs)) {
    return -EPERM;
  }
  for (BdrvChild *edge = bs->children; edge; edge = edge->next_sibling) {
    uint64_t perm, shared;
    wanted_of_child(bs, edge, &perm, &shared);
    set_perm(edge, perm, shared, tran);
  }
  return 0;
}

/* Does each user let all others do what they do? */
static bool users_agree(const BlockDriverState *bs)
{
  for (const BdrvChild *one = bs->parents; one; one = one->next_of_parents) {
    for (const BdrvChild *other = bs->parents; other; other = other->next_of_parents) {
      if (one != other && one->perm & ~other->shared_perm) {
        return false;
      }
    }
  }
  return true;
}

static void wanted_of_child(BlockDriverState *bs, const BdrvChild *edge, uint64_t *perm,
                            uint64_t *shared)
{
  uint64_t cumulative, cumulative_shared;

  *perm = 0;
  *shared = BLK_PERM_ALL;
  if (bs->drv && bs->drv->bdrv_child_perm) {
    bdrv_get_cumulative_perm(bs, &cumulative, &cumulative_shared);
    bs->drv->bdrv_child_perm(bs, edge, cumulative, cumulative_shared, perm, shared);
  }
}

/* ------------------------------------------------------------------ undoing */

typedef struct OldPermissions {
  BdrvChild *edge;
  uint64_t perm;
  uint64_t shared_perm;
} OldPermissions;

static void set_perm_abort(void *opaque)
{
  const OldPermissions *old = opaque;
  old->edge->perm = old->perm;
  old->edge->shared_perm = old->shared_perm;
}

static const TransactionActionDrv set_perm_drv = {.abort = set_perm_abort, .clean = free};

static void set_perm(BdrvChild *edge, uint64_t perm, uint64_t shared, Transaction *tran)
{
  if (edge->perm == perm && edge->shared_perm == shared) {
    return;
  }
  OldPermissions *old = qemu_malloc(sizeof(*old));
  *old = (OldPermissions){edge, edge->perm, edge->shared_perm};
  tran_add(tran, &set_perm_drv, old);
  edge->perm = perm;
  edge->shared_perm = shared;
}
