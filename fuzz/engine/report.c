/* SPDX-License-Identifier: Apache-2.0 */
/* Who waits for what: collected when nothing can run, before the verdict is given. */
#include "machine.h"

#include <stdio.h>
#include <string.h>

enum { DEPTH = (int)(sizeof((ds_waiter *)0)->pc / sizeof(uint64_t)) };

/* Is `address` on a stack of this machine, with room for a frame record above it? */
static int on_stack(const ds_machine *m, uintptr_t address)
{
  return address - (uintptr_t)m->region < STACK_REGION + SLOT_REGION - 2 * sizeof(void *) &&
         address % sizeof(void *) == 0;
}

/* Follow frame pointers; only addresses inside the target are kept. */
static void walk_stack(const ds_machine *m, uintptr_t pc, uintptr_t frame, uint64_t *out)
{
  int depth = 0;

  if (module_offset(m, pc)) {
    out[depth++] = module_offset(m, pc);
  }
  for (int guard = 0; guard < 64 && depth < DEPTH && on_stack(m, frame); guard++) {
    const uintptr_t *record = (const uintptr_t *)frame;
    const uint64_t offset = module_offset(m, record[1]);
    if (offset && (depth == 0 || out[depth - 1] != offset)) {
      out[depth++] = offset;
    }
    if (record[0] <= frame && slot_of(m, frame) == slot_of(m, record[0])) {
      break; /* the same stack must be walked upwards */
    }
    frame = record[0];
  }
}

static ds_waiter *add_waiter(ds_machine *m)
{
  ds_waiter *w = &m->waiters[m->waiter_count++];

  memset(w, 0, sizeof *w);
  w->thread = w->holder = -1;
  return w;
}

static void report_thread(ds_machine *m, const fiber *f)
{
  ds_waiter *w = add_waiter(m);
  const uintptr_t *saved = f->sp; /* r15 r14 r13 r12 rbx rbp, return address: ds_switch() */
  const uintptr_t frame = f == m->current ? (uintptr_t)__builtin_frame_address(0) : saved[5];

  w->thread = f->id;
  w->kind = f->op.kind;
  w->task = (int32_t)task_of(m, f);
  if (f->op.kind == DS_EV_POLL && f->in_poll) {
    w->object = 0; /* a set of descriptors, on the stack */
  } else if (f->waits_kind == DS_EV_WAIT) {
    w->object = canonical(m, (uintptr_t)f->waits_on);
    w->kind = DS_EV_WAIT;
  } else {
    w->object = canonical(m, (uintptr_t)f->op.object);
  }
  if (w->kind == DS_EV_LOCK) {
    w->holder = mutex_owner(f->op.object);
  } else if (w->kind == DS_EV_JOIN) {
    w->holder = (int32_t)((uintptr_t)f->op.object - (uintptr_t)THREAD_OBJECT(0));
  }
  walk_stack(m, f->op.pc, frame, w->pc);
}

void report_waiters(ds_machine *m)
{
  m->waiter_count = 0;
  for (uint32_t i = 0; i < m->fiber_count; i++) {
    if (!m->fibers[i].done) {
      report_thread(m, &m->fibers[i]);
    }
  }
  const uint32_t threads = m->waiter_count;
  for (uint32_t id = 1; id <= m->task_count; id++) {
    const task *t = &m->tasks[id];
    if (!t->live) {
      continue;
    }
    ds_waiter *w = NULL;
    for (uint32_t k = 0; k < threads; k++) {
      w = m->waiters[k].task == (int32_t)id ? &m->waiters[k] : w;
    }
    if (!w) {
      w = add_waiter(m);
      w->task = (int32_t)id;
    }
    w->text = t->waits ? text_add(m, t->waits) : 0;
    w->holder_task = t->holder_task;
    w->holder = t->holder_thread >= 0 ? t->holder_thread : w->holder;
  }
}

/* What a task or, if it is none, a thread waits for. */
static void judge_wakeup(ds_machine *m, const wakeup *w, uint32_t task_id, uint32_t thread,
                         const char *what)
{
  if (w->holds && w->holds(w->argument)) {
    char who[8];
    snprintf(who, sizeof who, "T%u", thread % 1000);
    snprintf(m->result->site, sizeof m->result->site, "%s", what);
    finish(m, DS_FAIL, DS_LOST_WAKEUP, 0, "lost wakeup: %s waits for %s, which holds already",
           task_id ? ds_task_name(m, task_id) : who, what);
  }
}

void report_lost_wakeup(ds_machine *m)
{
  for (uint32_t id = 1; id <= m->task_count; id++) {
    const task *t = &m->tasks[id];
    if (t->live) {
      judge_wakeup(m, &t->condition, id, 0, t->waits ? t->waits : "its-condition");
    }
  }
  for (uint32_t i = 0; i < m->fiber_count; i++) {
    const fiber *f = &m->fibers[i];
    if (!f->done) {
      judge_wakeup(m, &f->condition, 0, i, "its-condition");
    }
  }
}
