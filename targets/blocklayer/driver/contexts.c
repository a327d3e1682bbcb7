/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contexts: created at once, deleted as soon as nobody lives there.
 *
 * A context in which a coroutine lives, sleeps or is about to arrive must not go: that is the
 * caller's duty, so the driver waits. A deleted context takes nothing new, and really goes at the
 * first moment at which it is empty and no push into it is in progress.
 */
#include "aio.h"
#include "aio_contexts.h"
#include "disks.h"
#include "jobs.h"
#include "rules.h"

#include "graph/graph_lock_int.h"
#include "aio/main_loop.h"

#include <stdio.h>

enum { LEFT_CHANNEL = CONTEXTS }; /* channels below: the contexts themselves (ds_publish) */

static bool context_is_empty(unsigned index);
static void context_destroy(unsigned index);
static void context_name(unsigned index);
static uint32_t live_contexts(void);

void contexts_init(void)
{
  /* None is kept: who still uses a coroutine that has ended shall find its memory gone. */
  qemu_coroutine_dec_pool_size(COROUTINE_POOL_FIRST_SIZE);
  qemu_init_main_loop();
  ghost.contexts[MAIN_CONTEXT] =
      (GhostContext){.ctx = qemu_get_aio_context(), .state = CONTEXT_LIVE};
  ghost.created = 1;
  context_name(MAIN_CONTEXT);
  ds_name(&bdrv_graph_lock.has_writer, sizeof(int), "graph.has_writer");
  ds_name(&bdrv_graph_lock.list_mutex, sizeof(QemuMutex), "graph.list_mutex");
  ds_name(&bdrv_graph_lock.orphaned_reader_count, sizeof(uint32_t), "graph.orphaned_reader_count");
}

unsigned context_choose(unsigned operand, unsigned except)
{
  uint32_t usable = live_contexts();
  if (except < CONTEXTS) {
    usable &= ~(1u << except);
  }
  unsigned index = choose(operand, usable, NO_CONTEXT);
  if (index != NO_CONTEXT) {
    ds_receive(index);
  }
  return index;
}

/* Between enter and leave a thread is inside a call on the context, which therefore stays. That it
 * has left is told to the main thread, as the caller of such an API must: see context_destroy(). */
void context_enter(unsigned index)
{
  ghost.contexts[index].callers++;
}

void context_leave(unsigned index)
{
  ghost.contexts[index].callers--;
  ds_publish(LEFT_CHANNEL + index);
}

static uint32_t live_contexts(void)
{
  uint32_t mask = 0;
  for (unsigned i = 0; i < ghost.created; i++) {
    mask |= (uint32_t)(ghost.contexts[i].state == CONTEXT_LIVE) << i;
  }
  return mask;
}

/* ------------------------------------------------------------------ operations */

bool op_create_context(unsigned actor, const ds_operation *op)
{
  (void)actor, (void)op;
  if (ghost.created == CONTEXTS) {
    return false;
  }
  unsigned index = ghost.created++;
  GhostContext *context = &ghost.contexts[index];
  context->iothread = iothread_create();
  context->ctx = iothread_get_aio_context(context->iothread);
  context->state = CONTEXT_LIVE;
  context_name(index);
  ds_publish(index);
  return true;
}

bool op_delete_context(unsigned actor, const ds_operation *op)
{
  (void)actor;
  unsigned index = context_choose(op->a, MAIN_CONTEXT);
  if (index == NO_CONTEXT) {
    return false;
  }
  if (index != op->a) {
    ds_note("delete_context ctx%u", index);
  }
  ghost.contexts[index].state = CONTEXT_CLOSING; /* goes in contexts_reap() */
  return true;
}

/* ------------------------------------------------------------------ the end of a context */

void contexts_reap(void)
{
  for (unsigned i = 1; i < ghost.created; i++) {
    if (ghost.contexts[i].state == CONTEXT_CLOSING && context_is_empty(i)) {
      ds_mark(AIO_MARK);
      ghost.contexts[i].state = CONTEXT_NONE;
      iothread_stop(ghost.contexts[i].iothread);
      context_destroy(i);
    }
  }
}

void contexts_close(void)
{
  /* Stop all before the first goes: a loop may still be in the middle of pushing a coroutine,
   * which has ended since, into another loop's context. */
  for (unsigned i = 1; i < ghost.created; i++) {
    if (ghost.contexts[i].state != CONTEXT_NONE) {
      iothread_stop(ghost.contexts[i].iothread);
    }
  }
  for (unsigned i = 1; i < ghost.created; i++) {
    if (ghost.contexts[i].state != CONTEXT_NONE) {
      ghost.contexts[i].state = CONTEXT_NONE;
      context_destroy(i);
    }
  }
}

/* Drop a stopped context: R3, then R2. */
static void context_destroy(unsigned index)
{
  GhostContext *context = &ghost.contexts[index];
  uint32_t orphans = bdrv_graph_lock.orphaned_reader_count;
  uint32_t counter =
      atomic_load_explicit(&context->ctx->bdrv_graph->reader_count, memory_order_relaxed);

  ds_note("ctx%u goes with %d readers on its counter", index, (int)counter);
  ds_receive(LEFT_CHANNEL + index);
  aio_context_leaves(index);
  ghost.lock.unregistering = true;
  iothread_destroy(context->iothread);
  ghost.lock.unregistering = false;
  *context = (GhostContext){0};
  rule_orphans(index, orphans, counter);
  rule_conservation();
}

static bool context_is_empty(unsigned index)
{
  const GhostContext *context = &ghost.contexts[index];

  /* A reference besides the IOThread's own: somebody is still inside aio_co_schedule(). */
  if (jobs_live_in(index) || nodes_live_in(index) || disks_live_in(index) || context->callers ||
      !aio_context_is_quiet(index) ||
      atomic_load_explicit(&context->ctx->refs, memory_order_relaxed) > 1) {
    return false;
  }
  for (unsigned i = 0; i < COROUTINES; i++) {
    const GhostCoroutine *co = &ghost.coroutines[i];
    if (co->state == ACTOR_STARTED && (co->home == index || co->arrives == index)) {
      return false;
    }
  }
  for (unsigned i = 0; i < BOTTOM_HALVES; i++) {
    const GhostBottomHalf *bh = &ghost.bottom_halves[i];
    if (bh->state == ACTOR_STARTED && bh->home == index) {
      return false;
    }
  }
  return true;
}

/* ------------------------------------------------------------------ words */

static void context_name(unsigned index)
{
  AioContext *ctx = ghost.contexts[index].ctx;
  char name[16];

  if (!ds_wants_words()) {
    return;
  }
  snprintf(name, sizeof(name), index == MAIN_CONTEXT ? "main" : "ctx%u", index);
  ds_name(&ctx->bdrv_graph->reader_count, sizeof(uint32_t), "%s.reader_count", name);
  ds_name(&ctx->refs, sizeof(ctx->refs), "%s.refs", name);
  ds_name(&ctx->notify_me, sizeof(ctx->notify_me), "%s.notify_me", name);
  ds_name(&ctx->notified, sizeof(ctx->notified), "%s.notified", name);
  ds_name(&ctx->bh_list, sizeof(void *), "%s.bh_list", name);
  ds_name(&ctx->scheduled_coroutines, sizeof(void *), "%s.scheduled_coroutines", name);
  ds_name(&ctx->co_schedule_bh->flags, sizeof(unsigned), "%s.co_schedule_bh", name);
}
