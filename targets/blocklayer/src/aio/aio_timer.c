/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers of a context: a list in order of expiry, under a mutex, because any thread may arm one.
 * The earliest expiry has a copy outside, so that a loop without timers pays one load an
 * iteration.
 */
#include "aio/aio_int.h"

#include <time.h>

static void timer_unlink(QEMUTimer *timer);
static void timers_update_deadline(AioTimers *timers);

int64_t qemu_clock_get_ns(void)
{
  enum { NS_PER_S = 1000 * 1000 * 1000 };
  struct timespec now;
  int error = clock_gettime(CLOCK_MONOTONIC, &now);
  assert(error == 0);
  return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

void aio_timers_init(AioContext *ctx)
{
  qemu_mutex_init(&ctx->timers.lock);
  atomic_init(&ctx->timers.deadline_ns, TIMER_NEVER);
}

void aio_timers_finalize(AioContext *ctx)
{
  assert(!ctx->timers.first); /* else somebody waits for it in vain */
  qemu_mutex_destroy(&ctx->timers.lock);
}

/* ------------------------------------------------------------------ arming */

void aio_timer_init(AioContext *ctx, QEMUTimer *timer, QEMUTimerCB *cb, void *opaque)
{
  *timer = (QEMUTimer){.ctx = ctx, .cb = cb, .opaque = opaque};
}

QEMUTimer *aio_timer_new(AioContext *ctx, QEMUTimerCB *cb, void *opaque)
{
  QEMUTimer *timer = qemu_malloc(sizeof(*timer));
  aio_timer_init(ctx, timer, cb, opaque);
  return timer;
}

void timer_free(QEMUTimer *timer)
{
  if (timer) {
    timer_del(timer);
    free(timer);
  }
}

void timer_mod(QEMUTimer *timer, int64_t expire_ns)
{
  AioTimers *timers = &timer->ctx->timers;

  assert(expire_ns < TIMER_NEVER);
  qemu_mutex_lock(&timers->lock);
  timer_unlink(timer);
  QEMUTimer **link = &timers->first;
  while (*link && (*link)->expire_ns <= expire_ns) {
    link = &(*link)->next;
  }
  timer->expire_ns = expire_ns;
  timer->armed = true;
  timer->next = *link;
  *link = timer;
  timers_update_deadline(timers);
  bool sooner = timers->first == timer;
  qemu_mutex_unlock(&timers->lock);
  if (sooner) {
    aio_notify_sleepers(timer->ctx); /* who sleeps has computed its timeout without us */
  }
}

void timer_del(QEMUTimer *timer)
{
  AioTimers *timers = &timer->ctx->timers;

  qemu_mutex_lock(&timers->lock);
  timer_unlink(timer);
  timers_update_deadline(timers);
  qemu_mutex_unlock(&timers->lock);
}

bool timer_pending(QEMUTimer *timer)
{
  AioTimers *timers = &timer->ctx->timers;

  qemu_mutex_lock(&timers->lock);
  bool armed = timer->armed;
  qemu_mutex_unlock(&timers->lock);
  return armed;
}

/* Under the lock. */
static void timer_unlink(QEMUTimer *timer)
{
  QEMUTimer **link = &timer->ctx->timers.first;

  if (!timer->armed) {
    return;
  }
  while (*link != timer) {
    link = &(*link)->next;
  }
  *link = timer->next;
  timer->armed = false;
}

/* Under the lock. */
static void timers_update_deadline(AioTimers *timers)
{
  /* Relaxed: fence P and aio_notify() order it before a poller's look, and the list itself is read
   * under the lock. */
  int64_t deadline_ns = timers->first ? timers->first->expire_ns : TIMER_NEVER;
  atomic_store_explicit(&timers->deadline_ns, deadline_ns, memory_order_relaxed);
}

/* ------------------------------------------------------------------ running */

int64_t aio_timers_deadline_ns(const AioContext *ctx)
{
  /* Relaxed: see timers_update_deadline(). */
  return atomic_load_explicit(&ctx->timers.deadline_ns, memory_order_relaxed);
}

bool aio_run_timers(AioContext *ctx, int64_t deadline_ns)
{
  AioTimers *timers = &ctx->timers;
  bool progress = false;

  if (deadline_ns == TIMER_NEVER) {
    return false;
  }
  int64_t now_ns = qemu_clock_get_ns();
  for (;;) {
    qemu_mutex_lock(&timers->lock);
    QEMUTimer *timer = timers->first;
    if (!timer || timer->expire_ns > now_ns) {
      qemu_mutex_unlock(&timers->lock);
      return progress;
    }
    QEMUTimerCB *cb = timer->cb;
    void *opaque = timer->opaque;
    timer_unlink(timer);
    timers_update_deadline(timers);
    qemu_mutex_unlock(&timers->lock);
    cb(opaque); /* the timer may be gone already */
    progress = true;
  }
}
