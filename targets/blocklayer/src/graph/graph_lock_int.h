/* SPDX-License-Identifier: Apache-2.0 */
/* What the graph lock is made of. */
#ifndef BLOCK_GRAPH_LOCK_INT_H
#define BLOCK_GRAPH_LOCK_INT_H

#include "graph/graph_lock.h"

#include "aio/aio_int.h"
#include "colock/co_queue.h"
#include "util/thread.h"

/* One per context. Alone on its cache line, or every reader would slow down all others. */
struct BdrvGraphRWlock {
  /* Readers that locked here minus readers that unlocked here, modulo 2^32. Only the context's home
   * thread writes it, so nobody needs a locked instruction. */
  _Alignas(CACHE_LINE_BYTES) _Atomic uint32_t reader_count;
  BdrvGraphRWlock *next; /* in BdrvGraphLock.counters; under `list_mutex` */
};

typedef struct BdrvGraphLock {
  /* 1 while a writer is inside, or about to be. Written by the main thread only; to 0 only under
   * `list_mutex`. On a cache line of its own, but for what writers alone use: readers read it. */
  _Alignas(CACHE_LINE_BYTES) _Atomic int has_writer;

  /* The writer that is inside has a drained section, which it ends when it leaves. Main thread. */
  bool writer_is_drained;

  /* Protects what follows, and sending a reader to sleep. A leaf: no other lock is taken under
   * it. */
  _Alignas(CACHE_LINE_BYTES) QemuMutex list_mutex;
  BdrvGraphRWlock *counters;      /* of all contexts */
  uint32_t orphaned_reader_count; /* what the counters of unregistered contexts summed up to */
  CoQueue reader_queue;           /* readers that wait for has_writer == 0 */
} BdrvGraphLock;

extern BdrvGraphLock bdrv_graph_lock;

/* `self` is about to take the read lock. Aborts if it may not. Inline, as the next one: a read
 * section costs little more than its two fences, and three calls would be as much again. */
static inline void reader_begins(Coroutine *self)
{
  assert(self->stack);               /* in a coroutine */
  assert(!self->holds_graph_rdlock); /* a writer in between, and we would wait for ourselves */
  self->holds_graph_rdlock = true;
  self->locks_held++;
}

/* `self` is about to release it. */
static inline void reader_ends(Coroutine *self)
{
  assert(self->stack);
  assert(self->holds_graph_rdlock);
  self->holds_graph_rdlock = false;
  self->locks_held--;
}

/* graph_lock_owner.c: who may poll? */

/* Between these the main thread must not poll. They nest. */
void poll_forbid(void);
void poll_allow(void);

#endif
