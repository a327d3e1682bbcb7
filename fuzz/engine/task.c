/* SPDX-License-Identifier: Apache-2.0 */
/* What a driver says to the machine (driver.h): program, rules, logical tasks, words. */
#include "liveness.h"
#include "memory.h"

#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------ program */

void program_prepare(ds_machine *m, const ds_case *c)
{
  uint16_t count[257] = {0};

  m->actor_ops = enlarge(m->actor_ops, &m->actor_ops_capacity, c->op_count, sizeof *m->actor_ops);
  for (uint32_t i = 0; i < c->op_count; i++) {
    count[c->ops[i].actor + 1]++;
  }
  for (uint32_t a = 0; a < 256; a++) {
    count[a + 1] = (uint16_t)(count[a + 1] + count[a]);
  }
  memcpy(m->actor_first, count, sizeof count);
  for (uint32_t i = 0; i < c->op_count; i++) {
    m->actor_ops[count[c->ops[i].actor]++] = (uint16_t)i;
  }
}

void program_reset(ds_machine *m)
{
  for (uint32_t a = 0; a < 256; a++) {
    m->next_op[a] = m->actor_first[a];
  }
}

bool ds_has_program(unsigned actor)
{
  const ds_machine *m = ds_current;
  return actor < 256 && m->actor_first[actor] < m->actor_first[actor + 1];
}

bool ds_next(unsigned actor, ds_operation *op)
{
  ds_machine *m = ds_current;

  if (actor >= 256 || m->next_op[actor] >= m->actor_first[actor + 1]) {
    return false;
  }
  const ds_op *o = &m->input->ops[m->actor_ops[m->next_op[actor]++]];
  *op = (ds_operation){o->code, o->a, o->b};
  m->current->actor = (uint8_t)actor;
  m->result->ops_done++;
  if (m->totals) {
    m->totals->op_done[o->code]++;
  }
  if (m->flags & DS_FLAG_TRACE) {
    event_add(m, DS_EV_OPERATION)->value = o->code | (uint64_t)o->a << 8 | (uint64_t)o->b << 16;
  }
  return true;
}

void ds_skip(unsigned actor)
{
  ds_machine *m = ds_current;
  const uint32_t next = actor < 256 ? m->next_op[actor] : 0;

  if (next <= m->actor_first[actor]) {
    return; /* it has taken no operation */
  }
  const ds_op *o = &m->input->ops[m->actor_ops[next - 1]];
  m->result->ops_done--;
  m->result->ops_skipped++;
  if (m->totals) {
    m->totals->op_done[o->code]--;
    m->totals->op_skipped[o->code]++;
  }
  if (m->flags & DS_FLAG_TRACE) {
    event_add(m, DS_EV_SKIP)->value = o->code | (uint64_t)o->a << 8 | (uint64_t)o->b << 16;
  }
}

/* ------------------------------------------------------------------ rules */

void ds_fail(const char *rule, const char *site, const char *format, ...)
{
  va_list arguments;

  va_start(arguments, format);
  finish_rule(ds_current, rule, site, format, arguments);
}

void ds_show_sleepers(void)
{
  report_sleepers(ds_current);
}

void ds_observe(uint64_t value)
{
  ds_current->result->observed = value;
}

void ds_mark(unsigned bit)
{
  ds_current->result->marks |= 1u << (bit % DS_MARKS);
}

/* ------------------------------------------------------------------ logical tasks */

unsigned ds_task_create(const char *kind, unsigned number)
{
  ds_machine *m = ds_current;

  if (m->task_count + 1 >= TASKS) {
    return 0;
  }
  task *t = &m->tasks[++m->task_count];
  *t = (task){.kind = kind, .number = number, .holder_thread = -1, .live = 1};
  return m->task_count;
}

void ds_task_bind_stack(unsigned id)
{
  ds_machine *m = ds_current;
  const uint32_t slot = slot_of(m, (uintptr_t)__builtin_frame_address(0));

  if (slot != NOBODY) {
    m->slot_task[slot] = (uint16_t)id;
  }
  ask_soon(m);
}

unsigned ds_task_enter(unsigned id)
{
  fiber *f = ds_current->current;
  const unsigned before = f->task;

  f->task = (uint16_t)id;
  ask_soon(ds_current);
  return before;
}

void ds_task_leave(unsigned before)
{
  ds_current->current->task = (uint16_t)before;
  ask_soon(ds_current);
}

void ds_task_waits(unsigned id, const char *what, unsigned holder_task, int holder_thread)
{
  task *t = &ds_current->tasks[id % TASKS];

  t->waits = what;
  t->holder_task = (uint16_t)holder_task;
  t->holder_thread = (int16_t)holder_thread;
  t->holders = (holders){NULL, NULL};
  ask_soon(ds_current);
}

void ds_thread_waits(const char *what)
{
  fiber *f = ds_current->current;

  f->waits = what;
  f->holders = (holders){NULL, NULL};
}

void ds_task_holders(unsigned id, unsigned (*next)(unsigned after, void *argument), void *argument)
{
  ds_machine *m = ds_current;

  *(id ? &m->tasks[id % TASKS].holders : &m->current->holders) = (holders){next, argument};
}

void ds_task_condition(unsigned id, bool (*holds)(void *argument), void *argument)
{
  ds_machine *m = ds_current;

  *(id ? &m->tasks[id % TASKS].condition : &m->current->condition) = (wakeup){holds, argument};
}

void ds_task_parks(unsigned id, void *const *saved, unsigned frame_word, unsigned resume_word)
{
  enum { WORDS_MOST = 64 }; /* no processor saves more */

  ds_current->tasks[id % TASKS].parked =
      (parking){saved, (uint16_t)(frame_word % WORDS_MOST), (uint16_t)(resume_word % WORDS_MOST)};
}

void ds_task_end(unsigned id)
{
  ds_current->tasks[id % TASKS].live = 0;
  ds_current->tasks[id % TASKS].waits = NULL;
  ask_soon(ds_current);
}

uint32_t task_of(const ds_machine *m, const fiber *f)
{
  const uintptr_t sp = f == m->current ? (uintptr_t)__builtin_frame_address(0) : (uintptr_t)f->sp;
  const uint32_t slot = slot_of(m, sp);

  return slot != NOBODY ? m->slot_task[slot] : f->task;
}

uint32_t current_task(const ds_machine *m)
{
  return task_of(m, m->current);
}

const char *ds_task_name(ds_machine *m, uint32_t id)
{
  const task *t = &m->tasks[id % TASKS];

  if (!id || id > m->task_count) {
    return "";
  }
  snprintf(m->name_buffer, sizeof m->name_buffer, t->number ? "%s%u" : "%s", t->kind, t->number);
  return m->name_buffer;
}

/* ------------------------------------------------------------------ what threads tell each other
 */

void ds_publish(unsigned channel)
{
  sync_release(ds_current, &ds_current->channels[channel % DS_CHANNELS]);
}

void ds_receive(unsigned channel)
{
  sync_acquire(ds_current, ds_current->channels[channel % DS_CHANNELS]);
}

/* ------------------------------------------------------------------ state and words */

void ds_uninterrupted(bool on)
{
  ds_current->uninterrupted = on ? ds_current->current->id : NOBODY;
  ask_soon(ds_current);
}

unsigned ds_thread_self(void)
{
  return ds_current->current->id;
}

bool ds_thread_in_poll(unsigned thread)
{
  const ds_machine *m = ds_current;
  return thread < m->fiber_count && m->fibers[thread].in_poll &&
         m->fibers[thread].slot_in_runnable == NOBODY;
}

bool ds_wants_words(void)
{
  return ds_current->flags & DS_FLAG_TRACE;
}

void ds_name(const void *object, size_t bytes, const char *format, ...)
{
  ds_machine *m = ds_current;
  va_list arguments;

  if (!(m->flags & DS_FLAG_TRACE)) {
    return;
  }
  if (m->name_count == m->name_capacity) {
    m->names = grow(m, m->names, &m->name_capacity, 1u << 16, sizeof *m->names, "named objects");
  }
  named_object *n = &m->names[m->name_count++];
  n->object = canonical(m, (uintptr_t)object);
  n->bytes = bytes;
  va_start(arguments, format);
  vsnprintf(n->name, sizeof n->name, format, arguments);
  va_end(arguments);
}

void ds_note(const char *format, ...)
{
  ds_machine *m = ds_current;
  char line[160];
  va_list arguments;

  if (!(m->flags & DS_FLAG_TRACE)) {
    return;
  }
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  const uint32_t text = text_add(m, line);
  event_add(m, DS_EV_NOTE)->text = text;
}
