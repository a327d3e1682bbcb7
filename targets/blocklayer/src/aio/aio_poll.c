/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sleeping until there is work, and not one moment longer.
 *
 * A poller announces itself (`notify_me`) and then looks for work; a notifier publishes its work
 * and then looks for a poller. Each side has a full fence between its two steps (N and P below),
 * so at least one of them sees the other: either the poller does not sleep, or it is woken.
 *
 * B4: fence N in aio_notify() pairs with fence P in aio_poll_announce(). With both, one sees the
 * other (litmus sb_fences); with one, the notifier sees no poller, the poller sees no work, and the
 * work waits for ever (litmus sb_one_fence_missing).
 *
 * The main context may have two pollers at a time: the main thread, asleep in main_loop_wait()
 * without the BQL, and a thread that has the BQL and polls meanwhile. Both wait for the same
 * notifier, and what the one takes from it the other does not see; see aio_poll_check().
 */
#include "aio/aio_int.h"

#include "aio/main_loop.h"

#include <errno.h>
#include <poll.h>

static int aio_compute_timeout(const AioContext *ctx, int64_t deadline_ns);
static void aio_notify_accept(AioContext *ctx);

/* ------------------------------------------------------------------ the loop */

bool aio_poll(AioContext *ctx, bool blocking)
{
  AioPoll poll;

  assert(in_aio_context_home_thread(ctx));
  assert(!qemu_in_coroutine());
  assert(!ctx->poll_forbidden);

  aio_poll_announce(ctx, &poll, blocking ? NOTIFY_ME_POLLER : 0);
  if (poll.timeout_ms != 0 && aio_busy_poll(ctx, &poll.handlers)) {
    poll.timeout_ms = 0;
  }
  aio_poll_sleep(&poll);
  aio_poll_check(ctx, &poll);
  return aio_dispatch(ctx, &poll);
}

void aio_poll_announce(AioContext *ctx, AioPoll *poll, unsigned who)
{
  poll->who = who;
  if (who) {
    ctx->pollers += who;
    /* Relaxed: fence P orders it before the look for work. */
    atomic_store_explicit(&ctx->notify_me, ctx->pollers, memory_order_relaxed);
    /* P: announce, then look. Pairs with N (litmus sb_fences). */
    atomic_thread_fence(memory_order_seq_cst);
  }
  /* Behind P, too: who changes handlers or timers and sees no poller relies on us to look at them.
   * That it sets `notified` is not enough: another notifier may set it again, and we see only what
   * that one has done when we accept it. */
  aio_handlers_visit(ctx, &poll->handlers);
  poll->deadline_ns = aio_timers_deadline_ns(ctx);
  poll->timeout_ms = who ? aio_compute_timeout(ctx, poll->deadline_ns) : 0;
}

void aio_poll_sleep(AioPoll *aio_poll)
{
  AioHandlerSet *set = &aio_poll->handlers;

  aio_poll->ready = poll(set->fds, set->count, aio_poll->timeout_ms);
  assert(aio_poll->ready >= 0 || errno == EINTR); /* interrupted: nothing is ready */
}

/*
 * Whatever was notified until now is found by the dispatch that follows: clear both notices before
 * it, because one that comes later must last.
 *
 * Bottom halves and handlers that are ready will be run by us, whoever was meant. But another
 * poller that sleeps meanwhile may have been called because its timeout or its set of descriptors
 * is out of date. That is handed on, through a notifier of its own: set again, the common one
 * would keep us from ever sleeping.
 */
void aio_poll_check(AioContext *ctx, AioPoll *poll)
{
  if (poll->who) {
    /* Relaxed: a notifier that still sees a poller writes to the eventfd for nothing, and one that
     * sees none has set `notified`, which the next poller reads behind its fence P. */
    ctx->pollers -= poll->who;
    atomic_store_explicit(&ctx->notify_me, ctx->pollers, memory_order_relaxed);
    aio_notify_accept(ctx);
  }
  if (poll->ready > 0 && poll->handlers.fds[0].revents) {
    event_notifier_test_and_clear(&ctx->notifier);
    if (ctx->pollers & NOTIFY_ME_MAIN_LOOP) {
      main_loop_wake();
    }
  }
}

bool aio_dispatch(AioContext *ctx, AioPoll *poll)
{
  bool progress = aio_bh_poll(ctx);

  progress = aio_handlers_dispatch(ctx, &poll->handlers, poll->ready > 0) || progress;
  aio_handlers_leave(ctx, &poll->handlers);
  return aio_run_timers(ctx, poll->deadline_ns) || progress;
}

/* ------------------------------------------------------------------ notification */

void aio_notify(AioContext *ctx)
{
  /* Release: work first, then the flag. Pairs with the acquire in aio_notify_accept() (litmus
   * mp_release_acquire). Without it: the flag is cleared by a poller that does not yet see the
   * work. */
  atomic_store_explicit(&ctx->notified, true, memory_order_release);
  /* N: publish, then look. Pairs with P (litmus sb_fences). */
  atomic_thread_fence(memory_order_seq_cst);
  /* Relaxed: fence N orders it behind the work; nothing is read because of it. */
  if (atomic_load_explicit(&ctx->notify_me, memory_order_relaxed)) {
    event_notifier_set(&ctx->notifier);
  }
}

void aio_notify_sleepers(AioContext *ctx)
{
  if (!in_aio_context_home_thread(ctx) || ctx->pollers) {
    aio_notify(ctx);
  }
}

/* The home thread is about to look for work: what was notified until now needs no other notice. */
static void aio_notify_accept(AioContext *ctx)
{
  /* B5. A read-modify-write: if it takes the flag from a notifier, the acquire shows its work. If
   * it comes first, the flag stays set and the next poller does not sleep. A plain store could
   * wipe out a flag without seeing the work. Pairs with the release in aio_notify() (litmus
   * mp_release_acquire). */
  atomic_exchange_explicit(&ctx->notified, false, memory_order_acquire);
}

bool aio_is_notified(const AioContext *ctx)
{
  /* Relaxed: fence P orders it, or the notifier's write to the eventfd makes up for it. */
  return atomic_load_explicit(&ctx->notified, memory_order_relaxed);
}

/* How long may a poller sleep that has announced itself? Milliseconds, as poll() takes them. */
static int aio_compute_timeout(const AioContext *ctx, int64_t deadline_ns)
{
  enum { FOR_EVER = -1, NS_PER_MS = 1000 * 1000 };

  /* Relaxed: fence P orders it. */
  QEMUBH *work = atomic_load_explicit(&ctx->bh_list, memory_order_relaxed);
  int most_ms = FOR_EVER;
  if (work || ctx->slices) {
    if (!aio_bh_only_idle(ctx)) {
      return 0;
    }
    most_ms = BH_IDLE_MS;
  }
  if (aio_is_notified(ctx)) {
    return 0;
  }
  if (deadline_ns == TIMER_NEVER) {
    return most_ms;
  }
  int64_t left_ns = deadline_ns - qemu_clock_get_ns();
  if (left_ns <= 0) {
    return 0;
  }
  int64_t left_ms = (left_ns + NS_PER_MS - 1) / NS_PER_MS; /* up: waking early would spin */
  int64_t limit_ms = most_ms == FOR_EVER ? INT32_MAX : most_ms;
  return (int)(left_ms < limit_ms ? left_ms : limit_ms);
}
