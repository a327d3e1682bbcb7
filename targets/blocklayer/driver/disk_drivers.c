/* SPDX-License-Identifier: Apache-2.0 */
/* What the nodes of disks.c do: their answers are known, and some of them take time. */
#include "disks.h"

#include <errno.h>

static GhostDisk *disk_of(const BlockDriverState *bs)
{
  return bs->opaque;
}

/* Somebody else may go first. */
static int coroutine_fn answer(BlockDriverState *bs, int64_t end, bool writes, int ret)
{
  GhostDisk *disk = disk_of(bs);

  disk->in_driver++;
  aio_co_schedule(qemu_get_current_aio_context(), qemu_coroutine_self());
  qemu_coroutine_yield();
  disk->in_driver--;
  disk->dirty |= writes;
  return end > DISK_BYTES ? -EIO : ret;
}

static int coroutine_fn disk_read(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
  return answer(bs, offset + bytes, false, 0);
}

static int coroutine_fn disk_write(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
  return answer(bs, offset + bytes, true, 0);
}

static int coroutine_fn disk_status(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
  return answer(bs, offset + bytes, false, STATUS_ANSWER);
}

static int coroutine_fn disk_truncate(BlockDriverState *bs, int64_t zero, int64_t length)
{
  (void)zero, (void)length;
  return answer(bs, 0, true, 0);
}

static int coroutine_fn disk_check(BlockDriverState *bs)
{
  return answer(bs, 0, false, CHECK_ANSWER);
}

static int coroutine_fn disk_activate(BlockDriverState *bs)
{
  return answer(bs, 0, false, 0);
}

static int coroutine_fn disk_flush(BlockDriverState *bs)
{
  GhostDisk *disk = disk_of(bs);

  disk->flushes++;
  int ret = answer(bs, 0, false, disk->flush_fails ? -EIO : 0);
  disk->dirty &= ret < 0;
  return ret;
}

static void disk_goes(BlockDriverState *bs)
{
  disk_of(bs)->dying = false;
}

static const BlockDriver whole = {
    .name = "whole",
    .bdrv_close = disk_goes,
    .bdrv_co_preadv = disk_read,
    .bdrv_co_pwritev = disk_write,
    .bdrv_co_flush = disk_flush,
    .bdrv_co_pwritev_compressed = disk_write,
    .bdrv_co_pwrite_zeroes = disk_write,
    .bdrv_co_pdiscard = disk_write,
    .bdrv_co_truncate = disk_truncate,
    .bdrv_co_block_status = disk_status,
    .bdrv_co_load_vmstate = disk_read,
    .bdrv_co_save_vmstate = disk_write,
    .bdrv_co_check = disk_check,
    .bdrv_co_invalidate_cache = disk_activate,
};

static const BlockDriver plain = {
    .name = "plain",
    .bdrv_close = disk_goes,
    .bdrv_co_preadv = disk_read,
    .bdrv_co_pwritev = disk_write,
};

static const BlockDriver bare = {.name = "bare", .bdrv_close = disk_goes};

const BlockDriver *const disk_drivers[DISK_KINDS] = {
    [DISK_WHOLE] = &whole,
    [DISK_PLAIN] = &plain,
    [DISK_BARE] = &bare,
    [DISK_NO_MEDIUM] = NULL,
};

/* ------------------------------------------------------------------ filters */

static void filter_perm(BlockDriverState *bs, const BdrvChild *edge, uint64_t perm, uint64_t shared,
                        uint64_t *child_perm, uint64_t *child_shared)
{
  (void)bs, (void)edge;
  *child_perm = perm;
  *child_shared = shared;
}

static void writer_perm(BlockDriverState *bs, const BdrvChild *edge, uint64_t perm, uint64_t shared,
                        uint64_t *child_perm, uint64_t *child_shared)
{
  (void)bs, (void)edge, (void)perm, (void)shared;
  *child_perm = BLK_PERM_WRITE;
  *child_shared = BLK_PERM_ALL & ~BLK_PERM_WRITE;
}

const BlockDriver disk_filter = {
    .name = "filter",
    .bdrv_child_perm = filter_perm,
    .bdrv_co_preadv = bdrv_co_preadv_children,
    .bdrv_co_pwritev = bdrv_co_pwritev_children,
};

const BlockDriver disk_writer = {.name = "writer", .bdrv_child_perm = writer_perm};
