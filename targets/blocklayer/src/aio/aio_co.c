/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Coroutines that move between contexts. Scheduling one costs a compare-and-swap, a push and the
 * scheduling of one bottom half, which enters everything that was pushed, in order.
 */
#include "aio/aio_int.h"
#include "coroutine/coroutine_int.h"
#include "aio/main_loop.h"

static void co_push(AioContext *ctx, Coroutine *co);

/* ------------------------------------------------------------------ scheduling */

void aio_co_schedule(AioContext *ctx, Coroutine *co)
{
  aio_co_claim(co, __func__);

  /* From the push on `co` may run, and what it does may drop the context's last reference. */
  aio_context_ref(ctx);
  co_push(ctx, co);
  qemu_bh_schedule(ctx->co_schedule_bh);
  aio_context_unref(ctx);
}

void aio_co_wake(Coroutine *co)
{
  /* B8: plain. `co` yielded before we learnt of it, through a mutex or a release operation that
   * comes after the last qemu_aio_coroutine_enter() wrote the field. */
  aio_co_enter(co->ctx, co);
}

void aio_co_enter(AioContext *ctx, Coroutine *co)
{
  if (ctx != qemu_get_current_aio_context()) {
    aio_co_schedule(ctx, co);
  } else if (qemu_in_coroutine()) {
    Coroutine *self = qemu_coroutine_self();
    assert(self != co);
    coroutine_list_append(&self->co_queue_wakeup, co);
  } else {
    qemu_aio_coroutine_enter(ctx, co);
  }
}

/* The bottom half `co_schedule_bh`. */
void aio_co_schedule_bh_cb(void *opaque)
{
  AioContext *ctx = opaque;
  Coroutine *in_order = NULL;

  /* Acquire: pairs with the release in co_push() (litmus mp_release_sequence). */
  Coroutine *next =
      atomic_exchange_explicit(&ctx->scheduled_coroutines, NULL, memory_order_acquire);
  while (next) { /* last in, first out -> first in, first out */
    Coroutine *co = next;
    next = co->co_scheduled_next;
    co->co_scheduled_next = in_order;
    in_order = co;
  }
  while (in_order) {
    Coroutine *co = in_order;
    in_order = co->co_scheduled_next;
    aio_co_unclaim(co);
    qemu_aio_coroutine_enter(ctx, co);
  }
}

static void co_push(AioContext *ctx, Coroutine *co)
{
  /* Relaxed: the exchange below fails if this is not the newest head. */
  Coroutine *head = atomic_load_explicit(&ctx->scheduled_coroutines, memory_order_relaxed);
  do {
    co->co_scheduled_next = head;
    /* Release: hands over the coroutine, its stack and all that it wrote. Pairs with the acquire
     * in aio_co_schedule_bh_cb() (litmus mp_release_sequence: others push in between). Without it:
     * it goes on with an old stack. */
  } while (!atomic_compare_exchange_weak_explicit(&ctx->scheduled_coroutines, &head, co,
                                                  memory_order_release, memory_order_relaxed));
}

void aio_co_claim(Coroutine *co, const char *who)
{
  const char *expected = NULL;
  bool claimed = atomic_compare_exchange_strong(&co->scheduled, &expected, who);
  assert(claimed); /* else the coroutine was already scheduled */
}

void aio_co_unclaim(Coroutine *co)
{
  /* Relaxed: only the claiming exchange of a later owner reads it, and who gets to claim was
   * handed the coroutine after it yielded again. */
  atomic_store_explicit(&co->scheduled, NULL, memory_order_relaxed);
}

/* ------------------------------------------------------------------ moving */

typedef struct Reschedule {
  Coroutine *co;
  AioContext *new_ctx;
} Reschedule;

static void reschedule_bh(void *opaque)
{
  Reschedule *move = opaque; /* on the coroutine's stack: gone once it is scheduled */
  aio_co_schedule(move->new_ctx, move->co);
}

void coroutine_fn aio_co_reschedule_self(AioContext *new_ctx)
{
  AioContext *old_ctx = qemu_get_current_aio_context();

  if (old_ctx == new_ctx) {
    return;
  }
  /* Not scheduled by ourselves: the new thread could enter us before we have yielded. */
  Reschedule move = {.co = qemu_coroutine_self(), .new_ctx = new_ctx};
  aio_bh_schedule_oneshot(old_ctx, reschedule_bh, &move);
  qemu_coroutine_yield();
}

/* ------------------------------------------------------------------ calling */

typedef struct CoCall {
  Coroutine *co;
  QEMUBHFunc *cb;
  void *opaque;
} CoCall;

static void call_bh(void *opaque)
{
  CoCall *call = opaque; /* on the coroutine's stack: gone once it is woken */
  call->cb(call->opaque);
  aio_co_wake(call->co);
}

void coroutine_fn aio_co_call_bh(AioContext *ctx, QEMUBHFunc *cb, void *opaque)
{
  CoCall call = {.co = qemu_coroutine_self(), .cb = cb, .opaque = opaque};

  assert(qemu_in_coroutine());
  aio_bh_schedule_oneshot(ctx, call_bh, &call);
  /* Always: whether the callback has run already does not matter. Its wakeup comes in any case,
   * and would find us somewhere else. */
  qemu_coroutine_yield();
}
