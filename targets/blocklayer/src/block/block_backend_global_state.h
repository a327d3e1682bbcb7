/* SPDX-License-Identifier: Apache-2.0 */
/* Life and medium of a BlockBackend: the main thread. */
#ifndef BLOCK_BLOCK_BACKEND_GLOBAL_STATE_H
#define BLOCK_BLOCK_BACKEND_GLOBAL_STATE_H

#include "block/block_backend_common.h"

/* A backend with one reference, the caller's, without a medium. */
BlockBackend *blk_new(AioContext *ctx);

void blk_ref(BlockBackend *blk);

/* Drop a reference; with the last one the medium is removed (which polls) and the backend freed. No
 * request is in flight or queued. */
void blk_unref(BlockBackend *blk);

/* Insert `bs` (taking a reference); nothing is inserted. Polls, because the backend must be quiet
 * when it gets a node that is quiesced. */
void blk_insert_bs(BlockBackend *blk, BlockDriverState *bs);

/* Remove the medium, with its node drained. Polls. Nothing if there is none. */
void blk_remove_bs(BlockBackend *blk);

/* Callbacks of the device; told at once if the backend is quiesced. NULL: none. */
void blk_set_dev_ops(BlockBackend *blk, const BlockDevOps *ops, void *opaque);

/* Wait until none of this user's requests is in flight, keeping new ones out. Polls. */
void blk_drain(BlockBackend *blk);

/* The class of the edge to the root node. */
extern const BdrvChildClass child_root;

#endif
