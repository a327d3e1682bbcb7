/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The graph lock: many readers, in coroutines of any context, or the main thread as one writer.
 *
 * Reading is meant to be cheap: a reader writes only a counter of its own context. Writing is
 * rare and expensive: it polls the main loop until no reader is left. A coroutine may lock in one
 * context and unlock in another; only the sum over all contexts is the number of readers.
 *
 * Never: taking the lock recursively; polling or waiting for others while holding it. Each
 * coroutine knows whether it is a reader, so that all of this aborts at once.
 */
#ifndef BLOCK_GRAPH_LOCK_H
#define BLOCK_GRAPH_LOCK_H

#include "coroutine/coroutine.h"

/* From now on `ctx` may have readers. Called at the end of its creation. */
void register_aiocontext(AioContext *ctx);

/* `ctx` goes. Coroutines that locked there may still hold the lock, elsewhere: they stay counted.
 */
void unregister_aiocontext(AioContext *ctx);

/*
 * Wait until there is no reader and keep new ones out. Main thread, not in a coroutine. Polls the
 * main context: bottom halves run, coroutines go on, another writer may come and go. Meanwhile no
 * node gets new requests, whose coroutines would be new readers: however many keep coming, those
 * who are inside come to an end. Who sends requests must therefore hold nothing that a reader waits
 * for.
 */
void bdrv_graph_wrlock(void);

/* The same in a drained section of all nodes, which lasts until the unlock: for changes that must
 * meet no request. Not to be had by draining afterwards: that polls. */
void bdrv_graph_wrlock_drained(void);

/* Let readers in, waking those that wait, then run the main context's bottom halves; end the
 * drained section, if this writer has one. */
void bdrv_graph_wrunlock(void);

/* Become a reader; sleeps while there is a writer. */
void coroutine_fn bdrv_graph_co_rdlock(void);

/* Be a reader no longer; in any context. Never sleeps. */
void coroutine_fn bdrv_graph_co_rdunlock(void);

/*
 * A read section of the main thread, outside of coroutines. It costs nothing, because the only
 * writer is the main thread as well: all that it takes is not to poll in there, and that is
 * checked. Sections nest.
 */
void bdrv_graph_rdlock_main_loop(void);
void bdrv_graph_rdunlock_main_loop(void);

/* Abort unless the caller may change the graph. */
void assert_bdrv_graph_writable(void);

/* Abort unless the caller may follow edges: a coroutine that holds the read lock, or the main
 * thread outside of coroutines. */
void assert_bdrv_graph_readable(void);

/* Abort if the caller holds the lock in any way: it is about to wait for others (poll, drain), or
 * to do what may (drop a reference to a node). */
void assert_bdrv_graph_unlocked(void);

#endif
