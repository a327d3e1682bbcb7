/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of a backend's user who is no coroutine: one is entered in the backend's context, and
 * the caller polls until it has ended. It is counted once, by the caller, so that no section begins
 * before it has come there; while it is queued nobody counts it, or a drain would wait for it, and
 * it for the drain's end. The price is that of a request, and that of io_sync.c.
 */
#include "block/block_backend_int.h"

#include "aio/code_category.h"
#include "block/block_io.h"

typedef struct BlkPollCo {
  BlockBackend *blk;
  const BlkRequest *request;
  int ret;
  _Atomic bool in_progress;
} BlkPollCo;

static void coroutine_fn blk_poll_co_entry(void *opaque)
{
  BlkPollCo *s = opaque; /* on the caller's stack: gone once it is no longer in progress */
  BlockBackend *blk = s->blk;

  s->ret = blk_co_do_request(blk, s->request);
  blk_dec_in_flight(blk);
  /* Release: the result. Pairs with the acquire in blk_poll_co() (litmus mp_release_acquire). Then
   * the kick: earlier the caller would look too early. From here on the backend may be gone too. */
  atomic_store_explicit(&s->in_progress, false, memory_order_release);
  aio_wait_kick();
}

static int blk_poll_co(BlockBackend *blk, BlkRequest request)
{
  BlkPollCo s = {.blk = blk, .request = &request};

  assert(!qemu_in_coroutine());
  /* Relaxed: nobody else knows it yet. */
  atomic_store_explicit(&s.in_progress, true, memory_order_relaxed);
  blk_inc_in_flight(blk);
  AioContext *ctx = blk_get_aio_context(blk);
  aio_co_enter(ctx, qemu_coroutine_create(blk_poll_co_entry, &s));
  /* Acquire: pairs with the release in blk_poll_co_entry() (litmus mp_release_acquire). */
  AIO_WAIT_WHILE(ctx, atomic_load_explicit(&s.in_progress, memory_order_acquire));
  return s.ret;
}

/* ------------------------------------------------------------------ reading, writing, flushing */

int blk_preadv_part(BlockBackend *blk, int64_t offset, int64_t bytes, int64_t qiov_bytes,
                    int64_t qiov_offset)
{
  IO_OR_GS_CODE();
  return blk_poll_co(blk, (BlkRequest){blk_root_preadv, offset, bytes, qiov_bytes, qiov_offset});
}

int blk_pwritev_part(BlockBackend *blk, int64_t offset, int64_t bytes, int64_t qiov_bytes,
                     int64_t qiov_offset)
{
  IO_OR_GS_CODE();
  return blk_poll_co(blk, (BlkRequest){blk_root_pwritev, offset, bytes, qiov_bytes, qiov_offset});
}

int blk_preadv(BlockBackend *blk, int64_t offset, int64_t bytes)
{
  IO_OR_GS_CODE();
  return blk_preadv_part(blk, offset, bytes, bytes, 0);
}

int blk_pwritev(BlockBackend *blk, int64_t offset, int64_t bytes)
{
  IO_OR_GS_CODE();
  return blk_pwritev_part(blk, offset, bytes, bytes, 0);
}

int blk_pread(BlockBackend *blk, int64_t offset, int64_t bytes)
{
  IO_OR_GS_CODE();
  return blk_preadv(blk, offset, bytes);
}

int blk_pwrite(BlockBackend *blk, int64_t offset, int64_t bytes)
{
  IO_OR_GS_CODE();
  return blk_pwritev(blk, offset, bytes);
}

int blk_flush(BlockBackend *blk)
{
  IO_OR_GS_CODE();
  return blk_poll_co(blk, (BlkRequest){blk_root_flush});
}

/* ------------------------------------------------------------------ the others */

#define SYNC_RANGE(name, co_name)                                                                  \
  static int coroutine_fn name##_root(BdrvChild *root, const BlkRequest *request)                  \
  {                                                                                                \
    return co_name(root, request->offset, request->bytes);                                         \
  }                                                                                                \
  int name(BlockBackend *blk, int64_t offset, int64_t bytes)                                       \
  {                                                                                                \
    IO_OR_GS_CODE();                                                                               \
    return blk_poll_co(blk, (BlkRequest){name##_root, offset, bytes});                             \
  }

SYNC_RANGE(blk_pwrite_compressed, bdrv_co_pwritev_compressed)
SYNC_RANGE(blk_pwrite_zeroes, bdrv_co_pwrite_zeroes)
SYNC_RANGE(blk_pdiscard, bdrv_co_pdiscard)

static int coroutine_fn truncate_root(BdrvChild *root, const BlkRequest *request)
{
  return bdrv_co_truncate(root, request->bytes);
}

int blk_truncate(BlockBackend *blk, int64_t length)
{
  IO_OR_GS_CODE();
  return blk_poll_co(blk, (BlkRequest){truncate_root, .bytes = length});
}
