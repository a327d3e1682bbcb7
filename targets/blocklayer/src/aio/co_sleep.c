/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One atomic pointer per bed. Whoever takes the sleeper out of it, by exchange, is the only one who
 * may wake it: a timer and any number of other threads can try at the same time.
 *
 * The field's version loses a wakeup that comes before the sleeper has lain down, and lets a timer
 * and a waker both find it. Here the first leaves a mark instead (CO_SLEEP_WOKEN), and the second
 * finds the bed empty.
 */
#include "aio/co_sleep.h"

#include "aio/aio_int.h"
#include "aio/main_loop.h"
#include "coroutine/coroutine_int.h"

static Coroutine woken; /* only its address counts */
#define CO_SLEEP_WOKEN (&woken)

static void wake(Coroutine *co);

void coroutine_fn qemu_co_sleep(QemuCoSleep *w)
{
  Coroutine *self = qemu_coroutine_self();
  Coroutine *before = NULL;

  aio_co_claim(self, __func__); /* nobody may enter us but who takes us out of `w` */
  /* Release: hands us over. Pairs with the exchanges in qemu_co_sleep_wake() and sleep_timer_cb()
   * (litmus mp_release_acquire). Relaxed if it fails: what the waker wrote the exchange below
   * shows us. */
  if (atomic_compare_exchange_strong_explicit(&w->to_wake, &before, self, memory_order_release,
                                              memory_order_relaxed)) {
    qemu_coroutine_yield();
  } else {
    assert(before == CO_SLEEP_WOKEN); /* else two sleep in one bed */
    aio_co_unclaim(self);
  }
  /* Whoever has left a mark by now: we look again anyway. Acquire: at what it wrote. Pairs with
   * the exchange in qemu_co_sleep_wake() (litmus mp_release_acquire). */
  atomic_exchange_explicit(&w->to_wake, NULL, memory_order_acquire);
}

void qemu_co_sleep_wake(QemuCoSleep *w)
{
  /* Relaxed, here and if the exchange fails: only an exchange counts. */
  Coroutine *before = atomic_load_explicit(&w->to_wake, memory_order_relaxed);
  Coroutine *after;

  do {
    after = before && before != CO_SLEEP_WOKEN ? NULL : CO_SLEEP_WOKEN;
    /* Release: what we wrote before, for who sleeps next. Acquire: the sleeper. Even if the mark is
     * there already: the sleeper that finds it shall see what we wrote, too. Pairs with the
     * exchanges in qemu_co_sleep() (litmus mp_release_acquire). */
  } while (!atomic_compare_exchange_weak_explicit(&w->to_wake, &before, after, memory_order_acq_rel,
                                                  memory_order_relaxed));
  if (!after) {
    wake(before);
  }
}

static void wake(Coroutine *co)
{
  aio_co_unclaim(co);
  aio_co_wake(co);
}

/* ------------------------------------------------------------------ with a timer */

static void sleep_timer_cb(void *opaque)
{
  QemuCoSleep *w = opaque;
  /* Acquire: the sleeper; pairs with the release in qemu_co_sleep() (litmus mp_release_acquire).
   * Relaxed, the load and if the exchange fails: only what we take is ours. Nobody else sleeps
   * here, and if a waker was quicker it leaves no mark: our time is not a wakeup that anybody asked
   * for. */
  Coroutine *co = atomic_load_explicit(&w->to_wake, memory_order_relaxed);
  if (co && co != CO_SLEEP_WOKEN &&
      atomic_compare_exchange_strong_explicit(&w->to_wake, &co, NULL, memory_order_acquire,
                                              memory_order_relaxed)) {
    wake(co);
  }
}

void coroutine_fn qemu_co_sleep_ns_wakeable(QemuCoSleep *w, int64_t nanoseconds)
{
  QEMUTimer timer;

  assert(nanoseconds >= 0);
  aio_timer_init(qemu_get_current_aio_context(), &timer, sleep_timer_cb, w);
  timer_mod(&timer, qemu_clock_get_ns() + nanoseconds);
  qemu_co_sleep(w);
  timer_del(&timer); /* woken in the context where it slept */
}

void coroutine_fn qemu_co_sleep_ns(int64_t nanoseconds)
{
  QemuCoSleep w = {0};
  qemu_co_sleep_ns_wakeable(&w, nanoseconds);
}
