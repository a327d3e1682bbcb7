/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual CPUs: threads without a context that take the BQL now and then, and are home threads of
 * the main context meanwhile. And what only home threads of the main context do: run it, wait.
 */
#include "aio.h"

#include "aio/aio_wait.h"
#include "aio/main_loop.h"
#include "callers.h"
#include "util/bql.h"
#include "util/thread.h"

enum { WAIT_STYLES = 5 };

/* ------------------------------------------------------------------ virtual CPUs */

static GhostVcpu *vcpu_of(unsigned actor)
{
  return &ghost_aio.vcpus[actor - ACTOR_VCPU_FIRST];
}

bool vcpu_has_bql(unsigned actor)
{
  return vcpu_of(actor)->has_bql;
}

static void *vcpu_run(void *opaque)
{
  GhostVcpu *self = opaque;

  self->thread_id = (uint8_t)ds_thread_self();
  perform_script(ACTOR_VCPU_FIRST + (unsigned)(self - ghost_aio.vcpus));
  if (self->has_bql) {
    self->has_bql = false;
    bql_unlock();
  }
  qemu_coroutine_pool_leave();
  self->state = ACTOR_ENDED;
  return NULL;
}

bool op_start_vcpu(unsigned actor, const ds_operation *op)
{
  (void)actor;
  uint32_t usable = 0;
  for (unsigned i = 0; i < VCPUS; i++) {
    if (ghost_aio.vcpus[i].state == ACTOR_NEW && ds_has_program(ACTOR_VCPU_FIRST + i)) {
      usable |= 1u << (i + 1); /* "vcpu1" is 1 */
    }
  }
  unsigned chosen = choose(op->a, usable, 0);
  if (chosen == 0) {
    return false;
  }
  if (chosen != op->a) {
    ds_note("start_vcpu vcpu%u", chosen);
  }
  GhostVcpu *vcpu = &ghost_aio.vcpus[chosen - 1];
  vcpu->state = ACTOR_STARTED;
  ghost_aio.any_vcpu = true;
  qemu_thread_create(&vcpu->thread, vcpu_run, vcpu);
  return true;
}

bool op_bql_lock(unsigned actor, const ds_operation *op)
{
  (void)op;
  bql_lock();
  vcpu_of(actor)->has_bql = true;
  ds_mark(AIO_MARK);
  return true;
}

bool op_bql_unlock(unsigned actor, const ds_operation *op)
{
  (void)op;
  vcpu_of(actor)->has_bql = false;
  bql_unlock();
  return true;
}

bool vcpus_ended(void)
{
  for (unsigned i = 0; i < VCPUS; i++) {
    if (ghost_aio.vcpus[i].state == ACTOR_STARTED) {
      return false;
    }
  }
  return true;
}

void vcpus_join(void)
{
  for (unsigned i = 0; i < VCPUS; i++) {
    if (ghost_aio.vcpus[i].state == ACTOR_ENDED) {
      qemu_thread_join(ghost_aio.vcpus[i].thread);
    }
  }
}

/* ------------------------------------------------------------------ polling and waiting */

/* The main thread's own script only: a bottom half may run in another home thread. */
bool op_main_loop(unsigned actor, const ds_operation *op)
{
  (void)op;
  if (actor != ACTOR_MAIN_FIRST || !may_poll()) {
    return false;
  }
  main_loop_wait(true);
  return true;
}

static void wait_ran(void *opaque)
{
  unsigned where = (unsigned)(uintptr_t)opaque % CONTEXTS;
  unsigned depth = (unsigned)(uintptr_t)opaque / CONTEXTS;

  rule_affinity(where);
  ghost_aio.wait_is_over[depth] = true;
}

static void wait_in_style(unsigned style, AioContext *where, void *opaque)
{
  switch (style) {
  case 0:
    aio_wait_bh_oneshot(where, wait_ran, opaque);
    return;
  case 1:
    caller_wait(where, where, wait_ran, opaque);
    return;
  case 2:
    caller_wait(where, qemu_get_aio_context(), wait_ran, opaque);
    return;
  case 3:
    caller_wait_locked(where, wait_ran, opaque);
    return;
  default:
    caller_wait_unlocked(where, wait_ran, opaque);
    return;
  }
}

/* Wait until a bottom half has run in another context, in one of five styles. */
bool op_wait(unsigned actor, const ds_operation *op)
{
  unsigned where = context_choose(op->a, NO_CONTEXT);

  (void)actor;
  if (!may_poll() || ghost_aio.waits == WAITS) {
    return false;
  }
  if (where != op->a) {
    ds_note("wait ctx%u", where);
  }
  unsigned depth = ghost_aio.waits++;
  ghost_aio.wait_is_over[depth] = false;
  context_enter(where);
  wait_in_style(op->b % WAIT_STYLES, ghost.contexts[where].ctx,
                (void *)(uintptr_t)(depth * CONTEXTS + where));
  context_leave(where);
  ghost_aio.waits--;
  ds_mark(AIO_MARK);
  return true;
}
