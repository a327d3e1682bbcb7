/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting, outside of coroutines, until other contexts have made a condition false.
 *
 * Who waits polls an event loop meanwhile, so anything may happen in there: other waits, bottom
 * halves, changes of whatever is not locked. Who makes the condition false stores that first and
 * calls aio_wait_kick() afterwards, on every path that could make it false.
 */
#ifndef BLOCK_AIO_WAIT_H
#define BLOCK_AIO_WAIT_H

#include "aio/aio.h"
#include "aio/main_loop.h"

#include <stdatomic.h>

typedef struct AioWait {
  _Atomic uint32_t num_waiters; /* in AIO_WAIT_WHILE() or since aio_wait_then(); kick nobody if 0 */
} AioWait;

extern AioWait global_aio_wait;

/*
 * Poll while `cond` holds. A `ctx` whose home thread the caller is: poll that one (it is woken by
 * its own events only, not by a kick; the main context by both). Else, and for NULL, the caller
 * must be the main thread, and polls the main context; never a foreign one. If it then holds the
 * lock of `ctx`, once, that is released around each poll (AIO_WAIT_WHILE only). Value: whether it
 * had to wait. May be nested: the outer condition is evaluated again after the inner wait.
 *
 * B3: announce the waiter, then evaluate. The fence pairs with the one in aio_wait_kick() (litmus
 * sb_fences). Without it: the condition is seen true, the waiter is not seen, and nobody wakes it
 * (litmus sb_one_fence_missing). Relaxed: the fence orders the announcement; who sees it when it is
 * over kicks for nothing.
 */
#define AIO_WAIT_WHILE(ctx, cond) AIO_WAIT_WHILE_INTERNAL(ctx, cond, true)

/* The same; the caller holds no context's lock, or keeps it. */
#define AIO_WAIT_WHILE_UNLOCKED(ctx, cond) AIO_WAIT_WHILE_INTERNAL(ctx, cond, false)

#define AIO_WAIT_WHILE_INTERNAL(ctx, cond, unlock)                                                 \
  ({                                                                                               \
    bool aio_wait_waited = false;                                                                  \
    AioContext *aio_wait_ctx = (ctx);                                                              \
    AioContext *aio_wait_release = NULL;                                                           \
    if (!aio_wait_ctx || !in_aio_context_home_thread(aio_wait_ctx)) {                              \
      assert(qemu_in_main_thread());                                                               \
      aio_wait_release = (unlock) ? aio_wait_ctx : NULL;                                           \
      aio_wait_ctx = qemu_get_aio_context();                                                       \
    }                                                                                              \
    atomic_fetch_add_explicit(&global_aio_wait.num_waiters, 1, memory_order_relaxed);              \
    atomic_thread_fence(memory_order_seq_cst);                                                     \
    while (cond) {                                                                                 \
      aio_wait_poll(aio_wait_ctx, aio_wait_release);                                               \
      aio_wait_waited = true;                                                                      \
    }                                                                                              \
    atomic_fetch_sub_explicit(&global_aio_wait.num_waiters, 1, memory_order_relaxed);              \
    aio_wait_waited;                                                                               \
  })

/* For the macros: one blocking poll, during which `release` (if not NULL) is not locked by us. */
void aio_wait_poll(AioContext *ctx, AioContext *release);

/* A condition may have become false: make the main thread evaluate it again. Any thread. A full
 * fence, whether anybody waits or not. */
void aio_wait_kick(void);

/* Somebody who waits without polling; his memory. */
typedef struct AioWaiter {
  bool (*cond)(void *opaque);
  void (*go_on)(void *opaque);
  void *opaque;
  struct AioWaiter *next;
} AioWaiter;

/*
 * As AIO_WAIT_WHILE(), but returns: once cond(opaque) is false, go_on(opaque) is called, maybe
 * right now, else by the loop of the main context. Nobody is on the stack meanwhile, so it does not
 * matter who of several waiters is done first. Main thread; cond() does not poll.
 */
void aio_wait_then(AioWaiter *waiter);

/* Run cb(opaque) as a bottom half of `ctx` and wait until it has returned. Main thread only. */
void aio_wait_bh_oneshot(AioContext *ctx, QEMUBHFunc *cb, void *opaque);

#endif
