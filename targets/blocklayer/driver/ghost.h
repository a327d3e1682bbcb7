/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver's own picture of what the program has done so far: ghost state, which the target
 * does not know and the machine does not see. The rules (rules.c) compare it with the target.
 *
 * All of it is file-scope data and restored before every run, so it is kept small.
 */
#ifndef BLOCKLAYER_GHOST_H
#define BLOCKLAYER_GHOST_H

#include "driver.h"
#include "operations.h"

#include "graph/graph.h"
#include "aio/iothread.h"

#pragma GCC visibility push(hidden)

enum {
  MAIN_THREAD = 0,
  MAIN_CONTEXT = 0,
  CONTEXTS = 13, /* the main context, and how many a program may create in all */
  NO_CONTEXT = CONTEXTS,
  COROUTINES = ACTOR_CO_COUNT,
  BOTTOM_HALVES = ACTOR_BH_COUNT,
  NODES = 8, /* there from the start; what operands name */
  CREATED_NODES = 3,
  ALL_NODES = NODES + CREATED_NODES,
  POLL_DEPTH_MAX = 2, /* bottom halves nested deeper than this do not poll */
};

_Static_assert(COROUTINES <= 32, "GhostLock.holders is a 32-bit mask");
_Static_assert(ALL_NODES <= 16, "GhostGraph.children is an array of 16-bit masks");

typedef enum { CONTEXT_NONE, CONTEXT_LIVE, CONTEXT_CLOSING } ContextState;

typedef struct GhostContext {
  AioContext *ctx;
  IOThread *iothread; /* NULL: the main context */
  uint8_t state;      /* ContextState */
  uint8_t callers;    /* driver calls in progress that push something into it */
} GhostContext;

typedef enum { ACTOR_NEW, ACTOR_STARTED, ACTOR_ENDED } ActorState;

typedef struct GhostCoroutine {
  Coroutine *co; /* dangling once ended */
  uint16_t task;
  uint8_t state;   /* ActorState */
  uint8_t home;    /* context where it lives; NO_CONTEXT before it first runs */
  uint8_t arrives; /* context that it is on its way to, or NO_CONTEXT */
  bool in_lock;    /* inside bdrv_graph_co_rdlock() */
  bool in_unlock;  /* inside bdrv_graph_co_rdunlock() */
} GhostCoroutine;

typedef struct GhostBottomHalf {
  uint16_t task;
  uint8_t state; /* ActorState */
  uint8_t home;
} GhostBottomHalf;

/* The lock as it ought to be. */
typedef struct GhostLock {
  uint32_t holders;     /* bit i: coroutine i is a reader */
  uint8_t writer;       /* actor that holds the write lock, or NO_WRITER */
  uint8_t wrlock_depth; /* calls of bdrv_graph_wrlock() in progress, nested ones too */
  uint8_t writers;      /* calls that returned so far, modulo 256 */
  bool unregistering;   /* a counter is on its way into the orphans */
} GhostLock;

enum { NO_WRITER = 255 };

typedef struct GhostGraph {
  BlockDriverState *nodes[ALL_NODES]; /* NULL: not created, or gone */
  uint16_t children[ALL_NODES];       /* bit i: node i is an immediate child */
} GhostGraph;

typedef struct Ghost {
  GhostContext contexts[CONTEXTS];
  GhostCoroutine coroutines[COROUTINES];
  GhostBottomHalf bottom_halves[BOTTOM_HALVES];
  GhostLock lock;
  GhostGraph graph;
  uint8_t created;       /* contexts created so far, the main one included */
  uint8_t main_bh_depth; /* bottom halves of the main context that are on the stack */
  bool all_wait;         /* nothing can run, and all who have not ended wait for somebody to come */
  bool closing;          /* main's program is over and it polls until all have ended */
} Ghost;

extern Ghost ghost;

/* One operation of an actor; false: a precondition did not hold, nothing was done. */
typedef bool GhostOperation(unsigned actor, const ds_operation *op);

static inline bool is_coroutine(unsigned actor)
{
  return actor - ACTOR_CO_FIRST < ACTOR_CO_COUNT;
}

/* operations.c */
void actor_waits(unsigned actor, const char *what); /* for whom it does; NULL: no longer */
void perform_script(unsigned actor);                /* all operations of an actor, in order */

/* contexts.c */
void contexts_init(void); /* make the main context; the caller becomes the main thread */
unsigned context_choose(unsigned operand, unsigned except); /* live, not `except`; NO_CONTEXT */
void context_enter(unsigned index); /* the calling thread goes into a call on this context */
void context_leave(unsigned index); /* and has come back */
GhostOperation op_create_context, op_delete_context;
void contexts_reap(void);  /* delete what is closing and empty; main thread only */
void contexts_close(void); /* delete all; nothing lives in any */

/* coroutines.c */
GhostOperation op_start, op_rdlock, op_rdunlock, op_walk, op_migrate, op_yield, op_sleep,
    op_keep_coroutines;
bool coroutines_ended(void); /* every one that was started */
/* The lowest task above `after` of these coroutines, 0 = none: for ds_task_holders(). */
unsigned coroutine_task_above(uint32_t coroutines, unsigned after);

/* bottom_halves.c */
GhostOperation op_post;
bool bottom_halves_ended(void); /* every one that was posted */

/* main_thread.c */
bool may_poll(void); /* not under the write lock, nor nested too deep for anybody to understand */
GhostOperation op_poll, op_wrlock, op_wrlock_drained, op_wrunlock;
void write_unlock(void);

/* nodes.c */
void nodes_init(void);
void nodes_close(void);
GhostOperation op_attach, op_detach;
uint32_t nodes_below(unsigned node);                    /* itself too; by the ghost graph */
uint32_t nodes_below_by_edges(unsigned node);           /* by the target's: ours may be late */
bool nodes_attachable(unsigned parent, unsigned child); /* no cycle, no second edge */
void walk_node(unsigned operand); /* walk and compare with the ghost graph (R1) */

/* The operand names an object if that one will do; else it is taken modulo those that will.
 * `usable` is a mask of objects; the result is the number of one, or `count` if there is none. */
unsigned choose(unsigned operand, uint32_t usable, unsigned count);

/* How many bits are set; not the compiler's, which may call a function of its run-time library. */
static inline unsigned bits_set(uint32_t mask)
{
  unsigned count = 0;
  for (; mask; mask &= mask - 1) {
    count++;
  }
  return count;
}

#pragma GCC visibility pop

#endif
