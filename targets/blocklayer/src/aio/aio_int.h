/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of an AioContext, for the files that make it up. */
#ifndef BLOCK_AIO_INT_H
#define BLOCK_AIO_INT_H

#include "aio/aio.h"
#include "util/lockcnt.h"
#include "util/thread.h"

#include <poll.h>
#include <stdatomic.h>

typedef struct AioHandler AioHandler;
typedef struct AioHandlerSet AioHandlerSet;
typedef struct BdrvGraphRWlock BdrvGraphRWlock;
typedef struct BHListSlice BHListSlice;
typedef struct ThreadPoolAio ThreadPoolAio;

/* QEMUBH.flags */
enum {
  BH_PENDING = 1 << 0,   /* in the context's list: do not insert it again */
  BH_SCHEDULED = 1 << 1, /* call the callback */
  BH_DELETED = 1 << 2,   /* free it, do not call it */
  BH_ONESHOT = 1 << 3,   /* free it after the call */
  BH_IDLE = 1 << 4,      /* may wait for BH_IDLE_MS; its call is no progress */
};

enum { BH_IDLE_MS = 10 };

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

/* The armed timers of a context. */
typedef struct AioTimers {
  QemuMutex lock; /* protects the list and everything in it */
  QEMUTimer *first;
  _Atomic int64_t deadline_ns; /* when the first one expires, or TIMER_NEVER */
} AioTimers;

#define TIMER_NEVER INT64_MAX

/* One descriptor's handler. Never changed once it is in the list, except as said. */
struct AioHandler {
  int fd;
  IOHandler *io_read;
  IOHandler *io_write;
  AioPollFn *io_poll;
  IOHandler *io_poll_ready;
  void *opaque;
  _Atomic(AioHandler *) next; /* in AioContext.handlers; written under `list_lock` */

  _Atomic bool deleted;     /* do not call it; written under `list_lock` */
  AioHandler *next_deleted; /* in AioContext.deleted_handlers; under `list_lock` */

  /* Home thread only. */
  AioHandlerSet *ready_in; /* the innermost poll that found it ready and will call it */
  bool poll_ready;         /* its io_poll() said so */
  bool in_poll_ready;      /* io_poll_ready() is on the stack: do not ask it */
};

enum { HANDLERS_FEW = 8 };

/* What one poll waits for; on its stack. Number 0 is the context's notifier. */
struct AioHandlerSet {
  struct pollfd *fds;
  AioHandler **nodes; /* NULL: a descriptor without handler */
  unsigned count;
  unsigned size;
  bool visiting; /* counted in `list_lock` */
  bool can_poll; /* somebody has an io_poll() */
  struct pollfd few_fds[HANDLERS_FEW];
  AioHandler *few_nodes[HANDLERS_FEW];
};

/* AioContext.notify_me: one bit and a counter. */
enum {
  NOTIFY_ME_MAIN_LOOP = 1, /* the main thread is in main_loop_wait() */
  NOTIFY_ME_POLLER = 2,    /* a blocking aio_poll() */
};

/* One iteration of the loop; on the stack of whoever polls. */
typedef struct AioPoll {
  AioHandlerSet handlers;
  int64_t deadline_ns; /* of the first timer when we looked */
  int timeout_ms;
  int ready;    /* what poll() returned */
  unsigned who; /* what was added to `notify_me` */
} AioPoll;

struct AioContext {
  _Atomic uint32_t refs;

  /* Recursive; see aio_context_acquire(). `lock_owner` is the address of a thread-local variable
   * of who holds it, and NULL while nobody does; `lock_depth` is the owner's. */
  QemuRecMutex lock;
  _Atomic(const void *) lock_owner;
  unsigned lock_depth;

  /* The notifier. `pollers` is a sum of NOTIFY_ME_...: who waits in poll(), or is about to; home
   * thread only. `notify_me` is its copy for the others. `notified` is set by aio_notify() and
   * cleared by the home thread before it looks for work. The eventfd is written if, after the
   * setting of `notified`, anybody polls. */
  uint32_t pollers;
  _Atomic uint32_t notify_me;
  _Atomic bool notified;
  EventNotifier notifier;

  /* Last in, first out; pushed by any thread, taken as a whole by the home thread. */
  _Atomic(QEMUBH *) bh_list;
  BHListSlice *slices; /* taken and not yet run, oldest first; home thread only */

  /* Coroutines to enter, last in, first out; taken as a whole by `co_schedule_bh`. */
  _Atomic(Coroutine *) scheduled_coroutines;
  QEMUBH *co_schedule_bh;

  /* Handlers, newest first. Walkers visit, who changes the list locks. */
  QemuLockCnt list_lock;
  _Atomic(AioHandler *) handlers;
  AioHandler *deleted_handlers; /* still in the list; under `list_lock` */
  _Atomic int64_t poll_max_ns;  /* busy polling: at most so long */
  _Atomic unsigned poll_max_rounds;

  AioTimers timers;
  ThreadPoolAio *thread_pool; /* NULL until it is first used; home thread only */

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

/* Is everything in the list and in the slices idle? */
bool aio_bh_only_idle(const AioContext *ctx);

/* Free every bottom half that is left, and `co_schedule_bh`. Aborts if one is not deleted. */
void aio_bh_finalize(AioContext *ctx);

/* The four steps of an iteration (aio_poll.c); home thread only, `aio_poll_sleep` anybody's. `who`:
 * NOTIFY_ME_..., or 0: do not sleep. */
void aio_poll_announce(AioContext *ctx, AioPoll *poll, unsigned who);
void aio_poll_sleep(AioPoll *poll);
void aio_poll_check(AioContext *ctx, AioPoll *poll);
bool aio_dispatch(AioContext *ctx, AioPoll *poll);

/* Has somebody notified whom nobody has accepted yet? */
bool aio_is_notified(const AioContext *ctx);

/* aio_notify(), unless the caller is the home thread and knows that nobody sleeps. */
void aio_notify_sleepers(AioContext *ctx);

/* aio_handlers.c; home thread only. From visit to leave no handler of the set is freed. */
void aio_handlers_visit(AioContext *ctx, AioHandlerSet *set);
void aio_handlers_also(AioHandlerSet *set, int fd);      /* wake up for this one too */
bool aio_busy_poll(AioContext *ctx, AioHandlerSet *set); /* is one ready? */
bool aio_handlers_dispatch(AioContext *ctx, AioHandlerSet *set, bool any_fd);
void aio_handlers_leave(AioContext *ctx, AioHandlerSet *set);
void aio_handlers_finalize(AioContext *ctx);

/* aio_timer.c */
void aio_timers_init(AioContext *ctx);
void aio_timers_finalize(AioContext *ctx);
int64_t aio_timers_deadline_ns(const AioContext *ctx);
bool aio_run_timers(AioContext *ctx, int64_t deadline_ns); /* nothing if that was TIMER_NEVER */

/* thread_pool.c: end its threads; no request is left. */
void thread_pool_free_aio(ThreadPoolAio *pool);

/* main_loop.c: the main thread sleeps in main_loop_wait(), and shall look at everything again. */
void main_loop_wake(void);

#endif
