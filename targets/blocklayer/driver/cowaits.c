/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Coroutines that wait for somebody to come: in a queue with a predicate, or in a bed. Who waits
 * holds no lock, so nothing else depends on it.
 */
#include "blocks.h"
#include "colocks.h"

#include "aio/aio.h"
#include "caller_memory.h"

enum { WITH_CO_MUTEX = 0, NS_PER_US = 1000 };

static void queue_leave(unsigned queue);
static void wake_outside(unsigned queue, unsigned wakeups);
static void nap_begin(unsigned self, const char *what);
static void read_letters(unsigned self);
static void nap_end(unsigned self);

static bool holds_nothing(unsigned self)
{
  return !(ghost.lock.holders >> self & 1) && !colocks_holds_any(self) &&
         !holds_section(ACTOR_CO_FIRST + self);
}

static void queue_lock(unsigned queue)
{
  if (queue == WITH_CO_MUTEX) {
    qemu_co_mutex_lock(&colocks.queue_co_mutex);
  } else {
    qemu_mutex_lock(&colocks.queue_mutex);
  }
}

static void queue_unlock(unsigned queue)
{
  if (queue == WITH_CO_MUTEX) {
    qemu_co_mutex_unlock(&colocks.queue_co_mutex);
  } else {
    qemu_mutex_unlock(&colocks.queue_mutex);
  }
}

/* ------------------------------------------------------------------ queues */

/* The queue's lock is held. */
static void queue_enter(unsigned queue, unsigned self, bool front)
{
  GhostQueue *ghosts = &colocks.ghost_queues[queue];

  for (unsigned i = front ? ghosts->count : 0; i > 0; i--) {
    ghosts->waiting[i] = ghosts->waiting[i - 1];
  }
  ghosts->waiting[front ? 0 : ghosts->count] = (uint8_t)self;
  ghosts->count++;
  ds_mark(3); /* there is no token */
  ghosts->sleepers |= 1u << self;
}

bool op_queue_wait(unsigned actor, const ds_operation *op)
{
  unsigned self = actor - ACTOR_CO_FIRST;
  unsigned queue = op->a % CO_QUEUES;
  bool front = op->b & 1;
  GhostQueue *ghosts = &colocks.ghost_queues[queue];

  if (colocks.closed || !holds_nothing(self)) {
    return false;
  }
  ds_task_waits(ghost.coroutines[self].task, "qemu_co_queue_wait: a token", 0, -1);
  queue_lock(queue);
  unsigned epoch = ghosts->epoch;
  while (ghosts->tokens == 0 && ghosts->epoch == epoch && !colocks.closed) {
    int flags = front ? CO_QUEUE_WAIT_FRONT : 0;
    queue_enter(queue, self, front);
    if (queue == WITH_CO_MUTEX) {
      qemu_co_queue_wait_flags(&colocks.queues[queue], &colocks.queue_co_mutex, flags);
    } else {
      qemu_co_queue_wait_flags(&colocks.queues[queue], &colocks.queue_mutex, flags);
    }
    ghosts->sleepers &= ~(1u << self);
    front = false; /* once */
  }
  ghosts->tokens = (uint8_t)(ghosts->tokens - (ghosts->tokens > 0));
  queue_unlock(queue);
  ds_task_waits(ghost.coroutines[self].task, NULL, 0, -1);
  return true;
}

bool op_queue_wake(unsigned actor, const ds_operation *op)
{
  unsigned queue = op->a % CO_QUEUES;
  GhostQueue *ghosts = &colocks.ghost_queues[queue];

  if (queue == WITH_CO_MUTEX && !is_coroutine(actor)) {
    return false;
  }
  if (ghosts->tokens == UINT8_MAX) {
    return false;
  }
  queue_lock(queue);
  ghosts->tokens++;
  if (!is_coroutine(actor)) {
    wake_outside(queue, 1);
  } else if (ghosts->count > 0) {
    queue_leave(queue);
    qemu_co_queue_next(&colocks.queues[queue]);
  }
  queue_unlock(queue);
  return true;
}

/* Whoever waits now is let go, token or not. */
bool op_queue_wake_all(unsigned actor, const ds_operation *op)
{
  unsigned queue = op->a % CO_QUEUES;
  GhostQueue *ghosts = &colocks.ghost_queues[queue];

  if (queue == WITH_CO_MUTEX && !is_coroutine(actor)) {
    return false;
  }
  queue_lock(queue);
  ghosts->epoch++;
  if (is_coroutine(actor)) {
    rule_queue_order(queue);
    ghosts->count = 0; /* all at once: none of them runs before we yield */
    qemu_co_queue_restart_all(&colocks.queues[queue]);
  } else {
    /* One by one: qemu_co_enter_all() ends when the queue is empty, and who is woken may queue
     * again at once. */
    wake_outside(queue, ghosts->count);
  }
  queue_unlock(queue);
  return true;
}

static void wake_outside(unsigned queue, unsigned wakeups)
{
  for (; wakeups > 0 && colocks.ghost_queues[queue].count > 0; wakeups--) {
    queue_leave(queue);
    qemu_co_enter_next(&colocks.queues[queue], &colocks.queue_mutex);
  }
}

/* The first one is about to be woken. */
static void queue_leave(unsigned queue)
{
  GhostQueue *ghosts = &colocks.ghost_queues[queue];

  rule_queue_order(queue);
  ghosts->count--;
  for (unsigned i = 0; i < ghosts->count; i++) {
    ghosts->waiting[i] = ghosts->waiting[i + 1];
  }
}

/* ------------------------------------------------------------------ beds */

bool op_nap(unsigned actor, const ds_operation *op)
{
  unsigned self = actor - ACTOR_CO_FIRST;

  (void)op;
  if (colocks.closed || !holds_nothing(self)) {
    return false;
  }
  nap_begin(self, "qemu_co_sleep: a wakeup");
  qemu_co_sleep(&colocks.beds[self]);
  rule_nap_ended(self);
  read_letters(self);
  nap_end(self);
  return true;
}

bool op_doze(unsigned actor, const ds_operation *op)
{
  unsigned self = actor - ACTOR_CO_FIRST;
  GhostBed *bed = &colocks.ghost_beds[self];
  uint16_t done_before = bed->wakes_done;

  ds_task_waits(ghost.coroutines[self].task, "qemu_co_sleep_ns_wakeable: its timer", 0, -1);
  qemu_co_sleep_ns_wakeable(&colocks.beds[self], (int64_t)(op->a + 1) * NS_PER_US);
  nap_end(self);
  bed->done_before = done_before; /* one that came since may have come behind this sleep */
  return true;
}

static void nap_begin(unsigned self, const char *what)
{
  ds_task_waits(ghost.coroutines[self].task, what, 0, -1);
  colocks.ghost_beds[self].napping = true;
}

static void nap_end(unsigned self)
{
  GhostBed *bed = &colocks.ghost_beds[self];

  ds_task_waits(ghost.coroutines[self].task, NULL, 0, -1);
  bed->napping = false;
  bed->begun_before = bed->wakes_begun;
  bed->done_before = bed->wakes_done;
}

_Static_assert(COROUTINES <= CALLER_BEDS, "each has a row of words for letters");

static void wake(unsigned coroutine)
{
  GhostBed *bed = &colocks.ghost_beds[coroutine];
  unsigned letter = bed->wakes_begun++;

  ds_mark(4); /* a sleeper, or one to come, is woken */
  if (letter < CALLER_LETTERS) {
    caller_writes(coroutine, letter);
  }
  qemu_co_sleep_wake(&colocks.beds[coroutine]);
  bed->wakes_done++;
  if (letter < CALLER_LETTERS) {
    bed->letters |= 1u << letter;
  }
}

/* No wake can come between the last step of the sleep and this: what is over was before it. */
static void read_letters(unsigned self)
{
  GhostBed *bed = &colocks.ghost_beds[self];

  for (unsigned i = 0; i < CALLER_LETTERS; i++) {
    if (bed->letters >> i & 1) {
      caller_reads(self, i);
    }
  }
  bed->letters = 0;
}

bool op_wake(unsigned actor, const ds_operation *op)
{
  uint32_t usable = 0;

  for (unsigned i = 0; i < COROUTINES; i++) {
    usable |= (uint32_t)(ghost.coroutines[i].state == ACTOR_STARTED && actor - ACTOR_CO_FIRST != i)
              << (i + 1); /* "co1" is 1 */
  }
  unsigned chosen = choose(op->a, usable, 0);
  if (chosen == 0) {
    return false;
  }
  if (chosen != op->a) {
    ds_note("wake co%u", chosen);
  }
  wake(chosen - 1);
  return true;
}

/* ------------------------------------------------------------------ calls */

static void call_cb(void *opaque)
{
  *(bool *)opaque = true;
}

bool op_call(unsigned actor, const ds_operation *op)
{
  unsigned self = actor - ACTOR_CO_FIRST;
  unsigned where = context_choose(op->a, NO_CONTEXT);
  bool called = false;

  if (where != op->a) {
    ds_note("call ctx%u", where);
  }
  ds_task_waits(ghost.coroutines[self].task, "aio_co_call_bh: the other context", 0, -1);
  ds_mark(5);
  context_enter(where);
  aio_co_call_bh(ghost.contexts[where].ctx, call_cb, &called);
  context_leave(where);
  ds_task_waits(ghost.coroutines[self].task, NULL, 0, -1);
  rule_called(self, called);
  return true;
}

/* ------------------------------------------------------------------ the end */

bool waits_only(void)
{
  bool any = false;

  for (unsigned i = 0; i < COROUTINES; i++) {
    if (ghost.coroutines[i].state != ACTOR_STARTED) {
      continue;
    }
    uint32_t queued = colocks.ghost_queues[0].sleepers | colocks.ghost_queues[1].sleepers;
    if (!colocks.ghost_beds[i].napping && !(queued >> i & 1)) {
      return false;
    }
    any = true;
  }
  return any && !colocks.closed;
}

static void close_first_queue(void *opaque)
{
  (void)opaque;
  queue_lock(WITH_CO_MUTEX);
  colocks.ghost_queues[WITH_CO_MUTEX].count = 0;
  qemu_co_queue_restart_all(&colocks.queues[WITH_CO_MUTEX]);
  queue_unlock(WITH_CO_MUTEX);
}

void waits_close(void)
{
  colocks.closed = true;
  for (unsigned i = 0; i < COROUTINES; i++) {
    if (colocks.ghost_beds[i].napping) {
      wake(i);
    }
  }
  queue_lock(!WITH_CO_MUTEX);
  wake_outside(!WITH_CO_MUTEX, colocks.ghost_queues[!WITH_CO_MUTEX].count);
  queue_unlock(!WITH_CO_MUTEX);
  qemu_coroutine_enter(qemu_coroutine_create(close_first_queue, NULL));
}
