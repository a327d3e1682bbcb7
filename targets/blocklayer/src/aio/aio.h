/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AioContext: an event loop that one thread at a time, its home thread, runs with aio_poll().
 *
 * Other threads give it work: bottom halves (a function that is called once by the home thread)
 * and coroutines. Both may be scheduled from anywhere and never block. The loop sleeps in poll()
 * while there is nothing to do; whoever brings work wakes it with aio_notify().
 */
#ifndef BLOCK_AIO_H
#define BLOCK_AIO_H

#include "coroutine/coroutine.h"
#include "util/event_notifier.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct QEMUBH QEMUBH;
typedef struct QEMUTimer QEMUTimer;

typedef void QEMUBHFunc(void *opaque);
typedef void QEMUTimerCB(void *opaque);
typedef void IOHandler(void *opaque);
typedef bool AioPollFn(void *opaque);

/* ------------------------------------------------------------------ life cycle */

/* A context with one reference, the caller's. It counts readers of the graph from now on. */
AioContext *aio_context_new(void);

void aio_context_ref(AioContext *ctx);

/* Drop a reference; any thread. With the last one the context goes: nothing may be left to run in
 * it, and no coroutine may live there. */
void aio_context_unref(AioContext *ctx);

/*
 * The context's lock: recursive, taken by threads (not held across a yield). Who waits for another
 * context with AIO_WAIT_WHILE() may hold that one's, once: it is released around each poll. Only
 * who holds the BQL takes two.
 */
void aio_context_acquire(AioContext *ctx);
void aio_context_release(AioContext *ctx);

/* How often does the calling thread hold it? */
unsigned aio_context_held(const AioContext *ctx);

/* ------------------------------------------------------------------ the loop */

/*
 * One iteration: wait for work (only if `blocking`), then run bottom halves and expired timers.
 * Home thread only, not in a coroutine; may be called from within a bottom half. Returns whether
 * anything ran. A signal counts as no work.
 */
bool aio_poll(AioContext *ctx, bool blocking);

/* Make a sleeping aio_poll() look for work again, or the next one not sleep. Any thread. What it
 * shall find must have been written before. */
void aio_notify(AioContext *ctx);

/* ------------------------------------------------------------------ bottom halves */

/* A bottom half that calls cb(opaque) in `ctx`. Owned by the caller: qemu_bh_delete(). */
QEMUBH *aio_bh_new(AioContext *ctx, QEMUBHFunc *cb, void *opaque);

/* Have `ctx` call cb(opaque) once. Any thread; the caller keeps `ctx` alive during the call. */
void aio_bh_schedule_oneshot(AioContext *ctx, QEMUBHFunc *cb, void *opaque);

/* Have the callback called; several calls before it runs count as one. Any thread. */
void qemu_bh_schedule(QEMUBH *bh);

/* The same, but not in a hurry: a loop that would sleep still does, for 10 ms at most, and does not
 * count the call as progress. */
void qemu_bh_schedule_idle(QEMUBH *bh);

/* Have it not called, unless its home thread is already about to. Any thread. */
void qemu_bh_cancel(QEMUBH *bh);

/* Have it not called, and freed by its context. Any thread; do not touch `bh` afterwards. */
void qemu_bh_delete(QEMUBH *bh);

/* Run all bottom halves that are scheduled now. Home thread only. Returns whether one ran. A
 * nested call also runs what the outer one has not yet got to. */
bool aio_bh_poll(AioContext *ctx);

/* ------------------------------------------------------------------ descriptors */

/*
 * Call io_read(opaque) whenever `fd` is readable and io_write(opaque) whenever it is writable,
 * instead of what was set for `fd` before; all NULL: call nothing any more. Any thread. A handler
 * that another thread removes may just be running, and end later; in the home thread it is not
 * called again once this has returned.
 *
 * A loop that is about to sleep asks io_poll(opaque) for a while (aio_context_set_poll_params)
 * whether it is ready, and then calls io_poll_ready(opaque): both or none. A nested aio_poll()
 * does not ask while io_poll_ready() runs.
 */
void aio_set_fd_handler(AioContext *ctx, int fd, IOHandler *io_read, IOHandler *io_write,
                        AioPollFn *io_poll, IOHandler *io_poll_ready, void *opaque);

/* The same for an event notifier. The handler clears it. io_poll() is given the notifier. */
void aio_set_event_notifier(AioContext *ctx, EventNotifier *notifier, EventNotifierHandler *io_read,
                            AioPollFn *io_poll, EventNotifierHandler *io_poll_ready);

/* Before it sleeps, the loop asks all io_poll() in turn: for `max_ns` or `max_rounds` times,
 * whichever comes first, and not once it is notified. 0: never (as it is at first). Any thread. */
void aio_context_set_poll_params(AioContext *ctx, int64_t max_ns, unsigned max_rounds);

/* ------------------------------------------------------------------ timers */

/* Calls cb(opaque) in the home thread of `ctx`, once for each time that it is armed. The fields are
 * aio_timer.c's. */
struct QEMUTimer {
  AioContext *ctx;
  QEMUTimerCB *cb;
  void *opaque;
  int64_t expire_ns;
  QEMUTimer *next; /* in the context's list; meaningless unless `armed` */
  bool armed;
};

/* The clock of timers: nanoseconds since some moment, never backwards. */
int64_t qemu_clock_get_ns(void);

/* The caller's memory, which stays until the timer is no longer armed; or ours, for timer_free().
 */
void aio_timer_init(AioContext *ctx, QEMUTimer *timer, QEMUTimerCB *cb, void *opaque);
QEMUTimer *aio_timer_new(AioContext *ctx, QEMUTimerCB *cb, void *opaque);
void timer_free(QEMUTimer *timer);

/* Arm it for `expire_ns`, whether it was armed or not. Any thread. Fires late by up to the
 * resolution of poll(), a millisecond; never early. */
void timer_mod(QEMUTimer *timer, int64_t expire_ns);

/* Disarm it; called by another thread than the home thread, it may be about to fire. */
void timer_del(QEMUTimer *timer);

/* Armed and not fired yet? Any thread. */
bool timer_pending(QEMUTimer *timer);

/* ------------------------------------------------------------------ coroutines */

/*
 * Have `ctx` enter `co`. Any thread. `co` has yielded, or is new, or runs in `ctx` itself and
 * yields before it returns to the loop. Aborts if it is scheduled already.
 */
void aio_co_schedule(AioContext *ctx, Coroutine *co);

/* Enter `co`, which has yielded, in the context in which it ran last. Any thread. */
void aio_co_wake(Coroutine *co);

/* Enter `co` in `ctx`: scheduled if that is another thread's context; when the running coroutine
 * yields if there is one; else here and now. */
void aio_co_enter(AioContext *ctx, Coroutine *co);

/* Go on in `new_ctx`, by its home thread. */
void coroutine_fn aio_co_reschedule_self(AioContext *new_ctx);

/* Run cb(opaque) as a bottom half of `ctx` and go on, in our own context, when it has returned. */
void coroutine_fn aio_co_call_bh(AioContext *ctx, QEMUBHFunc *cb, void *opaque);

#endif
