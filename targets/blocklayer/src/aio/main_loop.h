/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which context does a thread belong to? An IOThread belongs to the one that it runs, for ever.
 * The thread that called qemu_init_main_loop() is the main thread and belongs to the main context.
 * Other threads belong to none; but while one of them holds the BQL, it is a home thread of the
 * main context too. The main thread holds the BQL except while it sleeps in main_loop_wait(), so
 * there is never more than one that runs.
 */
#ifndef BLOCK_MAIN_LOOP_H
#define BLOCK_MAIN_LOOP_H

#include <stdbool.h>

typedef struct AioContext AioContext;

/* Create the main context; the caller becomes the main thread and takes the BQL. Once per process,
 * before any other thread exists. */
void qemu_init_main_loop(void);

/* Run the bottom halves that are left, drop the main context and the BQL. Main thread; every other
 * thread that knew the context has ended. */
void qemu_cleanup_main_loop(void);

/* One iteration of the main context by the main thread, which lets go of the BQL while it sleeps
 * (unless `nonblocking`: then it does not sleep). An aio_poll() of the main context keeps it. */
void main_loop_wait(bool nonblocking);

/* The main context. Any thread. */
AioContext *qemu_get_aio_context(void);

/* The context that the calling thread belongs to (now); NULL if to none. */
AioContext *qemu_get_current_aio_context(void);

/* The calling thread starts (or, with NULL, ceases) to run `ctx`. */
void qemu_set_current_aio_context(AioContext *ctx);

/* Is the calling thread one that may run `ctx` now? */
bool in_aio_context_home_thread(const AioContext *ctx);

/* Is the caller the main thread, or does it hold the BQL in its place? */
bool qemu_in_main_thread(void);

#endif
