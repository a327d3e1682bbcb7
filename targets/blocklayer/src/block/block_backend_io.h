/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of a BlockBackend: any thread. */
#ifndef BLOCK_BLOCK_BACKEND_IO_H
#define BLOCK_BLOCK_BACKEND_IO_H

#include "block/block_backend_common.h"

/* As bdrv_inc_in_flight(), for what a drain of this user's node has to wait for. Raising it is a
 * full fence. */
void blk_inc_in_flight(BlockBackend *blk);
void blk_dec_in_flight(BlockBackend *blk);

/*
 * A request: 0 or a negative errno (-ENOMEDIUM: nothing is inserted). Waits while the backend is
 * quiesced, so the caller holds no lock and no drained section.
 */
int coroutine_fn blk_co_preadv(BlockBackend *blk, int64_t offset, int64_t bytes,
                               BdrvRequestFlags flags);
int coroutine_fn blk_co_pwritev(BlockBackend *blk, int64_t offset, int64_t bytes,
                                BdrvRequestFlags flags);
int coroutine_fn blk_co_flush(BlockBackend *blk);

/*
 * For who is no coroutine: the request runs in the backend's context while the caller polls. The
 * results are those of bdrv_pread() and the others, and -ENOMEDIUM. Main thread, or the home thread
 * of the backend's context; with no lock, and not in a drained section that covers the medium,
 * whose end the request would wait for.
 */
int blk_pread(BlockBackend *blk, int64_t offset, int64_t bytes);
int blk_pwrite(BlockBackend *blk, int64_t offset, int64_t bytes);
int blk_preadv(BlockBackend *blk, int64_t offset, int64_t bytes);
int blk_pwritev(BlockBackend *blk, int64_t offset, int64_t bytes);
int blk_preadv_part(BlockBackend *blk, int64_t offset, int64_t bytes, int64_t qiov_bytes,
                    int64_t qiov_offset);
int blk_pwritev_part(BlockBackend *blk, int64_t offset, int64_t bytes, int64_t qiov_bytes,
                     int64_t qiov_offset);
int blk_pwrite_compressed(BlockBackend *blk, int64_t offset, int64_t bytes);
int blk_pwrite_zeroes(BlockBackend *blk, int64_t offset, int64_t bytes);
int blk_pdiscard(BlockBackend *blk, int64_t offset, int64_t bytes);
int blk_truncate(BlockBackend *blk, int64_t length);
int blk_flush(BlockBackend *blk);

/* Reading, writing and flushing in a coroutine of its own: cb(opaque, ret) is called once, in the
 * calling thread's context, never before this returns. Outside of coroutines. A drain waits for the
 * callback too, so the callback must not drain. */
void blk_aio_preadv(BlockBackend *blk, int64_t offset, int64_t bytes, BdrvRequestFlags flags,
                    BlockCompletionFunc *cb, void *opaque);
void blk_aio_pwritev(BlockBackend *blk, int64_t offset, int64_t bytes, BdrvRequestFlags flags,
                     BlockCompletionFunc *cb, void *opaque);
void blk_aio_flush(BlockBackend *blk, BlockCompletionFunc *cb, void *opaque);

/* The root node, NULL if there is none. Main thread, or under the read lock. */
BlockDriverState *blk_bs(const BlockBackend *blk);

AioContext *blk_get_aio_context(const BlockBackend *blk);

/* Is there a section that keeps the backend quiet? Exact in the main thread only. */
bool blk_in_drain(const BlockBackend *blk);

/* Never queue requests: only while none is in flight. */
void blk_set_disable_request_queuing(BlockBackend *blk, bool disable);

#endif
