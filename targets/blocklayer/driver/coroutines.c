/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Coroutine actors: each performs its script inside a coroutine of the target and ends. Who holds
 * the lock at the end of its script releases it first.
 */
#include "rules.h"

#include "coroutine_int.h"
#include "graph_lock_int.h"

#include <stdio.h>

enum { NS_PER_US = 1000 };

static void script_run(void *opaque);
static bool perform(GhostCoroutine *self, unsigned actor, const ds_operation *op);
static void read_lock(GhostCoroutine *self);
static void read_unlock(GhostCoroutine *self);
static bool migrate(GhostCoroutine *self, unsigned operand);
static void yield(GhostCoroutine *self);
static bool holds_lock(const GhostCoroutine *self);

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
  char name[16];
  snprintf(name, sizeof(name), "co%u", chosen);
  co->task = (uint16_t)ds_task_create(name);
  co->co = qemu_coroutine_create(script_run, co);
  co->state = ACTOR_STARTED;
  co->home = NO_CONTEXT;
  co->arrives = (uint8_t)where;
  ds_name(&co->co->scheduled, sizeof(void *), "%s.scheduled", name);

  context_enter(where);
  aio_co_schedule(ghost.contexts[where].ctx, co->co);
  context_leave(where);
  return true;
}

static void script_run(void *opaque)
{
  GhostCoroutine *self = opaque;
  unsigned actor = ACTOR_CO_FIRST + number_of(self);
  ds_operation op;

  ds_task_bind_stack(self->task);
  self->home = self->arrives;
  self->arrives = NO_CONTEXT;
  while (ds_next(actor, &op)) {
    if (!perform(self, actor, &op)) {
      ds_skip(actor);
    }
  }
  if (holds_lock(self)) {
    read_unlock(self);
  }
  self->state = ACTOR_ENDED;
  ds_task_end(self->task);
}

/* ------------------------------------------------------------------ operations */

static bool perform(GhostCoroutine *self, unsigned actor, const ds_operation *op)
{
  switch (op->code) {
  case OP_START:
    return op_start(actor, op);
  case OP_POST:
    return op_post(actor, op);
  case OP_MIGRATE:
    return migrate(self, op->a);
  case OP_YIELD:
    yield(self);
    return true;
  case OP_SLEEP:
    ds_task_waits(self->task, "qemu_co_sleep_ns: its timer", 0, -1);
    qemu_co_sleep_ns((op->a + 1) * NS_PER_US);
    ds_task_waits(self->task, NULL, 0, -1);
    return true;
  default:
    break;
  }
  if (op->code == OP_RDLOCK && !holds_lock(self)) {
    read_lock(self);
    return true;
  }
  if (op->code == OP_RDUNLOCK && holds_lock(self)) {
    read_unlock(self);
    return true;
  }
  if (op->code == OP_WALK && holds_lock(self)) {
    rule_reader_entered(number_of(self));
    walk_node(op->a);
    rule_reader_entered(number_of(self));
    return true;
  }
  return false;
}

static bool holds_lock(const GhostCoroutine *self)
{
  return ghost.lock.holders >> number_of(self) & 1;
}

static void read_lock(GhostCoroutine *self)
{
  ds_task_waits(self->task, "bdrv_graph_co_rdlock: the writer", 0, MAIN_THREAD);
  self->in_lock = true;
  bdrv_graph_co_rdlock();
  self->in_lock = false;
  ghost.lock.holders |= 1u << number_of(self);
  ds_task_waits(self->task, NULL, 0, -1);
  rule_reader_entered(number_of(self));
  rule_conservation();
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

static bool migrate(GhostCoroutine *self, unsigned operand)
{
  unsigned where = context_choose(operand, self->home);

  if (where == NO_CONTEXT) {
    return false;
  }
  if (where != operand) {
    ds_note("migrate ctx%u", where);
  }
  self->arrives = (uint8_t)where;
  ds_task_waits(self->task, "aio_co_reschedule_self: the other context", 0, -1);
  aio_co_reschedule_self(ghost.contexts[where].ctx);
  ds_task_waits(self->task, NULL, 0, -1);
  self->home = (uint8_t)where;
  self->arrives = NO_CONTEXT;
  return true;
}

static void yield(GhostCoroutine *self)
{
  ds_task_waits(self->task, "qemu_coroutine_yield: its own context", 0, -1);
  aio_co_schedule(ghost.contexts[self->home].ctx, self->co);
  qemu_coroutine_yield();
  ds_task_waits(self->task, NULL, 0, -1);
}
