/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a coroutine, for those who schedule, queue and wake them. */
#ifndef BLOCK_COROUTINE_INT_H
#define BLOCK_COROUTINE_INT_H

#include "coroutine/coroutine.h"

#include <stdatomic.h>

/* A FIFO linked through `co_queue_next`; a coroutine is in at most one. All zero = empty. */
typedef struct CoroutineList {
  Coroutine *head;
  Coroutine *tail; /* meaningless while `head` is NULL */
} CoroutineList;

typedef enum CoroutineAction {
  COROUTINE_YIELD,
  COROUTINE_TERMINATE,
} CoroutineAction;

struct Coroutine {
  CoroutineEntry *entry;
  void *opaque;

  /* Saved by the switch while the coroutine (or the thread that it stands for) is not running. */
  void *stack_pointer;
  void *stack; /* mapping, lowest page inaccessible; NULL: the object stands for a thread */
  CoroutineAction action; /* why it last left; read by whoever had entered it */

  /* Who entered us; NULL while we are not entered. Belongs to the thread that runs us. */
  Coroutine *caller;

  /* Context in which we were last entered. Plain: written before every hand-over of the
   * coroutine (queue under a mutex, release operation) and read only behind one. */
  AioContext *ctx;

  /* Name of the function that has queued us for being entered, else NULL. Whoever sets it owns
   * the right to enter us next; a second one aborts. */
  _Atomic(const char *) scheduled;

  /* Coroutines of our context to be entered when we next yield or end. */
  CoroutineList co_queue_wakeup;

  /* Locks of ours that wait for nobody but us: 0 when we end. Belongs to whoever runs us, as does
   * the next one: are we a reader of the graph? Nobody can be one twice. */
  unsigned locks_held;
  bool holds_graph_rdlock;

  Coroutine *co_queue_next;     /* in a CoroutineList */
  Coroutine *co_scheduled_next; /* in AioContext.scheduled_coroutines */
};

/* coroutine.c: a coroutine with a stack of its own, laid out for its first entering. Its pool calls
 * them (coroutine_pool.c); everybody else goes through qemu_coroutine_create(). */
Coroutine *coroutine_new(void);
void coroutine_delete(Coroutine *co);

/* coroutine_pool.c: an ended coroutine whose stack is still mapped, or NULL if none is kept. */
Coroutine *coroutine_pool_take(void);

/* Keep an ended coroutine, or delete it when there are enough. */
void coroutine_pool_put(Coroutine *co);

static inline void coroutine_list_append(CoroutineList *list, Coroutine *co)
{
  co->co_queue_next = NULL;
  if (list->head) {
    list->tail->co_queue_next = co;
  } else {
    list->head = co;
  }
  list->tail = co;
}

/* Put `co` before all others. */
static inline void coroutine_list_push(CoroutineList *list, Coroutine *co)
{
  co->co_queue_next = list->head;
  if (!list->head) {
    list->tail = co;
  }
  list->head = co;
}

static inline Coroutine *coroutine_list_pop(CoroutineList *list)
{
  Coroutine *co = list->head;
  if (co) {
    list->head = co->co_queue_next;
    co->co_queue_next = NULL;
  }
  return co;
}

/* Put all of `source` before all of `list`; `source` is empty afterwards. */
static inline void coroutine_list_prepend(CoroutineList *list, CoroutineList *source)
{
  if (!source->head) {
    return;
  }
  source->tail->co_queue_next = list->head;
  if (!list->head) {
    list->tail = source->tail;
  }
  list->head = source->head;
  source->head = NULL;
}

#endif
