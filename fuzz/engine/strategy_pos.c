/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Partial order sampling (Yuan, Yang and Gu, CAV 2018): every pending operation has a random
 * priority, the highest goes first, and the ones that conflict with it draw again. Operations that
 * commute add no bias, so partial orders are sampled more evenly than by a random walk.
 *
 * An operation is an event of its own, whichever coroutine it belongs to: logical tasks need no
 * priorities here. Costs a question at every point and one pass over the runnable threads.
 */
#include "strategy.h"

enum { ROW_MOST = 400 }; /* a thread that goes on for so long alone makes everybody draw again */

void pos_begin(ds_machine *m)
{
  m->begun = 0;
  m->happened = (pending){0};
  m->row = 0;
  m->yield_low = YIELD_LOW;
}

/* A condition wait releases its mutex too; what its thread stands before now names that. */
static int released(const ds_machine *m, const pending *waiting)
{
  return m->happened.kind == DS_EV_WAIT && waiting->object == m->current->op.object;
}

/* What was chosen last has been carried out: forget the priorities that depended on it. */
static void settle_last(ds_machine *m)
{
  m->current->priority = 0;
  if (!m->happened.object) {
    return;
  }
  for (uint32_t i = 0; i < m->runnable_count; i++) {
    fiber *f = &m->fibers[m->runnable[i]];
    if (conflicts(&f->op, &m->happened) || released(m, &f->op)) {
      f->priority = 0;
    }
  }
}

void pos_forced(ds_machine *m, fiber *f)
{
  settle_last(m);
  m->happened = f->op;
  m->row = 0;
}

uint32_t pos_choose(ds_machine *m, int (*rank)(const ds_machine *, const fiber *))
{
  const uint32_t newborn = not_begun(m);
  fiber *best = NULL;
  int highest = 0;

  settle_last(m);
  if (newborn != NOBODY) {
    m->happened = (pending){0};
    return newborn;
  }
  for (uint32_t i = 0; i < m->runnable_count; i++) {
    fiber *f = &m->fibers[m->runnable[i]];
    if (m->row > ROW_MOST || !f->priority) {
      f->priority = draw_priority(m, f);
    }
    const int ranked = rank ? rank(m, f) : 0;
    if (!best || ranked > highest || (ranked == highest && f->priority > best->priority)) {
      best = f;
      highest = ranked;
    }
  }
  m->row = best == m->current && m->row <= ROW_MOST ? m->row + 1 : 0;
  m->happened = best->op;
  return best->id;
}

static uint32_t pos_pick(ds_machine *m, uint32_t passed, int32_t *horizon)
{
  (void)passed, (void)horizon;
  return pos_choose(m, NULL);
}

const strategy strategy_pos = {
    pos_begin, strategy_no_spawn, pos_pick, strategy_mostly_quiet, pos_forced, 0};
