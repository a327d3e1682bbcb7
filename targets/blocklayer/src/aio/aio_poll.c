/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sleeping until there is work, and not one moment longer.
 *
 * A poller announces itself (`notify_me`) and then looks for work; a notifier publishes its work
 * and then looks for a poller. Each side has a full fence between its two steps (N and P below),
 * so at least one of them sees the other: either the poller does not sleep, or it is woken.
 *
 * B4: fence N in aio_notify() pairs with fence P in aio_wait_for_work(). Without either one: the
 * notifier sees no poller, the poller sees no work, and the work waits for ever.
 */
#include "aio/aio_int.h"

#include "aio/main_loop.h"

#include <errno.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

enum { POLL_FOR_EVER = -1, NS_PER_MS = 1000 * 1000, MS_PER_S = 1000 };

static void aio_wait_for_work(AioContext *ctx, bool blocking);
static void aio_notify_accept(AioContext *ctx);
static int aio_compute_timeout(const AioContext *ctx);
static bool aio_run_timers(AioContext *ctx);
static int64_t clock_ns(void);

/* ------------------------------------------------------------------ the loop */

bool aio_poll(AioContext *ctx, bool blocking)
{
  assert(in_aio_context_home_thread(ctx));
  assert(!qemu_in_coroutine());
  assert(!ctx->poll_forbidden);

  aio_wait_for_work(ctx, blocking);
  bool progress = aio_bh_poll(ctx);
  return aio_run_timers(ctx) || progress;
}

static void aio_wait_for_work(AioContext *ctx, bool blocking)
{
  struct pollfd notifier = {.fd = ctx->notifier_fd, .events = POLLIN};
  int timeout_ms = 0;

  if (blocking) {
    /* Relaxed: fence P orders it before the look for work. */
    atomic_store_explicit(&ctx->notify_me, ++ctx->pollers, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst); /* P: announce, then look. Pairs with N. */
    timeout_ms = aio_compute_timeout(ctx);
  }
  int ready = poll(&notifier, 1, timeout_ms);
  assert(ready >= 0 || errno == EINTR); /* interrupted: nothing is ready */
  if (blocking) {
    /* Relaxed: a notifier that still sees a poller writes to the eventfd for nothing, and one that
     * sees none has set `notified`, which the next poller reads behind its fence P. */
    atomic_store_explicit(&ctx->notify_me, --ctx->pollers, memory_order_relaxed);
  }
  aio_notify_accept(ctx);
  if (ready > 0) {
    uint64_t count;
    ssize_t bytes = read(ctx->notifier_fd, &count, sizeof(count));
    assert(bytes == (ssize_t)sizeof(count) || errno == EAGAIN);
  }
}

void aio_notify(AioContext *ctx)
{
  /* Release: work first, then the flag. Pairs with the acquire in aio_notify_accept(). Without
   * it: the flag is cleared by a poller that does not yet see the work. */
  atomic_store_explicit(&ctx->notified, true, memory_order_release);
  atomic_thread_fence(memory_order_seq_cst); /* N: publish, then look. Pairs with P. */
  /* Relaxed: fence N orders it behind the work; nothing is read because of it. */
  if (atomic_load_explicit(&ctx->notify_me, memory_order_relaxed)) {
    uint64_t one = 1;
    ssize_t bytes = write(ctx->notifier_fd, &one, sizeof(one));
    assert(bytes == (ssize_t)sizeof(one) || errno == EAGAIN); /* full is as good as written */
  }
}

/* The home thread is about to look for work: what was notified until now needs no other notice. */
static void aio_notify_accept(AioContext *ctx)
{
  /* B5. A read-modify-write: if it takes the flag from a notifier, the acquire shows its work. If
   * it comes first, the flag stays set and the next poller does not sleep. A plain store could
   * wipe out a flag without seeing the work. Pairs with the release in aio_notify(). */
  atomic_exchange_explicit(&ctx->notified, false, memory_order_acquire);
}

/* How long may a poller sleep that has announced itself? Milliseconds, as poll() takes them. */
static int aio_compute_timeout(const AioContext *ctx)
{
  /* Relaxed, both: fence P orders them; the list is taken with acquire later. */
  if (atomic_load_explicit(&ctx->bh_list, memory_order_relaxed) || ctx->slices ||
      atomic_load_explicit(&ctx->notified, memory_order_relaxed)) {
    return 0;
  }
  if (!ctx->timers) {
    return POLL_FOR_EVER;
  }
  int64_t left_ns = ctx->timers->expire_ns - clock_ns();
  if (left_ns <= 0) {
    return 0;
  }
  int64_t left_ms = (left_ns + NS_PER_MS - 1) / NS_PER_MS; /* up: waking early would spin */
  return left_ms < INT32_MAX ? (int)left_ms : INT32_MAX;
}

/* ------------------------------------------------------------------ timers */

void aio_timer_arm(AioContext *ctx, QEMUTimer *timer, int64_t nanoseconds)
{
  QEMUTimer **link = &ctx->timers;

  assert(in_aio_context_home_thread(ctx));
  timer->expire_ns = clock_ns() + nanoseconds;
  while (*link && (*link)->expire_ns <= timer->expire_ns) {
    link = &(*link)->next;
  }
  timer->next = *link;
  *link = timer;
}

void aio_timer_del(AioContext *ctx, QEMUTimer *timer)
{
  QEMUTimer **link = &ctx->timers;

  assert(in_aio_context_home_thread(ctx));
  while (*link && *link != timer) {
    link = &(*link)->next;
  }
  if (*link) {
    *link = timer->next;
  }
}

static bool aio_run_timers(AioContext *ctx)
{
  bool progress = false;

  if (!ctx->timers) {
    return false;
  }
  int64_t now_ns = clock_ns();
  while (ctx->timers && ctx->timers->expire_ns <= now_ns) {
    QEMUTimer *timer = ctx->timers;
    ctx->timers = timer->next;
    timer->cb(timer->opaque); /* the timer may be gone now */
    progress = true;
  }
  return progress;
}

static int64_t clock_ns(void)
{
  struct timespec now;
  int error = clock_gettime(CLOCK_MONOTONIC, &now);
  assert(error == 0);
  return (int64_t)now.tv_sec * MS_PER_S * NS_PER_MS + now.tv_nsec;
}
