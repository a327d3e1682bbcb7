/* SPDX-License-Identifier: Apache-2.0 */
/* What any thread may do with nodes. */
#ifndef BLOCK_BLOCK_IO_H
#define BLOCK_BLOCK_IO_H

#include "block/block_common.h"

/* ------------------------------------------------------------------ in flight */

/*
 * Something is going on in the node that a drain has to wait for: a request, a bottom half that
 * will touch it, a coroutine on its way to another context. Bracket all of it: raise the count
 * before anybody else learns of it, lower it when everything is done, results stored.
 */
void bdrv_inc_in_flight(BlockDriverState *bs);

/* Lowers the count, then wakes who waits for it. The node may be gone when this returns. */
void bdrv_dec_in_flight(BlockDriverState *bs);

/* ------------------------------------------------------------------ requests */

/*
 * Read, write or flush the child of an edge: 0 or a negative errno (-ENOMEDIUM: no driver; -EIO:
 * out of range). The caller holds the graph's read lock, and the parent is not quiesced, or was
 * not when it began the request that this one is part of.
 */
int coroutine_fn bdrv_co_preadv(BdrvChild *child, int64_t offset, int64_t bytes,
                                BdrvRequestFlags flags);
int coroutine_fn bdrv_co_pwritev(BdrvChild *child, int64_t offset, int64_t bytes,
                                 BdrvRequestFlags flags);
int coroutine_fn bdrv_co_flush(BdrvChild *child); /* what was written before, below it too */

/* For drivers: pass the request on to all children, one after the other, until one fails. A flush
 * is passed on without them. */
int coroutine_fn bdrv_co_preadv_children(BlockDriverState *bs, int64_t offset, int64_t bytes);
int coroutine_fn bdrv_co_pwritev_children(BlockDriverState *bs, int64_t offset, int64_t bytes);

/* May the range be asked for? 0, or as above. */
int bdrv_check_request(const BlockDriverState *bs, int64_t offset, int64_t bytes);

/* The same for a part of a vector of `qiov_bytes`: -EINVAL if it goes beyond that. */
int coroutine_fn bdrv_co_preadv_part(BdrvChild *child, int64_t offset, int64_t bytes,
                                     int64_t qiov_bytes, int64_t qiov_offset,
                                     BdrvRequestFlags flags);
int coroutine_fn bdrv_co_pwritev_part(BdrvChild *child, int64_t offset, int64_t bytes,
                                      int64_t qiov_bytes, int64_t qiov_offset,
                                      BdrvRequestFlags flags);

/* Others, under the same conditions. -ENOTSUP if the driver cannot; discarding what it does not
 * discard succeeds, and what it knows nothing of is allocated: 1. A read-only node is not
 * truncated: -EACCES, and not to less than nothing: -EINVAL. */
int coroutine_fn bdrv_co_pwritev_compressed(BdrvChild *child, int64_t offset, int64_t bytes);
int coroutine_fn bdrv_co_pwrite_zeroes(BdrvChild *child, int64_t offset, int64_t bytes);
int coroutine_fn bdrv_co_pdiscard(BdrvChild *child, int64_t offset, int64_t bytes);
int coroutine_fn bdrv_co_block_status(BdrvChild *child, int64_t offset, int64_t bytes);
int coroutine_fn bdrv_co_load_vmstate(BdrvChild *child, int64_t offset, int64_t bytes);
int coroutine_fn bdrv_co_save_vmstate(BdrvChild *child, int64_t offset, int64_t bytes);
int coroutine_fn bdrv_co_truncate(BdrvChild *child, int64_t length);
int coroutine_fn bdrv_co_check(BdrvChild *child);
int coroutine_fn bdrv_co_activate(BdrvChild *child);

/*
 * All of them for who is no coroutine: carried out in the node's context, under the read lock,
 * while the caller polls. Main thread, or the home thread of the node's context; not in a drained
 * section of the node, and with no lock.
 */
int bdrv_pread(BdrvChild *child, int64_t offset, int64_t bytes);
int bdrv_pwrite(BdrvChild *child, int64_t offset, int64_t bytes);
int bdrv_preadv(BdrvChild *child, int64_t offset, int64_t bytes);
int bdrv_pwritev(BdrvChild *child, int64_t offset, int64_t bytes);
int bdrv_preadv_part(BdrvChild *child, int64_t offset, int64_t bytes, int64_t qiov_bytes,
                     int64_t qiov_offset);
int bdrv_pwritev_part(BdrvChild *child, int64_t offset, int64_t bytes, int64_t qiov_bytes,
                      int64_t qiov_offset);
int bdrv_pwrite_compressed(BdrvChild *child, int64_t offset, int64_t bytes);
int bdrv_pwrite_zeroes(BdrvChild *child, int64_t offset, int64_t bytes);
int bdrv_pdiscard(BdrvChild *child, int64_t offset, int64_t bytes);
int bdrv_block_status(BdrvChild *child, int64_t offset, int64_t bytes);
int bdrv_load_vmstate(BdrvChild *child, int64_t offset, int64_t bytes);
int bdrv_save_vmstate(BdrvChild *child, int64_t offset, int64_t bytes);
int bdrv_truncate(BdrvChild *child, int64_t length);
int bdrv_flush(BdrvChild *child);
int bdrv_check(BdrvChild *child);
int bdrv_activate(BdrvChild *child);

/* ------------------------------------------------------------------ tracked requests */

/* Enter the node's list; leave it and wake who waited for that. */
void coroutine_fn tracked_request_begin(BdrvTrackedRequest *req, BlockDriverState *bs,
                                        int64_t offset, int64_t bytes, BdrvTrackedRequestType type);
void coroutine_fn tracked_request_end(BdrvTrackedRequest *req);

/* From now on no request that overlaps may run at the same time; wait for those that do. */
void coroutine_fn bdrv_make_request_serialising(BdrvTrackedRequest *req);

/* Wait for serialising requests that overlap. */
void coroutine_fn bdrv_wait_serialising_requests(BdrvTrackedRequest *req);

#endif
