/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Coroutines: functions with a stack of their own that give up the processor only where they say
 * so. Whoever enters a coroutine runs it, in the same thread, until it yields or ends.
 *
 * A coroutine may be entered by one thread now and by another one later, never by two at a time.
 * Who hands it over (aio_co_schedule(), a queue under a mutex) makes everything that it did before
 * visible to whoever enters it next. Functions marked `coroutine_fn` run inside a coroutine.
 */
#ifndef BLOCK_COROUTINE_H
#define BLOCK_COROUTINE_H

#include "util/util.h"

#include <stdbool.h>

typedef struct AioContext AioContext;
typedef struct Coroutine Coroutine;

typedef void coroutine_fn CoroutineEntry(void *opaque);

/* A coroutine that will call entry(opaque) when it is first entered. It is freed, or kept for the
 * next one, when that function has returned; one that is never entered is never freed. */
Coroutine *qemu_coroutine_create(CoroutineEntry *entry, void *opaque);

/*
 * Run `co` here and now, as part of `ctx`, until it yields or ends; then run the coroutines that
 * it woke meanwhile (and those that these woke: depth first). `co` must not be running, and
 * nobody may have it scheduled.
 */
void qemu_aio_coroutine_enter(AioContext *ctx, Coroutine *co);

/* The same, as part of the calling thread's own context. */
void qemu_coroutine_enter(Coroutine *co);

/* Return to whoever entered us; goes on when somebody enters us again. */
void coroutine_fn qemu_coroutine_yield(void);

/* The running coroutine; outside of coroutines an object that stands for the thread itself. */
Coroutine *qemu_coroutine_self(void);

bool qemu_in_coroutine(void);

/* Is `co` on the stack of the calling thread: running, or having entered another one? */
bool qemu_coroutine_entered(const Coroutine *co);

/* How many ended coroutines are kept for all threads before anybody changes that. */
enum { COROUTINE_POOL_FIRST_SIZE = 64 };

/*
 * Keep that many more, or fewer, ended coroutines for whoever creates the next ones. Set-up: while
 * no other thread has to do with coroutines. What is kept hides whoever still uses a coroutine that
 * has ended; with none kept its memory is gone.
 */
void qemu_coroutine_inc_pool_size(unsigned coroutines);
void qemu_coroutine_dec_pool_size(unsigned coroutines);

/* Free what the calling thread keeps; it will not create or end coroutines any more. */
void qemu_coroutine_pool_leave(void);

/* The same, and what is kept for all. The last thread that has to do with coroutines. */
void qemu_coroutine_pool_cleanup(void);

#endif
