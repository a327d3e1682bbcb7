/* SPDX-License-Identifier: Apache-2.0 */
/* What a backend's requests share, whoever asks for them and however he waits. */
#ifndef BLOCK_BLOCK_BACKEND_INT_H
#define BLOCK_BLOCK_BACKEND_INT_H

#include "block/block_backend_io.h"

typedef struct BlkRequest BlkRequest;

struct BlkRequest {
  int coroutine_fn (*function)(BdrvChild *root, const BlkRequest *request);
  int64_t offset;
  int64_t bytes;
  int64_t qiov_bytes; /* of the vector, of which `bytes` from `qiov_offset` on are meant */
  int64_t qiov_offset;
  BdrvRequestFlags flags;
};

/* What is asked of the medium: functions of a request. */
int coroutine_fn blk_root_preadv(BdrvChild *root, const BlkRequest *request);
int coroutine_fn blk_root_pwritev(BdrvChild *root, const BlkRequest *request);
int coroutine_fn blk_root_flush(BdrvChild *root, const BlkRequest *request);

/* All of a request between blk_inc_in_flight() and blk_dec_in_flight(), which are the caller's:
 * wait while the backend is quiesced, then call the function under the graph's read lock.
 * -ENOMEDIUM if there is none by then. */
int coroutine_fn blk_co_do_request(BlockBackend *blk, const BlkRequest *request);

#endif
