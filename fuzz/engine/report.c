/* SPDX-License-Identifier: Apache-2.0 */
/* Who waits for what: collected before the verdict is given, mostly because nothing can run. */
#include "gate.h"
#include "liveness.h"
#include "machine.h"
#include "stacks.h"

#include <stdio.h>
#include <string.h>

enum { DEPTH = (int)(sizeof((ds_waiter *)0)->pc / sizeof(uint64_t)) };

/* Follow frame pointers; only addresses inside the target are kept. */
static void walk_stack(const ds_machine *m, uintptr_t pc, uintptr_t frame, uint64_t *out)
{
  int depth = 0;

  if (module_offset(m, pc)) {
    out[depth++] = module_offset(m, pc);
  }
  for (int guard = 0; guard < 64 && depth < DEPTH && frame_is_readable(m, frame); guard++) {
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

/* The thread that has what this one stands before, -1: nobody, or not known. */
static int holder_of(const ds_machine *m, const fiber *f)
{
  if (f->waits_kind == DS_EV_WAIT || f->watch == WATCH_PARKED) {
    return -1;
  }
  if (f->op.kind == DS_EV_LOCK) { /* a spinlock's owner stands where a mutex's does */
    return is_rwlock_gate(f->gate) ? rwlock_holder(m, f) : mutex_owner(f->op.object);
  }
  if (f->op.kind == DS_EV_JOIN) {
    return (int)((uintptr_t)f->op.object - (uintptr_t)THREAD_OBJECT(0));
  }
  return -1;
}

/* Does who waits for a lock wait for itself, or for a thread that has taken the lock with it? */
static int is_in_cycle(const ds_machine *m, uint32_t id)
{
  int at = m->fibers[id].done || m->fibers[id].op.kind != DS_EV_LOCK ? -1 : (int)id;

  for (uint32_t length = 0; at >= 0 && !m->fibers[at].done && length < m->fiber_count; length++) {
    at = holder_of(m, &m->fibers[at]);
    if (at == (int)id) {
      return 1;
    }
  }
  return at >= 0 && m->fibers[at].done;
}

int report_has_cycle(const ds_machine *m)
{
  for (uint32_t i = 0; i < m->fiber_count; i++) {
    if (is_in_cycle(m, i)) {
      return 1;
    }
  }
  return 0;
}

/* Instead of who is known to have it, those whom the driver lists now. */
static void report_holders(ds_waiter *w, const holders *h)
{
  if (!h->next) {
    return;
  }
  w->holder = -1;
  w->holder_task = 0;
  for (unsigned at = 0, next; (next = h->next(at, h->argument)) > at && next < TASKS; at = next) {
    if (w->holder_count < DS_HOLDERS) {
      w->holders[w->holder_count] = (uint16_t)next;
    }
    w->holder_task = w->holder_task ? w->holder_task : (int32_t)next;
    w->holder_count++;
  }
}

static void report_thread(ds_machine *m, const fiber *f)
{
  ds_waiter *w = add_waiter(m);

  w->thread = f->id;
  w->kind = f->op.kind;
  w->task = (int32_t)task_of(m, f);
  if (f->op.kind == DS_EV_POLL && f->in_poll) {
    w->object = 0; /* a set of descriptors, on the stack */
  } else if (f->waits_kind == DS_EV_WAIT) {
    w->object = canonical(m, (uintptr_t)f->waits_on);
    w->kind = DS_EV_WAIT;
  } else {
    w->object = canonical_object(m, f->op.object);
  }
  w->holder = holder_of(m, f);
  if (!w->task || w->task == f->task) { /* no coroutine runs there in the course of it */
    w->said = f->waits ? text_add(m, f->waits) : 0;
    report_holders(w, &f->holders);
  }
  if (f->watch == WATCH_PARKED) {
    spin_report(m, f, w);
    return;
  }
  w->text = f->awaits ? text_add(m, f->awaits) : 0;
  walk_stack(m, f->op.pc, frame_of(m, f), w->pc);
}

/* A task that is on no thread stands where the target has left its stack. */
static ds_waiter *report_parked(ds_machine *m, uint32_t id)
{
  ds_waiter *w = add_waiter(m);
  const parking *p = parking_of(m, id);

  w->task = (int32_t)id;
  if (p && frame_is_readable(m, (uintptr_t)*p->saved)) {
    const uintptr_t *words = *p->saved;
    walk_stack(m, words[p->resume_word], words[p->frame_word], w->pc);
  }
  return w;
}

static int can_run(const fiber *f)
{
  return !f->done && f->slot_in_runnable != NOBODY;
}

/* Is this task on a thread that can run, or does it wait for nothing? */
static int gets_on(const ds_machine *m, uint32_t id)
{
  int runs = !m->tasks[id].waits;

  for (uint32_t i = 0; i < m->fiber_count; i++) {
    runs |= can_run(&m->fibers[i]) && task_of(m, &m->fibers[i]) == id;
  }
  return runs;
}

/* What the driver says of a task comes before what it says of the thread that the task is on. */
static void report_task(ds_machine *m, ds_waiter *w, const task *t)
{
  w->text = text_add(m, t->waits);
  w->holder_task = t->holder_task;
  w->holder = t->holder_thread >= 0 ? t->holder_thread : w->holder;
  w->holder_count = 0;
  report_holders(w, &t->holders);
}

/* sleepers: leave out those who can go on. */
static void report(ds_machine *m, int sleepers)
{
  m->waiter_count = 0;
  for (uint32_t i = 0; i < m->fiber_count; i++) {
    if (!m->fibers[i].done && !(sleepers && can_run(&m->fibers[i]))) {
      report_thread(m, &m->fibers[i]);
    }
  }
  const uint32_t threads = m->waiter_count;
  for (uint32_t id = 1; id <= m->task_count; id++) {
    const task *t = &m->tasks[id];
    if (!t->live || (sleepers && gets_on(m, id))) {
      continue;
    }
    ds_waiter *w = NULL;
    for (uint32_t k = 0; k < threads; k++) {
      w = m->waiters[k].task == (int32_t)id ? &m->waiters[k] : w;
    }
    if (!w) {
      w = report_parked(m, id);
    }
    if (t->waits) {
      report_task(m, w, t);
    }
  }
}

void report_waiters(ds_machine *m)
{
  report(m, 0);
}

void report_sleepers(ds_machine *m)
{
  report(m, 1);
  m->result->runnable = m->runnable_count;
}

static void add_wait(ds_machine *m, const ds_waiter *w)
{
  ds_result *r = m->result;
  ds_wait wait = {.pc = w->pc[0], .kind = w->kind};

  snprintf(wait.what, sizeof wait.what, "%s", w->text ? m->text + w->text : "");
  wait.pc = wait.what[0] ? 0 : wait.pc;
  for (uint32_t i = 0; i < r->wait_count; i++) {
    const ds_wait *other = &r->waits[i];
    if (other->pc == wait.pc && other->kind == wait.kind && !strcmp(other->what, wait.what)) {
      return;
    }
  }
  if (r->wait_count < DS_WAITS) {
    r->waits[r->wait_count++] = wait;
  }
}

/* Threads of a cycle, if there is one: all others may be there or not. Else those who wait, but not
 * for the end of a thread. */
void report_waits(ds_machine *m)
{
  const int cycle = report_has_cycle(m);

  for (uint32_t i = 0; i < m->waiter_count; i++) {
    const ds_waiter *w = &m->waiters[i];
    if (cycle ? w->thread >= 0 && is_in_cycle(m, (uint32_t)w->thread)
              : w->thread < 0 || w->kind != DS_EV_JOIN) {
      add_wait(m, w);
    }
  }
  for (uint32_t i = 0; m->result->wait_count == 0 && i < m->waiter_count; i++) {
    add_wait(m, &m->waiters[i]);
  }
}

static int holds(const wakeup *w)
{
  return w->holds && w->holds(w->argument);
}

/* Somebody whose condition holds although nobody can run; who and for what. A thread that waits
 * for a mutex has been woken and is out of it. */
static int lost_wakeup(ds_machine *m, const char **who, const char **what, char name[8])
{
  for (uint32_t id = 1; id <= m->task_count; id++) {
    const task *t = &m->tasks[id];
    if (t->live && holds(&t->condition)) {
      *who = ds_task_name(m, id);
      *what = t->waits ? t->waits : "its-condition";
      return 1;
    }
  }
  for (uint32_t i = 0; i < m->fiber_count; i++) {
    const fiber *f = &m->fibers[i];
    if (!f->done && f->waits_kind != DS_EV_LOCK && holds(&f->condition)) {
      snprintf(name, 8, "T%u", i % 1000);
      *who = name;
      *what = "its-condition";
      return 1;
    }
  }
  return 0;
}

void report_lost_wakeup(ds_machine *m)
{
  const char *who, *what;
  char name[8];

  if (lost_wakeup(m, &who, &what, name)) {
    snprintf(m->result->site, sizeof m->result->site, "%s", what);
    finish(m, DS_FAIL, DS_LOST_WAKEUP, 0, "lost wakeup: %s waits for %s, which holds already", who,
           what);
  }
}

/* Does this thread wait for something that neither a timer nor the end of a thread is? Who waits
 * for a mutex waits for what its owner waits for. */
static int waits_for_an_event(const fiber *f)
{
  return !f->done &&
         (f->waits_kind == DS_EV_WAIT || f->waits_kind == DS_EV_POLL ||
          f->waits_kind == DS_EV_READ || f->waits_kind == DS_EV_WRITE || f->watch >= WATCH_PARKED);
}

void remark_timer(ds_machine *m, const fiber *woken)
{
  const char *who = NULL, *what = NULL;
  char name[8], line[128];
  uint32_t remarks = 0;

  for (uint32_t i = 0; i < m->fiber_count; i++) {
    remarks |= waits_for_an_event(&m->fibers[i]) ? DS_REMARK_TIMER : 0;
  }
  for (uint32_t id = 1; id <= m->task_count; id++) {
    remarks |= m->tasks[id].live && m->tasks[id].waits ? DS_REMARK_TIMER : 0;
  }
  if (lost_wakeup(m, &who, &what, name)) {
    remarks = DS_REMARK_TIMER | DS_REMARK_MASKED;
  }
  m->result->remarks |= remarks;
  if (!remarks || !(m->flags & DS_FLAG_TRACE)) {
    return;
  }
  snprintf(line, sizeof line, "by a timer only%s%s%s%s%s", who ? ": " : "", who ? who : "",
           who ? " waits for " : "", who ? what : "", who ? ", which holds already" : "");
  const uint32_t text = text_add(m, line);
  ds_event *e = event_add(m, DS_EV_WOKEN);
  e->text = text;
  e->thread = woken->id;
  e->task = (uint16_t)task_of(m, woken);
  e->position = woken->position ? woken->position - 1 : 0;
}
