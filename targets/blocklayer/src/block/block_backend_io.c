/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of a BlockBackend: counted first, then queued while the backend is quiesced. A request
 * costs two counts (here and in the node), two fences and the graph's read lock.
 */
#include "block/block_backend_int.h"

#include "aio/code_category.h"
#include "block/block_io.h"
#include "graph/graph_lock.h"

#include <errno.h>

static int blk_co_request(BlockBackend *blk, BlkRequest request);
static void blk_wait_while_drained(BlockBackend *blk);

/* ------------------------------------------------------------------ in flight */

void blk_inc_in_flight(BlockBackend *blk)
{
  IO_CODE();
  atomic_fetch_add_explicit(&blk->in_flight, 1, memory_order_relaxed);
  /* Q: announce the request (relaxed: the fence orders it), then look for a section. Pairs with the
   * fence in AIO_WAIT_WHILE() (litmus sb_fences). A sequentially consistent addition would not do:
   * it does not order the later load (litmus sb_seq_cst_rmw_relaxed_load). */
  atomic_thread_fence(memory_order_seq_cst);
}

void blk_dec_in_flight(BlockBackend *blk)
{
  IO_CODE();
  /* Release: what the request did. Pairs with the acquire in blk_busy() (litmus
   * mp_release_sequence). Then the kick. */
  unsigned before = atomic_fetch_sub_explicit(&blk->in_flight, 1, memory_order_release);
  assert(before > 0);
  aio_wait_kick();
}

static bool blk_queues_requests(BlockBackend *blk)
{
  /* Acquire: pairs with the release in blk_unquiesce() (litmus mp_release_sequence). Relaxed: set
   * before the first request. */
  return atomic_load_explicit(&blk->quiesce_counter, memory_order_acquire) > 0 &&
         !atomic_load_explicit(&blk->disable_request_queuing, memory_order_relaxed);
}

/* The request is counted, before and after; not while it waits: the drain would wait for it, and
 * it for the drain. */
static void coroutine_fn blk_wait_while_drained(BlockBackend *blk)
{
  if (!blk_queues_requests(blk)) {
    return;
  }
  qemu_mutex_lock(&blk->queued_requests_lock);
  /* Again, under the mutex: the section's end may have emptied the queue since. A section that
   * nobody waited for (bdrv_drain_all_begin_nopoll()) ends although we are counted. */
  if (blk_queues_requests(blk)) {
    blk_dec_in_flight(blk); /* with the mutex held: nobody ends the section before we are in */
    qemu_co_queue_wait(&blk->queued_requests, &blk->queued_requests_lock);
    /* Counted again by who woke us. */
  }
  qemu_mutex_unlock(&blk->queued_requests_lock);
}

/* ------------------------------------------------------------------ in a coroutine */

int coroutine_fn blk_root_preadv(BdrvChild *root, const BlkRequest *request)
{
  return bdrv_co_preadv_part(root, request->offset, request->bytes, request->qiov_bytes,
                             request->qiov_offset, request->flags);
}

int coroutine_fn blk_root_pwritev(BdrvChild *root, const BlkRequest *request)
{
  return bdrv_co_pwritev_part(root, request->offset, request->bytes, request->qiov_bytes,
                              request->qiov_offset, request->flags);
}

int coroutine_fn blk_root_flush(BdrvChild *root, const BlkRequest *request)
{
  (void)request;
  return bdrv_co_flush(root);
}

int coroutine_fn blk_co_preadv(BlockBackend *blk, int64_t offset, int64_t bytes,
                               BdrvRequestFlags flags)
{
  IO_OR_GS_CODE();
  return blk_co_request(blk, (BlkRequest){blk_root_preadv, offset, bytes, bytes, .flags = flags});
}

int coroutine_fn blk_co_pwritev(BlockBackend *blk, int64_t offset, int64_t bytes,
                                BdrvRequestFlags flags)
{
  IO_OR_GS_CODE();
  return blk_co_request(blk, (BlkRequest){blk_root_pwritev, offset, bytes, bytes, .flags = flags});
}

int coroutine_fn blk_co_flush(BlockBackend *blk)
{
  IO_OR_GS_CODE();
  return blk_co_request(blk, (BlkRequest){blk_root_flush});
}

static int coroutine_fn blk_co_request(BlockBackend *blk, BlkRequest request)
{
  blk_inc_in_flight(blk);
  int ret = blk_co_do_request(blk, &request);
  blk_dec_in_flight(blk);
  return ret;
}

int coroutine_fn blk_co_do_request(BlockBackend *blk, const BlkRequest *request)
{
  IO_OR_GS_CODE();
  int ret = -ENOMEDIUM;

  blk_wait_while_drained(blk);
  bdrv_graph_co_rdlock();
  /* Only now: the graph may have changed while we waited. */
  if (blk->root) {
    ret = request->function(blk->root, request);
  }
  bdrv_graph_co_rdunlock();
  return ret;
}

/* ------------------------------------------------------------------ with a callback */

typedef struct BlkAioRequest {
  BlockBackend *blk;
  BlkRequest request;
  BlockCompletionFunc *cb;
  void *opaque;
  int ret;
  bool done;         /* `ret` is there */
  bool has_returned; /* the caller may be called back; both: the calling thread's */
} BlkAioRequest;

static void blk_aio_complete(BlkAioRequest *request)
{
  BlockBackend *blk = request->blk;

  /* The callback is part of the request: a section must not begin before it has returned. */
  request->cb(request->opaque, request->ret);
  blk_dec_in_flight(blk);
  free(request);
}

static void blk_aio_complete_bh(void *opaque)
{
  blk_aio_complete(opaque);
}

static void coroutine_fn blk_aio_entry(void *opaque)
{
  BlkAioRequest *request = opaque;

  request->ret = blk_co_do_request(request->blk, &request->request);
  request->done = true;
  if (request->has_returned) {
    blk_aio_complete(request);
  }
}

static void blk_aio_request(BlkAioRequest values)
{
  BlkAioRequest *request = qemu_malloc(sizeof(*request));

  assert(!qemu_in_coroutine());
  *request = values;
  blk_inc_in_flight(request->blk);
  qemu_coroutine_enter(qemu_coroutine_create(blk_aio_entry, request));
  request->has_returned = true;
  if (request->done) {
    aio_bh_schedule_oneshot(qemu_get_current_aio_context(), blk_aio_complete_bh, request);
  }
}

void blk_aio_preadv(BlockBackend *blk, int64_t offset, int64_t bytes, BdrvRequestFlags flags,
                    BlockCompletionFunc *cb, void *opaque)
{
  IO_CODE();
  blk_aio_request(
      (BlkAioRequest){.blk = blk,
                      .request = {blk_root_preadv, offset, bytes, bytes, .flags = flags},
                      .cb = cb,
                      .opaque = opaque});
}

void blk_aio_pwritev(BlockBackend *blk, int64_t offset, int64_t bytes, BdrvRequestFlags flags,
                     BlockCompletionFunc *cb, void *opaque)
{
  IO_CODE();
  blk_aio_request(
      (BlkAioRequest){.blk = blk,
                      .request = {blk_root_pwritev, offset, bytes, bytes, .flags = flags},
                      .cb = cb,
                      .opaque = opaque});
}

void blk_aio_flush(BlockBackend *blk, BlockCompletionFunc *cb, void *opaque)
{
  IO_CODE();
  blk_aio_request(
      (BlkAioRequest){.blk = blk, .request = {blk_root_flush}, .cb = cb, .opaque = opaque});
}
