/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replay: the case's deviations and nothing else. A record is looked up by (kind, thread, the
 * thread's own count), so an edited schedule stays legal: a record whose moment never comes has no
 * effect, and an answer that is not possible means the next thread upwards that can run.
 */
#include "strategy.h"

#include <stdlib.h>
#include <string.h>

static int by_anchor(const void *a, const void *b)
{
  const ds_deviation *x = a, *y = b;

  if (x->kind != y->kind) {
    return x->kind < y->kind ? -1 : 1;
  }
  if (x->thread != y->thread) {
    return x->thread < y->thread ? -1 : 1;
  }
  return (x->position > y->position) - (x->position < y->position);
}

/* Stable insertion keeps "the last duplicate counts" while the usual, sorted input is linear. */
static void sort_records(ds_deviation *at, uint32_t count)
{
  for (uint32_t i = 1; i < count; i++) {
    if (by_anchor(&at[i - 1], &at[i]) <= 0) {
      continue;
    }
    if (count > 64) { /* long and unsorted: order of duplicates is the caller's loss */
      qsort(at, count, sizeof *at, by_anchor);
      return;
    }
    const ds_deviation moved = at[i];
    uint32_t j = i;
    for (; j && by_anchor(&at[j - 1], &moved) > 0; j--) {
      at[j] = at[j - 1];
    }
    at[j] = moved;
  }
}

static void replay_begin(ds_machine *m)
{
  const ds_case *c = m->input;

  m->records = enlarge(m->records, &m->record_capacity, c->deviation_count, sizeof *m->records);
  m->record_count = c->deviation_count;
  if (m->record_count) {
    memcpy(m->records, c->deviations, m->record_count * sizeof *m->records);
    sort_records(m->records, m->record_count);
  }
}

/* First record that is not before (kind, thread, 0). */
static uint32_t lower_bound(const ds_machine *m, uint32_t kind, uint32_t thread)
{
  uint32_t low = 0, high = m->record_count;

  while (low < high) {
    const uint32_t middle = (low + high) / 2;
    const ds_deviation *r = &m->records[middle];
    if (r->kind < kind || (r->kind == kind && r->thread < thread)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

static void replay_spawn(ds_machine *m, fiber *f)
{
  for (uint32_t kind = 0; kind < DS_KINDS; kind++) {
    f->cursor[kind] = lower_bound(m, kind, f->id);
    f->cursor_end[kind] = lower_bound(m, kind, f->id + 1u);
  }
}

/* The record of this thread for exactly this position, if any; earlier ones are passed over. */
static const ds_deviation *record_at(ds_machine *m, fiber *f, uint32_t kind, uint32_t position)
{
  const ds_deviation *found = NULL;

  while (f->cursor[kind] < f->cursor_end[kind] &&
         m->records[f->cursor[kind]].position <= position) {
    const ds_deviation *r = &m->records[f->cursor[kind]++];
    found = r->position == position ? r : found;
  }
  return found;
}

static uint32_t replay_pick(ds_machine *m, uint32_t passed, int32_t *horizon)
{
  (void)passed;
  fiber *f = m->current;
  const ds_deviation *r = record_at(m, f, DS_KIND_RUN, f->position - 1);
  const uint32_t next = r ? runnable_from(m, r->answer) : quiet_default(m);
  fiber *n = &m->fibers[next];

  (void)(n->position && record_at(m, n, DS_KIND_RUN, n->position - 1)); /* missed while it stood */
  *horizon = n->cursor[DS_KIND_RUN] < n->cursor_end[DS_KIND_RUN]
                 ? (int32_t)(m->records[n->cursor[DS_KIND_RUN]].position - n->position + 1)
                 : FUEL_UNLIMITED;
  *horizon = *horizon < 1 ? 1 : *horizon;
  return next;
}

static uint32_t replay_answer(ds_machine *m, uint32_t kind, uint32_t position, uint32_t options)
{
  const ds_deviation *r = record_at(m, m->current, kind, position);
  return r ? r->answer % options : 0;
}

const strategy strategy_replay = {replay_begin, replay_spawn, replay_pick, replay_answer, NULL, 0};
