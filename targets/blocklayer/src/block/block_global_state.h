/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes, drained sections and changes of the graph: the main thread. */
#ifndef BLOCK_BLOCK_GLOBAL_STATE_H
#define BLOCK_BLOCK_GLOBAL_STATE_H

#include "block/block_common.h"
#include "util/transaction.h"

/* ------------------------------------------------------------------ life cycle */

/* A node with one reference, the caller's, in the main context. It is quiesced from the start if
 * all nodes are. bdrv_new(): without a driver. */
BlockDriverState *bdrv_new(void);
BlockDriverState *bdrv_new_open_driver(const BlockDriver *drv, void *opaque);

/* Drop a reference. With the last one the node is drained, closed and freed: this polls, so the
 * caller holds no lock. */
void bdrv_unref(BlockDriverState *bs);

/* The same for who holds the write lock: at its end, by a bottom half of the main context. */
void bdrv_schedule_unref(BlockDriverState *bs);

/* bdrv_unlink_child() and bdrv_schedule_unref(). Write lock. */
void bdrv_unref_child(BdrvChild *edge);

/* Free a node without parents, and its edges down, without closing its driver. Nobody else can
 * reach it any more, nothing was ever in flight. */
void bdrv_delete_unshared(BlockDriverState *bs);

/* ------------------------------------------------------------------ drained sections */

/*
 * Between begin and end nothing is in flight in `bs`, and its parents (and theirs) send it
 * nothing; children and siblings go on. Counted: sections nest and overlap in any order. No mutual
 * exclusion of two who drain.
 *
 * From a coroutine too, of any context, which sleeps until the main thread has done it. Begin
 * polls: anything may happen in there, so the caller holds a reference and no lock. End does not
 * wait, but lets requests go on that had been queued. Neither is called by a request that is
 * itself in flight in the node, nor under the graph's lock.
 */
void bdrv_drained_begin(BlockDriverState *bs);
void bdrv_drained_end(BlockDriverState *bs);

/* The same for the node and everything below it, as the graph is at any time: children that come
 * are quiesced, those that go are let go (bdrv_replace_child_common()). */
void bdrv_subtree_drained_begin(BlockDriverState *bs);
void bdrv_subtree_drained_end(BlockDriverState *bs);

/* ... for seed 000's callers, who hold no AioContext's lock. */
void bdrv_subtree_drained_begin_unlocked(BlockDriverState *bs);
void bdrv_subtree_drained_end_unlocked(BlockDriverState *bs);

/* Begin and end at once: wait for what is in flight. */
void bdrv_drain(BlockDriverState *bs);

/* The same for all nodes, those that are created in the section too. */
void bdrv_drain_all_begin(void);
void bdrv_drain_all_end(void);
void bdrv_drain_all(void);

/* ------------------------------------------------------------------ changes (they poll) */

/* What gets an edge between it comes into one context first. False, and nothing has changed: users
 * of both sides do not follow, or users of one node would not agree (graph/permissions.c). */

/* Make the edge from `parent` to `old_bs` point to `new_bs`, with both drained; false if there is
 * no such edge any more when the write lock is had. */
bool bdrv_replace_child_bs(BlockDriverState *parent, BlockDriverState *old_bs,
                           BlockDriverState *new_bs);

/* Have all parents of `from` use `to` instead; those that are `to` itself or below it stay, because
 * there would be a cycle. */
bool bdrv_replace_node(BlockDriverState *from, BlockDriverState *to);

/* Put `bs_new` on top of `bs_top`, of which it is no parent yet: a filter or an overlay. Its
 * parents become those of `bs_new`. */
bool bdrv_append(BlockDriverState *bs_new, BlockDriverState *bs_top);

/* Make `child` a child of `parent`: the child comes to the parent's context, or the other way
 * round. False too if it is a child already, or above, when the write lock is had. */
bool bdrv_add_child(BlockDriverState *parent, BlockDriverState *child);

/* Take out the nodes from `top` down to the one above `base`: the parents of `top` use `base`.
 * False if `base` is no longer below `top` when the write lock is had. */
bool bdrv_drop_intermediate(BlockDriverState *top, BlockDriverState *base);

/* ------------------------------------------------------------------ change of context */

/*
 * Take `bs`, and with it all nodes and users that are connected with it, to `ctx`: 0, or -EPERM if
 * one of the users does not follow; then nothing has changed. `ignore_child`: an edge whose parent
 * need not be asked; NULL: none. Drains all nodes meanwhile, so it polls, and the caller holds a
 * reference to `bs` and no lock. Nodes are detached parents before children, and attached children
 * before parents; nothing is in flight in any of them in between, and nobody polls.
 */
int bdrv_try_change_aio_context(BlockDriverState *bs, AioContext *ctx, BdrvChild *ignore_child);

/* The same for who has drained all nodes already and does not poll before he ends that. */
int bdrv_try_change_aio_context_drained(BlockDriverState *bs, AioContext *ctx,
                                        BdrvChild *ignore_child);

/* The same for callers that know that nobody refuses. */
void bdrv_set_aio_context(BlockDriverState *bs, AioContext *ctx);

/*
 * Call detach() before the node leaves its context, and attached() when it is in the new one, with
 * nothing in flight in it; both in the main thread, and they must not poll. The callbacks may add
 * and remove notifiers, themselves too; one that is added in there is called from the next change
 * on. The node has none left when it is deleted.
 */
void bdrv_add_aio_context_notifier(BlockDriverState *bs, void (*attached)(AioContext *, void *),
                                   void (*detach)(void *), void *opaque);
void bdrv_remove_aio_context_notifier(BlockDriverState *bs, void (*attached)(AioContext *, void *),
                                      void (*detach)(void *), void *opaque);

/* Before there is an edge between them: take `bs` to the context of `other`, or, if somebody does
 * not follow, the other way round. 0 or -EPERM. */
int bdrv_unite_aio_contexts(BlockDriverState *bs, BlockDriverState *other);

/* A change that is being prepared: where to, who has been asked, and what is to be done if nobody
 * refuses. For BdrvChildClass.change_aio_ctx(). */
enum { AIO_CONTEXT_CHANGE_MAX = 128 };

struct AioContextChange {
  AioContext *ctx;
  BdrvNodeList nodes; /* that move */
  uint64_t detached;  /* bit i: nodes[i] has left its old context */
  Transaction *tran;  /* what users do; committed while all nodes are detached */

  /* Edges that have been followed, or users that have been asked. */
  unsigned visited_count;
  const void *visited[AIO_CONTEXT_CHANGE_MAX];
};

/* Is it the first time that the change comes to `object`? */
bool bdrv_change_visits(AioContextChange *change, const void *object);

/* `bs` and all that is connected with it will be asked; false: somebody refused. */
bool bdrv_change_aio_context(BlockDriverState *bs, AioContextChange *change);

#endif
