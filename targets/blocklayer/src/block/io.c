/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of a request through a node. Every path, errors too, leaves what it has entered. It costs
 * two read-modify-writes and a kick for the count, and the node's mutex twice or three times; no
 * allocation.
 */
#include "block/block_io.h"

#include "aio/code_category.h"
#include "graph/graph_lock.h"

#include <errno.h>

static int co_request(BlockDriverState *bs, int64_t offset, int64_t bytes,
                      BdrvTrackedRequestType type, BdrvRequestFlags flags);
static int call_driver(BlockDriverState *bs, int64_t offset, int64_t bytes,
                       BdrvTrackedRequestType type);

int coroutine_fn bdrv_co_preadv(BdrvChild *child, int64_t offset, int64_t bytes,
                                BdrvRequestFlags flags)
{
  IO_CODE();
  return co_request(child->bs, offset, bytes, BDRV_TRACKED_READ, flags);
}

int coroutine_fn bdrv_co_pwritev(BdrvChild *child, int64_t offset, int64_t bytes,
                                 BdrvRequestFlags flags)
{
  IO_CODE();
  return co_request(child->bs, offset, bytes, BDRV_TRACKED_WRITE, flags);
}

static int coroutine_fn co_request(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                   BdrvTrackedRequestType type, BdrvRequestFlags flags)
{
  BdrvTrackedRequest req;

  assert_bdrv_graph_readable();
  bdrv_inc_in_flight(bs);
  int ret = bdrv_check_request(bs, offset, bytes);
  if (ret < 0) {
    bdrv_dec_in_flight(bs);
    return ret;
  }
  tracked_request_begin(&req, bs, offset, bytes, type);
  if (flags & BDRV_REQ_SERIALISING) {
    bdrv_make_request_serialising(&req);
  } else {
    bdrv_wait_serialising_requests(&req);
  }
  ret = call_driver(bs, offset, bytes, type);
  tracked_request_end(&req);
  bdrv_dec_in_flight(bs);
  return ret;
}

int bdrv_check_request(const BlockDriverState *bs, int64_t offset, int64_t bytes)
{
  IO_CODE();
  if (!bs->drv) {
    return -ENOMEDIUM;
  }
  return offset < 0 || bytes < 0 || offset > BDRV_MAX_LENGTH - bytes ? -EIO : 0;
}

static int coroutine_fn call_driver(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                    BdrvTrackedRequestType type)
{
  const BlockDriver *drv = bs->drv;

  switch (type) {
  case BDRV_TRACKED_READ:
    return drv->bdrv_co_preadv ? drv->bdrv_co_preadv(bs, offset, bytes) : -ENOTSUP;
  case BDRV_TRACKED_WRITE:
    return drv->bdrv_co_pwritev ? drv->bdrv_co_pwritev(bs, offset, bytes) : -ENOTSUP;
  case BDRV_TRACKED_FLUSH:
    break; /* flush.c */
  }
  return -EINVAL;
}

/* The read lock keeps the edges in place, across yields too. */

int coroutine_fn bdrv_co_preadv_children(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
  IO_CODE();
  int ret = 0;
  assert_bdrv_graph_readable();
  for (BdrvChild *edge = bs->children; edge && ret >= 0; edge = edge->next_sibling) {
    ret = bdrv_co_preadv(edge, offset, bytes, BDRV_REQ_NONE);
  }
  return ret;
}

int coroutine_fn bdrv_co_pwritev_children(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
  IO_CODE();
  int ret = 0;
  assert_bdrv_graph_readable();
  for (BdrvChild *edge = bs->children; edge && ret >= 0; edge = edge->next_sibling) {
    ret = bdrv_co_pwritev(edge, offset, bytes, BDRV_REQ_NONE);
  }
  return ret;
}
