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

#include <stdbool.h>
#include <stdint.h>

typedef struct QEMUBH QEMUBH;

typedef void QEMUBHFunc(void *opaque);

/* ------------------------------------------------------------------ life cycle */

/* A context with one reference, the caller's. It counts readers of the graph from now on. */
AioContext *aio_context_new(void);

void aio_context_ref(AioContext *ctx);

/* Drop a reference; any thread. With the last one the context goes: nothing may be left to run in
 * it, and no coroutine may live there. */
void aio_context_unref(AioContext *ctx);

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

/* Have it not called, unless its home thread is already about to. Any thread. */
void qemu_bh_cancel(QEMUBH *bh);

/* Have it not called, and freed by its context. Any thread; do not touch `bh` afterwards. */
void qemu_bh_delete(QEMUBH *bh);

/* Run all bottom halves that are scheduled now. Home thread only. Returns whether one ran. A
 * nested call also runs what the outer one has not yet got to. */
bool aio_bh_poll(AioContext *ctx);

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
