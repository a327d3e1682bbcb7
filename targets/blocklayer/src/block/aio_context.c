/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking nodes to another context. A request goes along edges without changing threads, so all that
 * is connected moves together: first everybody is asked, then everybody moves, or nobody.
 *
 * There is one drained section of all nodes around it. A section per node, begun as the walk comes
 * to it, would poll in the middle, and what runs there would meet nodes of two contexts. The price
 * is that unrelated nodes wait too.
 */
#include "block/block_global_state.h"

#include "aio/code_category.h"
#include "graph/graph_lock.h"

#include <errno.h>

static bool change_parent(BdrvChild *edge, AioContextChange *change);
static void detach_after_parents(BlockDriverState *bs, AioContextChange *change);
static void attach_after_children(BlockDriverState *bs, AioContextChange *change);
static void bdrv_detach_aio_context(BlockDriverState *bs);
static void bdrv_attach_aio_context(BlockDriverState *bs, AioContext *ctx);

int bdrv_try_change_aio_context(BlockDriverState *bs, AioContext *ctx, BdrvChild *ignore_child)
{
  GLOBAL_STATE_CODE();
  assert_bdrv_graph_unlocked();
  if (bdrv_get_aio_context(bs) == ctx) {
    return 0;
  }
  bdrv_drain_all_begin();
  int ret = bdrv_try_change_aio_context_drained(bs, ctx, ignore_child);
  bdrv_drain_all_end();
  return ret;
}

void bdrv_set_aio_context(BlockDriverState *bs, AioContext *ctx)
{
  GLOBAL_STATE_CODE();
  int ret = bdrv_try_change_aio_context(bs, ctx, NULL);
  assert(ret == 0);
}

int bdrv_unite_aio_contexts(BlockDriverState *bs, BlockDriverState *other)
{
  GLOBAL_STATE_CODE();
  int ret = bdrv_try_change_aio_context(bs, bdrv_get_aio_context(other), NULL);

  return ret == 0 ? 0 : bdrv_try_change_aio_context(other, bdrv_get_aio_context(bs), NULL);
}

int bdrv_try_change_aio_context_drained(BlockDriverState *bs, AioContext *ctx,
                                        BdrvChild *ignore_child)
{
  GLOBAL_STATE_CODE();
  AioContextChange change = {.ctx = ctx, .tran = tran_new()};

  bdrv_graph_rdlock_main_loop(); /* aborts if a callback polls */
  if (ignore_child) {
    bdrv_change_visits(&change, ignore_child);
  }
  bool possible = bdrv_change_aio_context(bs, &change);
  for (size_t i = 0; possible && i < change.nodes.count; i++) {
    detach_after_parents(change.nodes.nodes[i], &change);
  }
  tran_finalize(change.tran, possible ? 0 : -EPERM);
  for (size_t i = 0; possible && i < change.nodes.count; i++) {
    attach_after_children(change.nodes.nodes[i], &change);
  }
  bdrv_graph_rdunlock_main_loop();
  return possible ? 0 : -EPERM;
}

/* ------------------------------------------------------------------ asking */

bool bdrv_change_visits(AioContextChange *change, const void *object)
{
  GLOBAL_STATE_CODE();
  for (unsigned i = 0; i < change->visited_count; i++) {
    if (change->visited[i] == object) {
      return false;
    }
  }
  assert(change->visited_count < AIO_CONTEXT_CHANGE_MAX);
  change->visited[change->visited_count++] = object;
  return true;
}

/* The index of a node that moves; the number of them if it does not. */
static size_t moving_node(const AioContextChange *change, const BlockDriverState *bs)
{
  size_t i = 0;
  while (i < change->nodes.count && change->nodes.nodes[i] != bs) {
    i++;
  }
  return i;
}

bool bdrv_change_aio_context(BlockDriverState *bs, AioContextChange *change)
{
  GLOBAL_STATE_CODE();
  if (bdrv_get_aio_context(bs) == change->ctx || moving_node(change, bs) < change->nodes.count) {
    return true;
  }
  assert(change->nodes.count < BDRV_WALK_MAX);
  change->nodes.nodes[change->nodes.count++] = bs; /* before we go on: there may be a way back */
  for (BdrvChild *edge = bs->parents; edge; edge = edge->next_of_parents) {
    if (!change_parent(edge, change)) {
      return false;
    }
  }
  for (BdrvChild *edge = bs->children; edge; edge = edge->next_sibling) {
    if (bdrv_change_visits(change, edge) && !bdrv_change_aio_context(edge->bs, change)) {
      return false;
    }
  }
  return true;
}

static bool change_parent(BdrvChild *edge, AioContextChange *change)
{
  if (!bdrv_change_visits(change, edge)) {
    return true;
  }
  if (edge->klass->parent_is_bds) {
    return bdrv_change_aio_context(edge->opaque, change);
  }
  return edge->klass->change_aio_ctx && edge->klass->change_aio_ctx(edge, change);
}

/* ------------------------------------------------------------------ moving */

static void detach_after_parents(BlockDriverState *bs, AioContextChange *change)
{
  size_t i = moving_node(change, bs);

  if (i == change->nodes.count || change->detached >> i & 1) {
    return;
  }
  for (BdrvChild *edge = bs->parents; edge; edge = edge->next_of_parents) {
    if (edge->klass->parent_is_bds) {
      detach_after_parents(edge->opaque, change);
    }
  }
  bdrv_detach_aio_context(bs);
  change->detached |= (uint64_t)1 << i;
}

static void attach_after_children(BlockDriverState *bs, AioContextChange *change)
{
  size_t i = moving_node(change, bs);

  if (i == change->nodes.count || !(change->detached >> i & 1)) {
    return;
  }
  for (BdrvChild *edge = bs->children; edge; edge = edge->next_sibling) {
    attach_after_children(edge->bs, change);
  }
  change->detached &= ~((uint64_t)1 << i);
  bdrv_attach_aio_context(bs, change->ctx);
}

/* ------------------------------------------------------------------ one node */

struct BdrvAioNotifier {
  void (*attached)(AioContext *new_context, void *opaque);
  void (*detach)(void *opaque);
  void *opaque;
  bool deleted; /* during a walk */
  BdrvAioNotifier *next;
};

static void free_deleted_notifiers(BlockDriverState *bs)
{
  BdrvAioNotifier **link = &bs->aio_notifiers;

  while (*link) {
    BdrvAioNotifier *notifier = *link;
    if (notifier->deleted) {
      *link = notifier->next;
      free(notifier);
    } else {
      link = &notifier->next;
    }
  }
}

/* Users above the node first, its driver last; attaching is the reverse. */
static void bdrv_detach_aio_context(BlockDriverState *bs)
{
  assert(!bs->walking_aio_notifiers);
  bs->walking_aio_notifiers = true;
  for (BdrvAioNotifier *n = bs->aio_notifiers; n; n = n->next) {
    if (!n->deleted) {
      n->detach(n->opaque);
    }
  }
  bs->walking_aio_notifiers = false;
  free_deleted_notifiers(bs);
  if (bs->drv && bs->drv->bdrv_detach_aio_context) {
    bs->drv->bdrv_detach_aio_context(bs);
  }
}

static void bdrv_attach_aio_context(BlockDriverState *bs, AioContext *ctx)
{
  /* Relaxed: see bdrv_get_aio_context(). */
  atomic_store_explicit(&bs->aio_context, ctx, memory_order_relaxed);
  if (bs->drv && bs->drv->bdrv_attach_aio_context) {
    bs->drv->bdrv_attach_aio_context(bs, ctx);
  }
  assert(!bs->walking_aio_notifiers);
  bs->walking_aio_notifiers = true;
  for (BdrvAioNotifier *n = bs->aio_notifiers; n; n = n->next) {
    if (!n->deleted) {
      n->attached(ctx, n->opaque);
    }
  }
  bs->walking_aio_notifiers = false;
  free_deleted_notifiers(bs);
}

/* ------------------------------------------------------------------ notifiers */

void bdrv_add_aio_context_notifier(BlockDriverState *bs, void (*attached)(AioContext *, void *),
                                   void (*detach)(void *), void *opaque)
{
  GLOBAL_STATE_CODE();
  BdrvAioNotifier *notifier = qemu_malloc(sizeof(*notifier));

  *notifier = (BdrvAioNotifier){
      .attached = attached, .detach = detach, .opaque = opaque, .next = bs->aio_notifiers};
  bs->aio_notifiers = notifier;
}

void bdrv_remove_aio_context_notifier(BlockDriverState *bs, void (*attached)(AioContext *, void *),
                                      void (*detach)(void *), void *opaque)
{
  GLOBAL_STATE_CODE();
  BdrvAioNotifier *n = bs->aio_notifiers;

  while (n &&
         (n->deleted || n->attached != attached || n->detach != detach || n->opaque != opaque)) {
    n = n->next;
  }
  assert(n);
  n->deleted = true;
  if (!bs->walking_aio_notifiers) {
    free_deleted_notifiers(bs); /* else the walk may be at this one */
  }
}
