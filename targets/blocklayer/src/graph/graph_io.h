/* SPDX-License-Identifier: Apache-2.0 */
/* What any thread may do with the graph, under the read lock (graph_lock.h). */
#ifndef BLOCK_GRAPH_IO_H
#define BLOCK_GRAPH_IO_H

#include "graph/graph_common.h"

/* Is `child` an immediate child of `parent`? */
bool bdrv_is_child(const BlockDriverState *parent, const BlockDriverState *child);

/* The edge from `parent` down to `child`; NULL if there is none. */
BdrvChild *bdrv_find_child(const BlockDriverState *parent, const BlockDriverState *child);

/* Is `bs` the node `top` or anywhere below it? */
bool bdrv_is_below(BlockDriverState *top, const BlockDriverState *bs);

/* Add `bs` and everything below it to `list`, each once. Aborts if it finds an edge that its two
 * ends do not agree on, or more than BDRV_WALK_MAX nodes. */
void bdrv_walk(BlockDriverState *bs, BdrvNodeList *list);

/* The context that the node belongs to. No lock needed. */
AioContext *bdrv_get_aio_context(const BlockDriverState *bs);

#endif
