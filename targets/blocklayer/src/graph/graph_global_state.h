/* SPDX-License-Identifier: Apache-2.0 */
/* What only the main thread may do: change edges (under the write lock) and quiesce nodes. */
#ifndef BLOCK_GRAPH_GLOBAL_STATE_H
#define BLOCK_GRAPH_GLOBAL_STATE_H

#include "graph/graph_common.h"
#include "util/transaction.h"

/* ------------------------------------------------------------------ nodes */

/* Every node, newest first, linked through `next_node`. */
BlockDriverState *bdrv_first_node(void);

/* A node comes to be known, ceases to be known. */
void bdrv_list_add(BlockDriverState *bs);
void bdrv_list_remove(BlockDriverState *bs);

void bdrv_ref(BlockDriverState *bs);

/* ------------------------------------------------------------------ edges (write lock) */

extern const BdrvChildClass child_of_bds;

/*
 * Make `child` a child of `parent`, which it is not yet, and which is not below it. The edge takes
 * a reference. If `child` is quiesced, `parent` must be quiet already: nobody waits here. NULL, and
 * nothing has changed, if the permissions that `parent` wants are not to be had.
 */
BdrvChild *bdrv_attach_child(BlockDriverState *parent, BlockDriverState *child);

/* The same for who refreshes the permissions afterwards. */
BdrvChild *bdrv_attach_child_noperm(BlockDriverState *parent, BlockDriverState *child);

/* The same for nodes that no other thread knows yet: no lock. */
BdrvChild *bdrv_attach_child_unshared(BlockDriverState *parent, BlockDriverState *child);

/* An edge from a user that is no node; as above. The caller keeps it until bdrv_root_unlink(). It
 * has no permissions yet: bdrv_child_try_set_perm(). */
BdrvChild *bdrv_root_attach_child(BlockDriverState *child, const BdrvChildClass *klass,
                                  void *opaque);

/* Remove the edge and free it. The reference to the child goes over to the caller, who drops it
 * once the lock is free (bdrv_unref()) or right away with bdrv_schedule_unref(). */
BlockDriverState *bdrv_unlink_child(BdrvChild *edge);

/* The same for nodes that no other thread knows any more: no lock. */
BlockDriverState *bdrv_unlink_child_unshared(BdrvChild *edge);

/*
 * Make the edge point to `new_bs` instead: the only place that writes edges. NULL for none. The
 * references are the caller's business. Sections are carried along: when this returns the parent
 * is quiesced as often as the new child demands, and what is below as often as the parent does.
 * If `new_bs` is quiesced, the parent must be quiet already.
 */
void bdrv_replace_child_common(BdrvChild *edge, BlockDriverState *new_bs);

/* ------------------------------------------------------------------ permissions (write lock) */

/* What all users of the node do with it together, and what all of them let others do. */
void bdrv_get_cumulative_perm(const BlockDriverState *bs, uint64_t *perm, uint64_t *shared);

/*
 * The users of these nodes have changed: compute anew what they and everything below them want of
 * their children. 0, or -EPERM if two users of a node do not agree; `tran` undoes it.
 */
int bdrv_list_refresh_perms(const BdrvNodeList *tops, Transaction *tran);
int bdrv_refresh_perms(BlockDriverState *bs, Transaction *tran);

/* A user wants others; the driver of `bs` has changed its mind about a child. 0, or -EPERM, and
 * nothing has changed. */
int bdrv_child_try_set_perm(BdrvChild *edge, uint64_t perm, uint64_t shared);
int bdrv_child_refresh_perms(BlockDriverState *bs, BdrvChild *edge);

/* ------------------------------------------------------------------ quiescing */

/*
 * One more section, one less, without waiting for anybody. Begin: first the parents are told (once,
 * when the first of these sections begins), then the node's driver (if it was not quiesced at
 * all). End: the reverse.
 */
void bdrv_do_drained_begin_quiesce(BlockDriverState *bs);
void bdrv_do_drained_end_quiesce(BlockDriverState *bs);

/* The same for every node. */
void bdrv_do_all_begin_quiesce(void);
void bdrv_do_all_end_quiesce(void);

/*
 * The same for everything below too. Each such section is told to all parents of each node but the
 * one that it comes from: `from` is the edge that leads here, NULL at the top. End: children
 * first, so that no parent goes on before all that it may reach.
 */
void bdrv_do_subtree_begin_quiesce(BlockDriverState *bs, const BdrvChild *from);
void bdrv_do_subtree_end_quiesce(BlockDriverState *bs, const BdrvChild *from);

/* One more for the parent of one edge, one less, is it busy? */
void bdrv_parent_drained_begin_single(BdrvChild *edge);
void bdrv_parent_drained_end_single(BdrvChild *edge);
bool bdrv_parent_drained_poll_single(BdrvChild *edge);

/* Is anything in flight in the node, or its parents busy? `recursive`: or below it; the parent at
 * the other end of `from` is not asked. `ignore_bds_parents`: who asks every node anyway. */
bool bdrv_drain_poll(BlockDriverState *bs, bool recursive, const BdrvChild *from,
                     bool ignore_bds_parents);

/* For whom is bdrv_drain_poll() asked? For a coroutine of that context, or (NULL) for the main
 * thread itself. Set around the call. */
AioContext *bdrv_drainer(void);
void bdrv_set_drainer(AioContext *ctx);

/* ------------------------------------------------------------------ quiescing all nodes */

/*
 * A section of all nodes, those that are created in it too: what bdrv_drain_all_begin() and
 * bdrv_drain_all_end() do, for the main thread outside of coroutines. Begin polls; end does not,
 * and is allowed under the write lock too.
 */
void bdrv_do_drain_all_begin(void);
void bdrv_do_drain_all_end(void);

/*
 * The same begin, but without waiting for those in flight: no new requests from now on. For who is
 * going to wait himself (bdrv_graph_wrlock(), so that readers cannot starve it). Never polls. A few
 * additions per node and edge if nobody uses the nodes.
 */
void bdrv_drain_all_begin_nopoll(void);

/* As bdrv_drain_poll(), of all nodes. */
bool bdrv_drain_all_busy(void);

/* Sections of all nodes that are open. */
unsigned bdrv_drain_all_sections(void);

#endif
