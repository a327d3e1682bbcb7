/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The block graph: nodes and directed edges without cycles. An edge is known at both its ends.
 * Changing edges needs the write lock (graph_lock.h), following them the read lock.
 */
#ifndef BLOCK_GRAPH_H
#define BLOCK_GRAPH_H

#include <stdbool.h>
#include <stddef.h>

typedef struct BdrvChild BdrvChild;

/* A node. */
typedef struct BlockDriverState {
  BdrvChild *children; /* edges down, newest first */
  BdrvChild *parents;  /* edges up, newest first */
} BlockDriverState;

/* An edge; owned by the parent. */
struct BdrvChild {
  BlockDriverState *parent;
  BlockDriverState *bs;       /* the child */
  BdrvChild *next_sibling;    /* in parent->children */
  BdrvChild *next_of_parents; /* in bs->parents */
};

enum { BDRV_WALK_MAX = 64 };

/* Nodes in the order in which they were met. */
typedef struct BdrvNodeList {
  size_t count;
  BlockDriverState *nodes[BDRV_WALK_MAX];
} BdrvNodeList;

/* A node without edges. */
BlockDriverState *bdrv_new(void);

/* Free a node without parents, and its edges down. Nobody else can reach it any more. */
void bdrv_delete(BlockDriverState *bs);

/* Make `child` a child of `parent`, which it is not yet, and which is not below it. Write lock. */
void bdrv_attach_child(BlockDriverState *parent, BlockDriverState *child);

/* The same for nodes that no other thread knows yet: no lock. */
void bdrv_attach_child_unshared(BlockDriverState *parent, BlockDriverState *child);

/* Remove `child`, which is one, from the children of `parent`. Write lock. */
void bdrv_detach_child(BlockDriverState *parent, BlockDriverState *child);

/* Is `child` an immediate child of `parent`? Read or write lock. */
bool bdrv_is_child(const BlockDriverState *parent, const BlockDriverState *child);

/* Add `bs` and everything below it to `list`, each once. Aborts if it finds an edge that its two
 * ends do not agree on, or more than BDRV_WALK_MAX nodes. Read or write lock. */
void bdrv_walk(BlockDriverState *bs, BdrvNodeList *list);

#endif
