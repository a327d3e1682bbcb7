/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Life and death of an AioContext. It lives as long as somebody holds a reference: its creator,
 * and everybody who is in the middle of pushing a coroutine into it (aio_co.c). A reference costs
 * one read-modify-write; a context one descriptor and three allocations, among them a cache line
 * for its readers alone.
 */
#include "aio/aio_int.h"

#include "graph/graph_lock.h"

static void aio_context_finalize(AioContext *ctx);

AioContext *aio_context_new(void)
{
  AioContext *ctx = qemu_malloc(sizeof(*ctx));

  *ctx = (AioContext){.refs = 1};
  qemu_rec_mutex_init(&ctx->lock);
  event_notifier_init(&ctx->notifier, false);
  qemu_lockcnt_init(&ctx->list_lock);
  aio_timers_init(ctx);
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
   * reference sees what all others did. Pairs with itself in other threads (litmus
   * mp_release_sequence). Without it: the finaliser frees what another thread is still writing. */
  uint32_t before = atomic_fetch_sub_explicit(&ctx->refs, 1, memory_order_acq_rel);
  assert(before > 0);
  if (before == 1) {
    aio_context_finalize(ctx);
  }
}

static void aio_context_finalize(AioContext *ctx)
{
  if (ctx->thread_pool) {
    thread_pool_free_aio(ctx->thread_pool); /* first: its bottom half is one of ours */
  }
  /* Relaxed: there is no other thread any more that knows the context. */
  assert(!atomic_load_explicit(&ctx->scheduled_coroutines, memory_order_relaxed));
  assert(!ctx->slices);
  assert(!ctx->pollers);

  aio_bh_finalize(ctx);
  event_notifier_cleanup(&ctx->notifier);
  qemu_rec_mutex_destroy(&ctx->lock);
  aio_timers_finalize(ctx);
  unregister_aiocontext(ctx); /* whatever its readers count: some locked here, unlocked elsewhere */
  aio_handlers_finalize(ctx);
  free(ctx);
}

/* ------------------------------------------------------------------ the lock */

/* An address that no other thread has; noinline for the reason that coroutine.c gives. */
__attribute__((noinline)) static const void *this_thread(void)
{
  static _Thread_local char mark;
  __asm__ volatile("" ::: "memory");
  return &mark;
}

void aio_context_acquire(AioContext *ctx)
{
  qemu_rec_mutex_lock(&ctx->lock);
  ctx->lock_depth++;
  /* Relaxed: only compared with what this very thread stored. */
  atomic_store_explicit(&ctx->lock_owner, this_thread(), memory_order_relaxed);
}

void aio_context_release(AioContext *ctx)
{
  assert(aio_context_held(ctx) > 0);
  if (--ctx->lock_depth == 0) {
    /* Relaxed: as in aio_context_acquire(). */
    atomic_store_explicit(&ctx->lock_owner, NULL, memory_order_relaxed);
  }
  qemu_rec_mutex_unlock(&ctx->lock);
}

unsigned aio_context_held(const AioContext *ctx)
{
  /* Relaxed: another thread's value, old or new, is not ours. */
  bool ours = atomic_load_explicit(&ctx->lock_owner, memory_order_relaxed) == this_thread();
  return ours ? ctx->lock_depth : 0;
}
