/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bottom halves. Scheduling one is two atomic operations and an aio_notify(); no lock.
 *
 * B6: every change of the flags is a sequentially consistent read-modify-write, on both sides.
 * Who schedules either finds BH_PENDING clear and inserts the bottom half, or finds it set: then
 * the home thread's clearing comes later in the order of the flags and sees everything that was
 * written before the scheduling.
 */
#include "aio/aio_int.h"

#include "aio/main_loop.h"

static void bh_enqueue(QEMUBH *bh, unsigned new_flags);
static void bh_push(AioContext *ctx, QEMUBH *bh);
static QEMUBH *bh_take_all(AioContext *ctx);
static QEMUBH *bh_dequeue(AioContext *ctx, unsigned *flags);

/* ------------------------------------------------------------------ scheduling */

QEMUBH *aio_bh_new(AioContext *ctx, QEMUBHFunc *cb, void *opaque)
{
  QEMUBH *bh = qemu_malloc(sizeof(*bh));
  *bh = (QEMUBH){.ctx = ctx, .cb = cb, .opaque = opaque};
  return bh;
}

void aio_bh_schedule_oneshot(AioContext *ctx, QEMUBHFunc *cb, void *opaque)
{
  QEMUBH *bh = aio_bh_new(ctx, cb, opaque);
  atomic_init(&bh->flags, BH_PENDING | BH_SCHEDULED | BH_ONESHOT); /* nobody knows it yet */
  bh_push(ctx, bh);
  aio_notify(ctx);
}

void qemu_bh_schedule(QEMUBH *bh)
{
  bh_enqueue(bh, BH_SCHEDULED);
}

void qemu_bh_schedule_idle(QEMUBH *bh)
{
  bh_enqueue(bh, BH_SCHEDULED | BH_IDLE);
}

void qemu_bh_cancel(QEMUBH *bh)
{
  atomic_fetch_and(&bh->flags, ~(unsigned)BH_SCHEDULED);
}

void qemu_bh_delete(QEMUBH *bh)
{
  bh_enqueue(bh, BH_DELETED);
}

static void bh_enqueue(QEMUBH *bh, unsigned new_flags)
{
  AioContext *ctx = bh->ctx; /* first: once it is visible, the callback may free it */
  unsigned before = atomic_fetch_or(&bh->flags, BH_PENDING | new_flags);

  if (!(before & BH_PENDING)) {
    bh_push(ctx, bh);
  }
  aio_notify(ctx);
}

static void bh_push(AioContext *ctx, QEMUBH *bh)
{
  /* Relaxed: the exchange below fails if this is not the newest head. */
  QEMUBH *head = atomic_load_explicit(&ctx->bh_list, memory_order_relaxed);
  do {
    bh->next = head;
    /* Release: publishes the bottom half and what its callback shall find. Pairs with the acquire
     * in bh_take_all(); pushes that come in between keep it up, being exchanges too (litmus
     * mp_release_sequence). Without it: the callback sees stale data. */
  } while (!atomic_compare_exchange_weak_explicit(&ctx->bh_list, &head, bh, memory_order_release,
                                                  memory_order_relaxed));
}

/* ------------------------------------------------------------------ running */

bool aio_bh_poll(AioContext *ctx)
{
  BHListSlice slice = {.head = bh_take_all(ctx)};
  BHListSlice **last = &ctx->slices;
  bool progress = false;

  assert(in_aio_context_home_thread(ctx));
  while (*last) {
    last = &(*last)->next;
  }
  *last = &slice;

  /* Oldest slice first. A nested call may finish our slice, and takes it from the list. */
  unsigned flags;
  for (QEMUBH *bh; (bh = bh_dequeue(ctx, &flags));) {
    if ((flags & (BH_SCHEDULED | BH_DELETED)) == BH_SCHEDULED) {
      bh->cb(bh->opaque);
      progress |= !(flags & BH_IDLE);
    }
    if (flags & (BH_DELETED | BH_ONESHOT)) {
      free(bh);
    }
  }
  return progress;
}

/* The next bottom half and the flags that it had; NULL if there is none. */
static QEMUBH *bh_dequeue(AioContext *ctx, unsigned *flags)
{
  while (ctx->slices && !ctx->slices->head) {
    ctx->slices = ctx->slices->next;
  }
  if (!ctx->slices) {
    return NULL;
  }
  QEMUBH *bh = ctx->slices->head;
  ctx->slices->head = bh->next;
  /* After it has left the list: from here on, scheduling it inserts it again. */
  *flags = atomic_fetch_and(&bh->flags, ~(unsigned)(BH_PENDING | BH_SCHEDULED | BH_IDLE));
  return bh;
}

static QEMUBH *bh_take_all(AioContext *ctx)
{
  /* Acquire: pairs with the release in bh_push() (litmus mp_release_sequence). */
  return atomic_exchange_explicit(&ctx->bh_list, NULL, memory_order_acquire);
}

static bool bh_idle(const QEMUBH *bh)
{
  /* Relaxed: who changes the flags notifies afterwards. */
  unsigned flags = atomic_load_explicit(&bh->flags, memory_order_relaxed);
  return (flags & BH_IDLE) && (flags & BH_SCHEDULED) && !(flags & BH_DELETED);
}

bool aio_bh_only_idle(const AioContext *ctx)
{
  /* Acquire: pairs with the release in bh_push() (litmus mp_release_sequence). Only we take
   * anything from the list. */
  const QEMUBH *bh = atomic_load_explicit(&ctx->bh_list, memory_order_acquire);
  for (; bh; bh = bh->next) {
    if (!bh_idle(bh)) {
      return false;
    }
  }
  for (const BHListSlice *slice = ctx->slices; slice; slice = slice->next) {
    for (bh = slice->head; bh; bh = bh->next) {
      if (!bh_idle(bh)) {
        return false;
      }
    }
  }
  return true;
}

void aio_bh_finalize(AioContext *ctx)
{
  /* Relaxed, here and below: nobody else knows the context any more. */
  unsigned before =
      atomic_fetch_or_explicit(&ctx->co_schedule_bh->flags, BH_DELETED, memory_order_relaxed);
  if (!(before & BH_PENDING)) {
    free(ctx->co_schedule_bh);
  }
  QEMUBH *next;
  for (QEMUBH *bh = bh_take_all(ctx); bh; bh = next) {
    next = bh->next;
    unsigned flags = atomic_load_explicit(&bh->flags, memory_order_relaxed);
    assert(flags & BH_DELETED); /* else somebody's bottom half would never run: leaked */
    free(bh);
  }
}
