/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes, drained sections and changes of the graph: the main thread. */
#ifndef BLOCK_BLOCK_GLOBAL_STATE_H
#define BLOCK_BLOCK_GLOBAL_STATE_H

#include "block/block_common.h"

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

/* Make the edge from `parent` to `old_bs` point to `new_bs`, with both drained; false if there is
 * no such edge any more when the write lock is had. */
bool bdrv_replace_child_bs(BlockDriverState *parent, BlockDriverState *old_bs,
                           BlockDriverState *new_bs);

/* Have all parents of `from` use `to` instead; those that are `to` itself or below it stay, because
 * there would be a cycle. */
void bdrv_replace_node(BlockDriverState *from, BlockDriverState *to);

/* Put `bs_new`, which has no child yet, on top of `bs_top`: a filter or an overlay. Its parents
 * become those of `bs_new`. */
void bdrv_append(BlockDriverState *bs_new, BlockDriverState *bs_top);

/* Take out the nodes from `top` down to the one above `base`: the parents of `top` use `base`.
 * False if `base` is no longer below `top` when the write lock is had. */
bool bdrv_drop_intermediate(BlockDriverState *top, BlockDriverState *base);

#endif
