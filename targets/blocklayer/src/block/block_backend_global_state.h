/* SPDX-License-Identifier: Apache-2.0 */
/* Life and medium of a BlockBackend: the main thread. */
#ifndef BLOCK_BLOCK_BACKEND_GLOBAL_STATE_H
#define BLOCK_BLOCK_BACKEND_GLOBAL_STATE_H

#include "block/block_backend_common.h"
#include "block/block_global_state.h"

/* A backend with one reference, the caller's, without a medium. */
BlockBackend *blk_new(AioContext *ctx);

void blk_ref(BlockBackend *blk);

/* Drop a reference; with the last one the medium is removed (which polls) and the backend freed. No
 * request is in flight or queued. */
void blk_unref(BlockBackend *blk);

/* Insert `bs` (taking a reference); nothing is inserted. The node comes to the backend's context,
 * or if one of its users does not follow, the backend goes to the node's: 0, or -EPERM if it may
 * not, or if other users of the node do not agree with its permissions. Polls, because the backend
 * must be quiet when it gets a node that is quiesced. */
int blk_insert_bs(BlockBackend *blk, BlockDriverState *bs);

/* What it does with its medium, this one and later ones, and lets other users do; at first nothing
 * and everything. 0, or -EPERM and nothing has changed. Polls if there is a medium. */
int blk_set_perm(BlockBackend *blk, uint64_t perm, uint64_t shared_perm);

/* Remove the medium, with its node drained. The node returns to the main context unless others want
 * it to stay; the backend does not. Polls. Nothing if there is none. */
void blk_remove_bs(BlockBackend *blk);

/* Callbacks of the device; told at once if the backend is quiesced. NULL: none. */
void blk_set_dev_ops(BlockBackend *blk, const BlockDevOps *ops, void *opaque);

/* Wait until none of this user's requests is in flight, keeping new ones out. Polls. */
void blk_drain(BlockBackend *blk);

/* ------------------------------------------------------------------ context */

/* Go to `ctx` together with the medium and all that is connected with it: 0, or -EPERM if another
 * user does not follow; then nothing has changed. Polls. */
int blk_set_aio_context(BlockBackend *blk, AioContext *ctx);

/* May others move the medium to another context? At first not: the user must be able to follow. */
void blk_set_allow_aio_context_change(BlockBackend *blk, bool allow);

/* As bdrv_add_aio_context_notifier(), for whatever node is the root at the time. They are gone
 * before the backend is. */
void blk_add_aio_context_notifier(BlockBackend *blk, void (*attached)(AioContext *, void *),
                                  void (*detach)(void *), void *opaque);
void blk_remove_aio_context_notifier(BlockBackend *blk, void (*attached)(AioContext *, void *),
                                     void (*detach)(void *), void *opaque);

/* For block_backend.c: have the backend and a node that will be its root in one context, 0 or
 * -EPERM; the backend as a parent that follows its root. */
int blk_unite_aio_contexts(BlockBackend *blk, BlockDriverState *bs);
void blk_root_attach(BdrvChild *edge);
void blk_root_detach(BdrvChild *edge);
bool blk_root_change_aio_ctx(BdrvChild *edge, AioContextChange *change);

/* The class of the edge to the root node. */
extern const BdrvChildClass child_root;

#endif
