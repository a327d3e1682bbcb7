/* SPDX-License-Identifier: Apache-2.0 */
/* Waking those who wait in AIO_WAIT_WHILE(); a fence and a load when nobody does. */
#include "aio/aio_wait.h"

AioWait global_aio_wait;

static void dummy_bh_cb(void *opaque)
{
  (void)opaque; /* that it ran is enough: the poll returns and the condition is evaluated */
}

void aio_wait_kick(void)
{
  /* B3: the change of the condition, then the look for a waiter. Pairs with the fence in
   * AIO_WAIT_WHILE(). Without it: a lost wakeup. */
  atomic_thread_fence(memory_order_seq_cst);
  /* Relaxed: the fence orders it; nothing is read because of it. */
  if (atomic_load_explicit(&global_aio_wait.num_waiters, memory_order_relaxed)) {
    aio_bh_schedule_oneshot(qemu_get_aio_context(), dummy_bh_cb, NULL);
  }
}

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

typedef struct AioWaitBH {
  QEMUBHFunc *cb;
  void *opaque;
  _Atomic bool done;
} AioWaitBH;

static void aio_wait_bh(void *opaque)
{
  AioWaitBH *wait = opaque;

  wait->cb(wait->opaque);
  /* Release: what the callback wrote. Pairs with the acquire in aio_wait_bh_oneshot(). */
  atomic_store_explicit(&wait->done, true, memory_order_release);
  aio_wait_kick(); /* `wait` may be gone already */
}

void aio_wait_bh_oneshot(AioContext *ctx, QEMUBHFunc *cb, void *opaque)
{
  AioWaitBH wait = {.cb = cb, .opaque = opaque};

  assert(qemu_in_main_thread());
  aio_bh_schedule_oneshot(ctx, aio_wait_bh, &wait);
  AIO_WAIT_WHILE(NULL, !atomic_load_explicit(&wait.done, memory_order_acquire));
}
