/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Coroutine actors: each performs its script inside a coroutine of the target and ends. Who holds
 * the lock at the end of its script releases it first.
 */
#include "blocks.h"
#include "aio.h"
#include "colocks.h"
#include "jobs.h"
#include "rules.h"

#include "aio/co_sleep.h"
#include "coroutine/coroutine_int.h"
#include "graph/graph_lock_int.h"

#include <time.h>

enum { NS_PER_US = 1000 };

static void script_run(void *opaque);
static void read_unlock(GhostCoroutine *self);
static bool holds_lock(const GhostCoroutine *self);

/* `actor` is a coroutine. */
static GhostCoroutine *self_of(unsigned actor)
{
  return &ghost.coroutines[actor - ACTOR_CO_FIRST];
}

static unsigned number_of(const GhostCoroutine *self)
{
  return (unsigned)(self - ghost.coroutines);
}

bool coroutines_ended(void)
{
  for (unsigned i = 0; i < COROUTINES; i++) {
    if (ghost.coroutines[i].state == ACTOR_STARTED) {
      return false;
    }
  }
  return true;
}

unsigned coroutine_task_above(uint32_t coroutines, unsigned after)
{
  unsigned lowest = 0;

  for (unsigned i = 0; i < COROUTINES; i++) {
    unsigned task = ghost.coroutines[i].task;
    if (coroutines >> i & 1 && task > after && (!lowest || task < lowest)) {
      lowest = task;
    }
  }
  return lowest;
}

/* ------------------------------------------------------------------ starting */

bool op_start(unsigned actor, const ds_operation *op)
{
  (void)actor;
  uint32_t usable = 0;
  for (unsigned i = 0; i < COROUTINES; i++) {
    if (ghost.coroutines[i].state == ACTOR_NEW && ds_has_program(ACTOR_CO_FIRST + i)) {
      usable |= 1u << (i + 1); /* "co1" is 1 */
    }
  }
  unsigned chosen = choose(op->a, usable, 0);
  unsigned where = context_choose(op->b, NO_CONTEXT);
  if (chosen == 0) {
    return false;
  }
  if (chosen != op->a || where != op->b) {
    ds_note("start co%u ctx%u", chosen, where);
  }

  GhostCoroutine *co = &ghost.coroutines[chosen - 1];
  co->task = (uint16_t)ds_task_create("co", chosen);
  co->co = qemu_coroutine_create(script_run, co);
  ds_task_parks(co->task, &co->co->stack_pointer, 5, 6); /* coroutine_x86_64.S pushes rbp first */
  co->state = ACTOR_STARTED;
  co->home = NO_CONTEXT;
  co->arrives = (uint8_t)where;
  ds_name(&co->co->scheduled, sizeof(void *), "co%u.scheduled", chosen);

  context_enter(where);
  aio_co_schedule(ghost.contexts[where].ctx, co->co);
  context_leave(where);
  return true;
}

static void script_run(void *opaque)
{
  GhostCoroutine *self = opaque;

  ds_task_bind_stack(self->task);
  self->home = self->arrives;
  self->arrives = NO_CONTEXT;
  rule_affinity(self->home);
  perform_script(ACTOR_CO_FIRST + number_of(self));
  colocks_release(number_of(self));
  if (holds_lock(self)) {
    read_unlock(self);
  }
  sections_end_all(ACTOR_CO_FIRST + number_of(self));
  self->state = ACTOR_ENDED;
  ds_task_end(self->task);
}

/* ------------------------------------------------------------------ operations */

bool op_rdlock(unsigned actor, const ds_operation *op)
{
  GhostCoroutine *self = self_of(actor);

  (void)op;
  if (holds_lock(self)) {
    return false;
  }
  ds_task_waits(self->task, "bdrv_graph_co_rdlock: the writer", 0, MAIN_THREAD);
  self->in_lock = true;
  bdrv_graph_co_rdlock();
  self->in_lock = false;
  ghost.lock.holders |= 1u << number_of(self);
  ds_task_waits(self->task, NULL, 0, -1);
  rule_reader_entered(number_of(self));
  rule_conservation();
  return true;
}

bool op_rdunlock(unsigned actor, const ds_operation *op)
{
  GhostCoroutine *self = self_of(actor);

  (void)op;
  if (!holds_lock(self)) {
    return false;
  }
  read_unlock(self);
  return true;
}

static void read_unlock(GhostCoroutine *self)
{
  if (ghost.lock.wrlock_depth > 0 && ds_thread_in_poll(MAIN_THREAD)) {
    ds_mark(0); /* a writer sleeps until we leave */
  }
  ghost.lock.holders &= ~(1u << number_of(self));
  self->in_unlock = true;
  bdrv_graph_co_rdunlock();
  self->in_unlock = false;
  rule_conservation();
}

static bool holds_lock(const GhostCoroutine *self)
{
  return ghost.lock.holders >> number_of(self) & 1;
}

bool op_walk(unsigned actor, const ds_operation *op)
{
  const GhostCoroutine *self = self_of(actor);

  if (!holds_lock(self)) {
    return false;
  }
  rule_reader_entered(number_of(self));
  walk_node(op->a);
  rule_reader_entered(number_of(self));
  return true;
}

bool op_migrate(unsigned actor, const ds_operation *op)
{
  GhostCoroutine *self = self_of(actor);
  unsigned where = context_choose(op->a, self->home);

  if (where == NO_CONTEXT) {
    return false;
  }
  if (where != op->a) {
    ds_note("migrate ctx%u", where);
  }
  self->arrives = (uint8_t)where;
  ds_task_waits(self->task, "aio_co_reschedule_self: the other context", 0, -1);
  aio_co_reschedule_self(ghost.contexts[where].ctx);
  ds_task_waits(self->task, NULL, 0, -1);
  self->home = (uint8_t)where;
  self->arrives = NO_CONTEXT;
  rule_affinity(where);
  return true;
}

bool op_yield(unsigned actor, const ds_operation *op)
{
  GhostCoroutine *self = self_of(actor);

  (void)op;
  ds_task_waits(self->task, "qemu_coroutine_yield: its own context", 0, -1);
  aio_co_schedule(ghost.contexts[self->home].ctx, self->co);
  qemu_coroutine_yield();
  ds_task_waits(self->task, NULL, 0, -1);
  return true;
}

/* In a coroutine its context goes on meanwhile; elsewhere the whole thread sleeps. */
bool op_sleep(unsigned actor, const ds_operation *op)
{
  struct timespec duration = {.tv_nsec = (op->a + 1) * NS_PER_US};

  if (actor == ACTOR_MAIN_FIRST || actor - ACTOR_VCPU_FIRST < ACTOR_VCPU_COUNT) {
    nanosleep(&duration, NULL);
    return true;
  }
  if (!is_coroutine(actor)) {
    return false;
  }
  const GhostCoroutine *self = self_of(actor);
  ds_task_waits(self->task, "qemu_co_sleep_ns: its timer", 0, -1);
  qemu_co_sleep_ns(duration.tv_nsec);
  ds_task_waits(self->task, NULL, 0, -1);
  return true;
}

/* ------------------------------------------------------------------ the pool */

/* Set-up: before anybody else has begun. Who then still uses a coroutine that has ended is not
 * found out in this run; who uses a stack before it is free, is. */
bool op_keep_coroutines(unsigned actor, const ds_operation *op)
{
  bool begun = actor != ACTOR_MAIN_FIRST || blocks.sent || ghost_jobs.created || ghost_aio.any_vcpu;

  for (unsigned i = 0; i < COROUTINES; i++) {
    begun |= ghost.coroutines[i].state != ACTOR_NEW;
  }
  for (unsigned i = 0; i < BOTTOM_HALVES; i++) {
    begun |= ghost.bottom_halves[i].state != ACTOR_NEW;
  }
  if (begun) {
    return false;
  }
  qemu_coroutine_inc_pool_size(op->a + 1u);
  return true;
}
