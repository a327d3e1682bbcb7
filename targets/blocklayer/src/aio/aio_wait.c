/* SPDX-License-Identifier: Apache-2.0 */
/* Waking those who wait in AIO_WAIT_WHILE(); a fence and a load when nobody does. */
#include "aio/aio_wait.h"

AioWait global_aio_wait;

static AioWaiter *waiters; /* oldest first; main thread */

static void waiters_check(void);

/* ------------------------------------------------------------------ kicking */

/* That it runs is enough for who polls: the poll returns and the condition is evaluated. */
static void kick_bh(void *opaque)
{
  (void)opaque;
  waiters_check();
}

void aio_wait_kick(void)
{
  /* B3: the change of the condition, then the look for a waiter. Pairs with the fence in
   * AIO_WAIT_WHILE() (litmus sb_fences). Without it: a lost wakeup. */
  atomic_thread_fence(memory_order_seq_cst);
  /* Relaxed: the fence orders it; nothing is read because of it. */
  if (atomic_load_explicit(&global_aio_wait.num_waiters, memory_order_relaxed)) {
    aio_bh_schedule_oneshot(qemu_get_aio_context(), kick_bh, NULL);
  }
}

/* ------------------------------------------------------------------ waiting without polling */

void aio_wait_then(AioWaiter *waiter)
{
  AioWaiter **last = &waiters;

  assert(qemu_in_main_thread());
  /* B3, as AIO_WAIT_WHILE(): announce (relaxed, the fence orders it), then look. Pairs with the
   * fence in aio_wait_kick() (litmus sb_fences). */
  atomic_fetch_add_explicit(&global_aio_wait.num_waiters, 1, memory_order_relaxed);
  atomic_thread_fence(memory_order_seq_cst);
  while (*last) {
    last = &(*last)->next;
  }
  waiter->next = NULL;
  *last = waiter;
  waiters_check();
}

static void waiters_check(void)
{
  AioWaiter **link = &waiters;

  while (*link) {
    AioWaiter *waiter = *link;
    if (waiter->cond(waiter->opaque)) {
      link = &waiter->next;
      continue;
    }
    *link = waiter->next;
    /* Relaxed: who still sees us kicks for nothing. */
    atomic_fetch_sub_explicit(&global_aio_wait.num_waiters, 1, memory_order_relaxed);
    waiter->go_on(waiter->opaque);
    link = &waiters; /* the list may have changed meanwhile */
  }
}

/* ------------------------------------------------------------------ for the macros */

void aio_wait_poll(AioContext *ctx, AioContext *release)
{
  bool held = release && aio_context_held(release);

  if (held) {
    assert(aio_context_held(release) == 1); /* else its thread could not go on while we poll */
    aio_context_release(release);
  }
  aio_poll(ctx, true);
  if (held) {
    aio_context_acquire(release);
  }
}

/* ------------------------------------------------------------------ calling */

typedef struct AioWaitBH {
  QEMUBHFunc *cb;
  void *opaque;
  _Atomic bool done;
} AioWaitBH;

static void aio_wait_bh(void *opaque)
{
  AioWaitBH *wait = opaque;

  wait->cb(wait->opaque);
  /* Release: what the callback wrote. Pairs with the acquire in aio_wait_bh_oneshot() (litmus
   * mp_release_acquire). */
  atomic_store_explicit(&wait->done, true, memory_order_release);
  aio_wait_kick(); /* `wait` may be gone already */
}

void aio_wait_bh_oneshot(AioContext *ctx, QEMUBHFunc *cb, void *opaque)
{
  AioWaitBH wait = {.cb = cb, .opaque = opaque};

  assert(qemu_in_main_thread());
  aio_bh_schedule_oneshot(ctx, aio_wait_bh, &wait);
  /* Acquire: pairs with the release in aio_wait_bh() (litmus mp_release_acquire). */
  AIO_WAIT_WHILE(NULL, !atomic_load_explicit(&wait.done, memory_order_acquire));
}
