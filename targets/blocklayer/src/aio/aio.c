/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Life and death of an AioContext. It lives as long as somebody holds a reference: its creator,
 * and everybody who is in the middle of pushing a coroutine into it (aio_co.c).
 */
#include "aio/aio_int.h"

#include "graph/graph_lock.h"

#include <sys/eventfd.h>
#include <unistd.h>

static void aio_context_finalize(AioContext *ctx);

AioContext *aio_context_new(void)
{
  AioContext *ctx = qemu_malloc(sizeof(*ctx));

  *ctx = (AioContext){.refs = 1};
  ctx->notifier_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (ctx->notifier_fd < 0) {
    abort();
  }
  ctx->co_schedule_bh = aio_bh_new(ctx, aio_co_schedule_bh_cb, ctx);
  register_aiocontext(ctx);
  return ctx;
}

void aio_context_ref(AioContext *ctx)
{
  /* Relaxed: the caller has a reference already, so the context is alive and visible. */
  uint32_t before = atomic_fetch_add_explicit(&ctx->refs, 1, memory_order_relaxed);
  assert(before > 0);
}

void aio_context_unref(AioContext *ctx)
{
  /* Release: what we did with the context is done before it goes. Acquire: whoever drops the last
   * reference sees what all others did. Pairs with itself in other threads. Without it: the
   * finaliser frees what another thread is still writing. */
  uint32_t before = atomic_fetch_sub_explicit(&ctx->refs, 1, memory_order_acq_rel);
  assert(before > 0);
  if (before == 1) {
    aio_context_finalize(ctx);
  }
}

static void aio_context_finalize(AioContext *ctx)
{
  /* Relaxed: there is no other thread any more that knows the context. */
  assert(!atomic_load_explicit(&ctx->scheduled_coroutines, memory_order_relaxed));
  assert(!ctx->timers);
  assert(!ctx->slices);

  aio_bh_finalize(ctx);
  unregister_aiocontext(ctx);
  int error = close(ctx->notifier_fd);
  assert(error == 0);
  free(ctx);
}
