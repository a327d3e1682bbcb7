/* SPDX-License-Identifier: Apache-2.0 */
/* Types of the block layer above the graph. */
#ifndef BLOCK_BLOCK_COMMON_H
#define BLOCK_BLOCK_COMMON_H

#include "aio/aio_wait.h"
#include "colock/co_queue.h"
#include "graph/graph.h"

typedef enum BdrvTrackedRequestType {
  BDRV_TRACKED_READ,
  BDRV_TRACKED_WRITE,
  BDRV_TRACKED_FLUSH,
} BdrvTrackedRequestType;

/* A request that is in its node, from its start to its end; on its coroutine's stack. */
struct BdrvTrackedRequest {
  BlockDriverState *bs;
  BdrvTrackedRequestType type;
  int64_t offset;
  int64_t bytes;
  Coroutine *co;

  /* Protected by bs->reqs_lock. */
  bool serialising;
  int64_t overlap_offset; /* what it keeps others out of, or is kept out of by others */
  int64_t overlap_bytes;
  BdrvTrackedRequest *waiting_for;
  CoQueue wait_queue; /* requests that wait for our end */
  BdrvTrackedRequest *next;
};

enum {
  BDRV_SERIALISING_ALIGN = 8,    /* a serialising request extends to multiples of this */
  BDRV_MAX_LENGTH = 1024 * 1024, /* requests beyond it fail with -EIO */
};

/*
 * Wait until `cond` is false, polling the context that the node belongs to if the caller is its
 * home thread, else the main context. Outside of coroutines.
 */
#define BDRV_POLL_WHILE(bs, cond) AIO_WAIT_WHILE(bdrv_get_aio_context(bs), cond)

/* The same for callers that hold no AioContext's lock. */
#define BDRV_POLL_WHILE_UNLOCKED(bs, cond) AIO_WAIT_WHILE_UNLOCKED(bdrv_get_aio_context(bs), cond)

#endif
