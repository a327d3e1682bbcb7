/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Coroutine locks, queues and beds as a program uses them, and their ghosts: who is inside, who
 * waits, since when. No program hangs by itself: locks are taken in order of their numbers; who
 * waits for somebody to come (queue, bed) holds nothing, and is let go at the end (waits_close()).
 */
#ifndef BLOCKLAYER_COLOCKS_H
#define BLOCKLAYER_COLOCKS_H

#include "ghost.h"

#include "aio/co_sleep.h"
#include "colock/co_queue.h"
#include "colock/co_rwlock.h"

#pragma GCC visibility push(hidden)

/* Numbers of locks: the mutexes, then the readers/writer locks. */
enum { CO_MUTEXES = 2, CO_RWLOCKS = 2, CO_LOCKS = CO_MUTEXES + CO_RWLOCKS, NO_LOCK = CO_LOCKS };
enum { CO_QUEUES = 2 };

typedef struct GhostColock {
  uint32_t readers; /* bit i: coroutine i reads */
  uint32_t writer;  /* the same for the writer, or for who holds the mutex: at most one bit */
} GhostColock;

typedef struct GhostLocker {
  uint8_t lock; /* inside a function of that lock, or NO_LOCK */
  bool waits;   /* to be let in */
  bool reads;   /* as a reader */
  /* Coroutines that slept in front of the lock when this one came, and have not been let in. */
  uint32_t ahead;
} GhostLocker;

typedef struct GhostQueue {
  uint8_t waiting[COROUTINES]; /* numbers of coroutines, in order */
  uint8_t count;
  uint8_t tokens;    /* the predicate: who waits takes one */
  uint8_t epoch;     /* or is let go when this changes */
  uint32_t sleepers; /* inside qemu_co_queue_wait() */
} GhostQueue;

typedef struct GhostBed {
  bool napping; /* inside qemu_co_sleep() */
  uint16_t wakes_begun, wakes_done;
  uint16_t begun_before, done_before; /* of these, when the last sleep ended */
  uint32_t letters;                   /* of wakes that are over, not read yet; bit i: of wake i */
} GhostBed;

typedef struct Colocks {
  CoMutex mutexes[CO_MUTEXES];
  CoRwlock rwlocks[CO_RWLOCKS];
  CoQueue queues[CO_QUEUES];
  CoMutex queue_co_mutex; /* of the first queue */
  QemuMutex queue_mutex;  /* of the second */
  QemuCoSleep beds[COROUTINES];

  GhostColock locks[CO_LOCKS];
  GhostLocker lockers[COROUTINES];
  GhostQueue ghost_queues[CO_QUEUES];
  GhostBed ghost_beds[COROUTINES];
  bool closed; /* nobody waits for anybody any more */
} Colocks;

extern Colocks colocks;

/* colocks.c */
void colocks_init(void);
GhostOperation op_co_lock, op_co_unlock, op_co_rdlock, op_co_wrlock, op_co_rwunlock, op_co_upgrade,
    op_co_downgrade;
void colocks_release(unsigned coroutine); /* all that it holds; at the end of its script */
bool colocks_holds_any(unsigned coroutine);

/* cowaits.c */
GhostOperation op_queue_wait, op_queue_wake, op_queue_wake_all, op_nap, op_doze, op_wake, op_call;
bool waits_only(void);  /* everybody who has not ended waits in a queue or a bed */
void waits_close(void); /* let them go; main thread, outside of coroutines */

/* rules_colocks.c */
void rule_let_in(unsigned coroutine, unsigned lock); /* R7, R8: right after it was */
void rule_handed_over(unsigned lock);                /* R8: right after a lock function */
void rule_queue_order(unsigned queue);               /* R9: its lock is held */
void rule_nap_ended(unsigned coroutine);             /* R10 */
void rule_colocks_idle(void);                        /* R7 to R10: nothing can run */
void rule_called(unsigned coroutine, bool called);   /* R11: aio_co_call_bh() has returned */
void rule_home(unsigned coroutine);                  /* R11: it runs */

/* The coroutine of that number has left its thread and not come back. */
static inline bool coroutine_sleeps(unsigned number)
{
  const GhostCoroutine *co = &ghost.coroutines[number];
  return co->state == ACTOR_STARTED && co->home != NO_CONTEXT && co->co->caller == NULL;
}

#pragma GCC visibility pop

#endif
