/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which context does a thread belong to? An IOThread belongs to the one that it runs, for ever.
 * The thread that called qemu_init_main_loop() is the main thread and belongs to the main context.
 * Other threads belong to none.
 */
#ifndef BLOCK_MAIN_LOOP_H
#define BLOCK_MAIN_LOOP_H

#include <stdbool.h>

typedef struct AioContext AioContext;

/* Create the main context; the caller becomes the main thread. Once per process, before any
 * other thread exists. */
void qemu_init_main_loop(void);

/* Run the bottom halves that are left and drop the main context. Main thread; every other thread
 * that knew the context has ended. */
void qemu_cleanup_main_loop(void);

/* The main context. Any thread. */
AioContext *qemu_get_aio_context(void);

/* The context that the calling thread belongs to; NULL if to none. */
AioContext *qemu_get_current_aio_context(void);

/* The calling thread starts (or, with NULL, ceases) to run `ctx`. */
void qemu_set_current_aio_context(AioContext *ctx);

/* Does the calling thread run `ctx`? */
bool in_aio_context_home_thread(const AioContext *ctx);

/* Is the caller the main thread? */
bool qemu_in_main_thread(void);

#endif
