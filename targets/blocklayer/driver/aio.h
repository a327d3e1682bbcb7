/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations of the group "aio" and their ghost: virtual CPUs that take the BQL, waiting, bells
 * (bottom halves that are scheduled again and again), descriptor handlers, timers, thread pool
 * requests.
 */
#ifndef BLOCKLAYER_AIO_GROUP_H
#define BLOCKLAYER_AIO_GROUP_H

#include "ghost.h"

#include "aio/thread_pool.h"
#include "util/lockcnt.h"

#pragma GCC visibility push(hidden)

enum {
  VCPUS = ACTOR_VCPU_COUNT,
  BELLS = 4,
  HANDLERS = 6,
  REQUESTS = 8,
  CO_REQUESTS = 3, /* of coroutines, each with a worker in the worst case */
  TIMERS = 3,
  ALARMS = 4,        /* timers of the heap */
  WAITS = 4,         /* nested in each other */
  POOL_THREADS = 2,  /* of the main context; others have pools of the default size */
  AIO_CHANNELS = 26, /* ds_publish(): behind those of contexts.c */
  TIMER_CHANNEL = 36,
  LIST_CHANNEL = 60,
  AIO_MARK = 2, /* ds_mark(): a loop did something for somebody */
};

typedef struct GhostVcpu {
  pthread_t thread;
  uint8_t state; /* ActorState */
  uint8_t thread_id;
  bool has_bql;
} GhostVcpu;

typedef struct GhostBell {
  QEMUBH *bh; /* NULL: none (any more) */
  uint8_t home;
  uint8_t users; /* calls in progress */
  uint16_t rung; /* times that it was scheduled */
  uint16_t seen; /* `rung` when it was last called */
} GhostBell;

typedef struct GhostHandler {
  EventNotifier notifier;
  uint8_t home; /* NO_CONTEXT: no handler (any more) */
  bool made;
  bool signalled; /* and not taken since; or it waits to write, and nobody has */
} GhostHandler;

typedef struct GhostTimer {
  QEMUTimer timer;
  int64_t due_ns; /* not to be called before */
  uint8_t home;
  uint8_t changing; /* calls in progress that arm or disarm it */
  uint16_t changes; /* calls that were begun */
  bool made;
  bool armed; /* its callback is to be called; meaningless while `changing` */
  bool sure;  /* its home thread has changed it last: no callback is on its way */
} GhostTimer;

typedef struct GhostRequest {
  uint8_t partner; /* its completion waits until this one's has begun, unless it is itself */
  BlockAIOCB *acb; /* valid while it is submitted and not completed */
  bool submitted;
  bool performed;     /* a worker is done with it */
  bool completed;     /* its completion has begun */
  bool returned;      /* its completion has ended */
  bool cancelled;     /* somebody has tried to */
  uint8_t cancelling; /* calls that wait for its completion */
} GhostRequest;

typedef struct GhostAio {
  GhostVcpu vcpus[VCPUS];
  GhostBell bells[BELLS];
  GhostHandler handlers[HANDLERS];
  GhostRequest requests[REQUESTS];
  GhostTimer timers[TIMERS];
  bool wait_is_over[WAITS];   /* what the wait waits for has happened */
  bool list_begun, list_made; /* who comes first makes it; only then others may visit it */
  bool main_pool;             /* the main context has its thread pool */
  uint8_t co_requests;
  uint8_t alarms_made;
  uint8_t bells_made;
  uint8_t handlers_made;
  uint8_t requests_made;
  uint8_t waits; /* in progress; the innermost one is the last */
  bool any_vcpu; /* so the main thread has to let go of the BQL */
} GhostAio;

extern GhostAio ghost_aio;

GhostOperation op_start_vcpu, op_bql_lock, op_bql_unlock, op_main_loop, op_wait;
GhostOperation op_hang_bell, op_ring, op_add_handler, op_remove_handler, op_signal, op_submit;
GhostOperation op_unhang, op_unring, op_ring_idle, op_add_poller, op_arm, op_disarm, op_cancel;
GhostOperation op_visit_list, op_submit_co, op_alarm, op_add_writer;

const QemuLockCnt *list_lockcnt(void); /* NULL: there is no list */
void list_close(void);

bool vcpu_has_bql(unsigned actor); /* of a vcpu actor */
bool vcpus_ended(void);            /* every one that was started */
void vcpus_join(void);

/* Is no bell of this context unanswered, and no timer armed? */
bool aio_context_is_quiet(unsigned index);
bool timers_are_quiet(unsigned index); /* timers.c: those of this context */
void timers_leave(unsigned index);     /* disarm those of this context */
/* The same of all, and no request under way. */
bool aio_is_quiet(void);
bool requests_completed(void); /* every one that was submitted */
void aio_group_close(void);    /* before the main context goes */
/* The context's thread has ended (or is us): take away what would outlive it. */
void aio_context_leaves(unsigned index);

/* rules_aio.c: R14 in a callback of this context; without a word, when nothing can run. */
void rule_affinity(unsigned context);
void rule_bells(void);
void rule_waiter(void);
void rule_handlers(void);
void rule_visitors(void);
void rule_performance(const GhostRequest *request);         /* R18, when a worker begins */
void rule_completion(const GhostRequest *request, int ret); /* R18, in it */
void rule_coroutines_request(int ret, int due);             /* R18, when it has returned */
void rule_requests(void);
void rule_timer_fires(const GhostTimer *timer); /* R50, in its callback */
void rule_alarm_fires(bool armed);              /* the same of one of the heap */
void rule_timers(void);

#pragma GCC visibility pop

#endif
