/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions that block, run by worker threads; one pool per AioContext, made when it is first used.
 * A worker belongs to no context and takes no BQL: it talks back through a bottom half of the
 * pool's context, where completions are called, once each.
 */
#ifndef BLOCK_THREAD_POOL_H
#define BLOCK_THREAD_POOL_H

#include "aio/aio.h"

/* A request under way. Freed when its completion has returned, unless somebody has a reference. */
typedef struct BlockAIOCB BlockAIOCB;

typedef int ThreadPoolFunc(void *opaque);
typedef void BlockCompletionFunc(void *opaque, int ret);

enum { THREAD_POOL_MAX_THREADS_DEFAULT = 64 };

/* Have a worker call func(arg), then cb(opaque, its result) in the caller's context, of which the
 * caller is the home thread. `cb` may be NULL. Poll until it has been called: a context does not
 * go while a request is under way. */
BlockAIOCB *thread_pool_submit_aio(ThreadPoolFunc *func, void *arg, BlockCompletionFunc *cb,
                                   void *opaque);

/* The same for coroutines: yields until the result is there. */
int coroutine_fn thread_pool_submit_co(ThreadPoolFunc *func, void *arg);

/* Ask for a request to be completed soon; if no worker has it yet, with -ECANCELED and without
 * func() having run. Home thread. Its completion is called later, exactly once, in any case. */
void bdrv_aio_cancel_async(BlockAIOCB *acb);

/* The same, and poll until the completion has returned. Not in a coroutine. */
void bdrv_aio_cancel(BlockAIOCB *acb);

/* At most so many workers (>= 1), before the first request. Home thread. */
void aio_context_set_thread_pool_params(AioContext *ctx, unsigned max_threads);

#endif
