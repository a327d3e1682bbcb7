/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that does nothing but run one AioContext. */
#ifndef BLOCK_IOTHREAD_H
#define BLOCK_IOTHREAD_H

#include "aio/aio.h"

typedef struct IOThread IOThread;

/* A running IOThread with its context; returns when the loop is up. */
IOThread *iothread_create(void);

/* Its context; lives until iothread_destroy(), longer for who takes a reference. */
AioContext *iothread_get_aio_context(IOThread *iothread);

/*
 * End the loop and wait for the thread. Not called by the thread itself, and once. No coroutine
 * lives in the context, and nobody schedules anything there any more.
 */
void iothread_stop(IOThread *iothread);

/* Free a stopped IOThread and drop its reference to the context. */
void iothread_destroy(IOThread *iothread);

#endif
