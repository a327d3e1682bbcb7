/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of an AioContext, for the files that make it up. */
#ifndef BLOCK_AIO_INT_H
#define BLOCK_AIO_INT_H

#include "aio/aio.h"

#include <stdatomic.h>

typedef struct BdrvGraphRWlock BdrvGraphRWlock;
typedef struct BHListSlice BHListSlice;
typedef struct QEMUTimer QEMUTimer;

/* QEMUBH.flags */
enum {
  BH_PENDING = 1 << 0,   /* in the context's list: do not insert it again */
  BH_SCHEDULED = 1 << 1, /* call the callback */
  BH_DELETED = 1 << 2,   /* free it, do not call it */
  BH_ONESHOT = 1 << 3,   /* free it after the call */
};

struct QEMUBH {
  AioContext *ctx;
  QEMUBHFunc *cb;
  void *opaque;
  QEMUBH *next; /* in the context's list or in a slice; only while BH_PENDING */
  _Atomic unsigned flags;
};

/* Bottom halves that one aio_bh_poll() took from the list; on its stack. */
struct BHListSlice {
  QEMUBH *head;
  BHListSlice *next; /* taken by a nested aio_bh_poll(), therefore later */
};

/* Calls cb(opaque) once, in the home thread; owned by whoever armed it. */
struct QEMUTimer {
  int64_t expire_ns; /* CLOCK_MONOTONIC */
  QEMUBHFunc *cb;
  void *opaque;
  QEMUTimer *next;
};

struct AioContext {
  _Atomic uint32_t refs;

  /* The notifier. `pollers` counts the blocking aio_poll() calls in progress (only nesting makes it
   * more than one); home thread only. `notify_me` is its copy for the others. `notified` is set by
   * aio_notify() and cleared by the home thread before it looks for work. The eventfd is written
   * if, after the setting of `notified`, anybody polls. */
  uint32_t pollers;
  _Atomic uint32_t notify_me;
  _Atomic bool notified;
  int notifier_fd;

  /* Last in, first out; pushed by any thread, taken as a whole by the home thread. */
  _Atomic(QEMUBH *) bh_list;
  BHListSlice *slices; /* taken and not yet run, oldest first; home thread only */

  /* Coroutines to enter, last in, first out; taken as a whole by `co_schedule_bh`. */
  _Atomic(Coroutine *) scheduled_coroutines;
  QEMUBH *co_schedule_bh;

  QEMUTimer *timers; /* earliest first; home thread only */

  /* Sections in progress in which nobody may poll, because whatever would run meanwhile could wait
   * for their end; home thread only. */
  uint32_t poll_forbidden;

  /* Readers of the graph in this context. Written by the home thread only, modulo 2^32; a cache
   * line of its own (graph_lock.c). */
  BdrvGraphRWlock *bdrv_graph;
};

/* Work for co_schedule_bh. */
void aio_co_schedule_bh_cb(void *opaque);

/* Take the right to enter `co` next; `who` names the taker. Aborts if somebody has it. */
void aio_co_claim(Coroutine *co, const char *who);

/* Give the right back, right before entering. */
void aio_co_unclaim(Coroutine *co);

/* Free every bottom half that is left, and `co_schedule_bh`. Aborts if one is not deleted. */
void aio_bh_finalize(AioContext *ctx);

/* Arm `timer` (home thread only). It must stay alive until it has been called. */
void aio_timer_arm(AioContext *ctx, QEMUTimer *timer, int64_t nanoseconds);

/* Do not call it, if it has not been called yet. Home thread only. */
void aio_timer_del(AioContext *ctx, QEMUTimer *timer);

#endif
