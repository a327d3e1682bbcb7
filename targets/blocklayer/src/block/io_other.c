/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests besides reading, writing and flushing. Each is counted on all of its ways, those that
 * end before the driver is asked too: whoever waits looks again when the count is lowered, not
 * before. One costs what a read costs (io.c); of the whole node, or if the driver cannot do it, it
 * is the count and the kick alone.
 */
#include "block/block_io.h"

#include "aio/code_category.h"
#include "graph/graph_lock.h"

#include <errno.h>

typedef int coroutine_fn RangeFunc(BlockDriverState *bs, int64_t offset, int64_t bytes);

/* `without`: the answer of a driver that cannot do it. */
static int coroutine_fn co_range(BlockDriverState *bs, BdrvTrackedRequestType type, int64_t offset,
                                 int64_t bytes, RangeFunc *function, int without)
{
  BdrvTrackedRequest req;

  assert_bdrv_graph_readable();
  bdrv_inc_in_flight(bs);
  int ret = bdrv_check_request(bs, offset, bytes);
  if (ret == 0 && function) {
    tracked_request_begin(&req, bs, offset, bytes, type);
    bdrv_wait_serialising_requests(&req);
    ret = function(bs, offset, bytes);
    tracked_request_end(&req);
  } else if (ret == 0) {
    ret = without;
  }
  bdrv_dec_in_flight(bs);
  return ret;
}

static const BlockDriver no_driver;

static const BlockDriver *driver_of(const BlockDriverState *bs)
{
  return bs->drv ? bs->drv : &no_driver;
}

int coroutine_fn bdrv_co_preadv_part(BdrvChild *child, int64_t offset, int64_t bytes,
                                     int64_t qiov_bytes, int64_t qiov_offset,
                                     BdrvRequestFlags flags)
{
  IO_CODE();
  return qiov_offset < 0 || qiov_offset > qiov_bytes - bytes
             ? -EINVAL
             : bdrv_co_preadv(child, offset, bytes, flags);
}

int coroutine_fn bdrv_co_pwritev_part(BdrvChild *child, int64_t offset, int64_t bytes,
                                      int64_t qiov_bytes, int64_t qiov_offset,
                                      BdrvRequestFlags flags)
{
  IO_CODE();
  return qiov_offset < 0 || qiov_offset > qiov_bytes - bytes
             ? -EINVAL
             : bdrv_co_pwritev(child, offset, bytes, flags);
}

int coroutine_fn bdrv_co_pwritev_compressed(BdrvChild *child, int64_t offset, int64_t bytes)
{
  IO_CODE();
  return co_range(child->bs, BDRV_TRACKED_WRITE, offset, bytes,
                  driver_of(child->bs)->bdrv_co_pwritev_compressed, -ENOTSUP);
}

int coroutine_fn bdrv_co_pwrite_zeroes(BdrvChild *child, int64_t offset, int64_t bytes)
{
  IO_CODE();
  const BlockDriver *drv = driver_of(child->bs);

  /* Without a short cut zeroes are written like anything else. */
  return co_range(child->bs, BDRV_TRACKED_WRITE, offset, bytes,
                  drv->bdrv_co_pwrite_zeroes ? drv->bdrv_co_pwrite_zeroes : drv->bdrv_co_pwritev,
                  -ENOTSUP);
}

int coroutine_fn bdrv_co_pdiscard(BdrvChild *child, int64_t offset, int64_t bytes)
{
  IO_CODE();
  BlockDriverState *bs = child->bs;

  /* A hint: nothing need be done. */
  return co_range(bs, BDRV_TRACKED_WRITE, offset, bytes,
                  bs->ignore_discard ? NULL : driver_of(bs)->bdrv_co_pdiscard, 0);
}

int coroutine_fn bdrv_co_block_status(BdrvChild *child, int64_t offset, int64_t bytes)
{
  IO_CODE();
  return co_range(child->bs, BDRV_TRACKED_READ, offset, bytes,
                  driver_of(child->bs)->bdrv_co_block_status, 1);
}

int coroutine_fn bdrv_co_load_vmstate(BdrvChild *child, int64_t offset, int64_t bytes)
{
  IO_CODE();
  return co_range(child->bs, BDRV_TRACKED_READ, offset, bytes,
                  driver_of(child->bs)->bdrv_co_load_vmstate, -ENOTSUP);
}

int coroutine_fn bdrv_co_save_vmstate(BdrvChild *child, int64_t offset, int64_t bytes)
{
  IO_CODE();
  return co_range(child->bs, BDRV_TRACKED_WRITE, offset, bytes,
                  driver_of(child->bs)->bdrv_co_save_vmstate, -ENOTSUP);
}

/* ------------------------------------------------------------------ of the whole node */

static int coroutine_fn co_node(BlockDriverState *bs,
                                int coroutine_fn (*function)(BlockDriverState *), int without)
{
  assert_bdrv_graph_readable();
  bdrv_inc_in_flight(bs);
  int ret = !bs->drv ? -ENOMEDIUM : function ? function(bs) : without;
  bdrv_dec_in_flight(bs);
  return ret;
}

int coroutine_fn bdrv_co_check(BdrvChild *child)
{
  IO_CODE();
  return co_node(child->bs, driver_of(child->bs)->bdrv_co_check, -ENOTSUP);
}

int coroutine_fn bdrv_co_activate(BdrvChild *child)
{
  IO_CODE();
  return co_node(child->bs, driver_of(child->bs)->bdrv_co_invalidate_cache, 0);
}

int coroutine_fn bdrv_co_truncate(BdrvChild *child, int64_t length)
{
  IO_CODE();
  BlockDriverState *bs = child->bs;
  RangeFunc *function = driver_of(bs)->bdrv_co_truncate;

  if (length < 0) {
    return -EINVAL;
  }
  if (bs->read_only) {
    return -EACCES;
  }
  return co_range(bs, BDRV_TRACKED_WRITE, 0, length, function, -ENOTSUP);
}
