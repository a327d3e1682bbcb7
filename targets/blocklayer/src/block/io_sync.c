/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests for who is no coroutine: one is entered in the node's context, and the caller polls
 * until it has ended. The price is a coroutine, and for another thread's node two notifications.
 */
#include "block/block_io.h"

#include "aio/code_category.h"
#include "graph/graph_lock.h"

typedef struct BdrvPollCo BdrvPollCo;

struct BdrvPollCo {
  int coroutine_fn (*function)(const BdrvPollCo *s);
  BdrvChild *child;
  int64_t offset;
  int64_t bytes;
  int64_t qiov_bytes;
  int64_t qiov_offset;

  BlockDriverState *bs;
  int ret;
  _Atomic bool in_progress;
};

static void coroutine_fn bdrv_poll_co_entry(void *opaque)
{
  BdrvPollCo *s = opaque; /* on the caller's stack: gone once it is no longer in progress */

  bdrv_graph_co_rdlock();
  s->ret = s->function(s);
  bdrv_graph_co_rdunlock();
  bdrv_dec_in_flight(s->bs);
  /* Release: the result. Pairs with the acquire in bdrv_poll_co() (litmus mp_release_acquire). Then
   * the kick: earlier the caller would look too early. */
  atomic_store_explicit(&s->in_progress, false, memory_order_release);
  aio_wait_kick();
}

static int bdrv_poll_co(BdrvPollCo s)
{
  assert(!qemu_in_coroutine());
  s.bs = s.child->bs;
  /* Relaxed: nobody else knows it yet. */
  atomic_store_explicit(&s.in_progress, true, memory_order_relaxed);
  /* From here on, so that the node stays in its context until we have come there. */
  bdrv_inc_in_flight(s.bs);
  aio_co_enter(bdrv_get_aio_context(s.bs), qemu_coroutine_create(bdrv_poll_co_entry, &s));
  /* Acquire: pairs with the release in bdrv_poll_co_entry() (litmus mp_release_acquire). */
  BDRV_POLL_WHILE(s.bs, atomic_load_explicit(&s.in_progress, memory_order_acquire));
  return s.ret;
}

/* ------------------------------------------------------------------ reading, writing, flushing */

static int coroutine_fn preadv_entry(const BdrvPollCo *s)
{
  return bdrv_co_preadv_part(s->child, s->offset, s->bytes, s->qiov_bytes, s->qiov_offset,
                             BDRV_REQ_NONE);
}

static int coroutine_fn pwritev_entry(const BdrvPollCo *s)
{
  return bdrv_co_pwritev_part(s->child, s->offset, s->bytes, s->qiov_bytes, s->qiov_offset,
                              BDRV_REQ_NONE);
}

static int coroutine_fn flush_entry(const BdrvPollCo *s)
{
  return bdrv_co_flush(s->child);
}

int bdrv_preadv_part(BdrvChild *child, int64_t offset, int64_t bytes, int64_t qiov_bytes,
                     int64_t qiov_offset)
{
  IO_OR_GS_CODE();
  return bdrv_poll_co((BdrvPollCo){.function = preadv_entry,
                                   .child = child,
                                   .offset = offset,
                                   .bytes = bytes,
                                   .qiov_bytes = qiov_bytes,
                                   .qiov_offset = qiov_offset});
}

int bdrv_pwritev_part(BdrvChild *child, int64_t offset, int64_t bytes, int64_t qiov_bytes,
                      int64_t qiov_offset)
{
  IO_OR_GS_CODE();
  return bdrv_poll_co((BdrvPollCo){.function = pwritev_entry,
                                   .child = child,
                                   .offset = offset,
                                   .bytes = bytes,
                                   .qiov_bytes = qiov_bytes,
                                   .qiov_offset = qiov_offset});
}

int bdrv_preadv(BdrvChild *child, int64_t offset, int64_t bytes)
{
  IO_OR_GS_CODE();
  return bdrv_preadv_part(child, offset, bytes, bytes, 0);
}

int bdrv_pwritev(BdrvChild *child, int64_t offset, int64_t bytes)
{
  IO_OR_GS_CODE();
  return bdrv_pwritev_part(child, offset, bytes, bytes, 0);
}

int bdrv_pread(BdrvChild *child, int64_t offset, int64_t bytes)
{
  IO_OR_GS_CODE();
  return bdrv_preadv(child, offset, bytes);
}

int bdrv_pwrite(BdrvChild *child, int64_t offset, int64_t bytes)
{
  IO_OR_GS_CODE();
  return bdrv_pwritev(child, offset, bytes);
}

int bdrv_flush(BdrvChild *child)
{
  IO_OR_GS_CODE();
  return bdrv_poll_co((BdrvPollCo){.function = flush_entry, .child = child});
}

/* ------------------------------------------------------------------ the others */

#define SYNC_RANGE(name, co_name)                                                                  \
  static int coroutine_fn name##_entry(const BdrvPollCo *s)                                        \
  {                                                                                                \
    return co_name(s->child, s->offset, s->bytes);                                                 \
  }                                                                                                \
  int name(BdrvChild *child, int64_t offset, int64_t bytes)                                        \
  {                                                                                                \
    IO_OR_GS_CODE();                                                                               \
    return bdrv_poll_co(                                                                           \
        (BdrvPollCo){.function = name##_entry, .child = child, .offset = offset, .bytes = bytes}); \
  }

SYNC_RANGE(bdrv_pwrite_compressed, bdrv_co_pwritev_compressed)
SYNC_RANGE(bdrv_pwrite_zeroes, bdrv_co_pwrite_zeroes)
SYNC_RANGE(bdrv_pdiscard, bdrv_co_pdiscard)
SYNC_RANGE(bdrv_block_status, bdrv_co_block_status)
SYNC_RANGE(bdrv_load_vmstate, bdrv_co_load_vmstate)
SYNC_RANGE(bdrv_save_vmstate, bdrv_co_save_vmstate)

static int coroutine_fn truncate_entry(const BdrvPollCo *s)
{
  return bdrv_co_truncate(s->child, s->bytes);
}

static int coroutine_fn check_entry(const BdrvPollCo *s)
{
  return bdrv_co_check(s->child);
}

static int coroutine_fn activate_entry(const BdrvPollCo *s)
{
  return bdrv_co_activate(s->child);
}

int bdrv_truncate(BdrvChild *child, int64_t length)
{
  IO_OR_GS_CODE();
  return bdrv_poll_co((BdrvPollCo){.function = truncate_entry, .child = child, .bytes = length});
}

int bdrv_check(BdrvChild *child)
{
  IO_OR_GS_CODE();
  return bdrv_poll_co((BdrvPollCo){.function = check_entry, .child = child});
}

int bdrv_activate(BdrvChild *child)
{
  IO_OR_GS_CODE();
  return bdrv_poll_co((BdrvPollCo){.function = activate_entry, .child = child});
}
