/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probabilistic concurrency testing (Burckhardt et al., ASPLOS 2010): random priorities, and
 * depth - 1 moments at which the running thread falls below all others. Finds a bug of depth d
 * among n threads and k choices with probability of at least 1 / (n * k^(d-1)).
 *
 * Three pits are fenced off (ALGORITHMS.md 3.2): the number of change points is clamped to half
 * of the choices, points that are no choice do not count, and a thread that yields is demoted.
 *
 * A logical task has a priority of its own, which goes with it from thread to thread: what an
 * event loop runs one after the other are chains of their own (PCTCP, Ozkan et al., OOPSLA 2018).
 * When a thread changes its task is seen at the driver's words about tasks (driver.h).
 */
#include "strategy.h"

#include <string.h>

enum { CHANGES_MOST = 31, GUESS_FIRST = 100 };

static void sort_changes(uint32_t *at, uint32_t count)
{
  for (uint32_t i = 1; i < count; i++) {
    for (uint32_t j = i; j && at[j] < at[j - 1]; j--) {
      const uint32_t swap = at[j];
      at[j] = at[j - 1];
      at[j - 1] = swap;
    }
  }
}

static void pct_begin(ds_machine *m)
{
  const ds_strategy *c = &m->strategy_config;
  uint32_t steps = c->pct_steps ? c->pct_steps : m->pct_longest;
  uint32_t changes = c->pct_depth ? c->pct_depth - 1 : 2;

  steps = steps ? steps : GUESS_FIRST;
  changes = changes > steps / 2 ? steps / 2 : changes;
  changes = changes > CHANGES_MOST ? CHANGES_MOST : changes;
  for (uint32_t i = 0; i < changes; i++) {
    m->pct_change[i] = 1 + random_below(m, steps);
  }
  sort_changes(m->pct_change, changes);
  m->pct_changes = changes;
  m->pct_next = 0;
  m->pct_low = INT32_MAX;
  m->pct_steps = steps;
  memset(m->pct_task, 0, sizeof m->pct_task);
}

/* A new thread gets a random rank among the undemoted ones. */
static void pct_spawn(ds_machine *m, fiber *f)
{
  f->priority = 0x80000000u | random32(m);
}

static uint32_t *priority_of(ds_machine *m, fiber *f)
{
  const uint32_t id = m->task_count ? task_of(m, f) : 0;

  if (!id) {
    return &f->priority;
  }
  if (!m->pct_task[id]) {
    m->pct_task[id] = 0x80000000u | random32(m);
  }
  return &m->pct_task[id];
}

static fiber *highest(ds_machine *m)
{
  fiber *best = NULL;
  uint32_t most = 0;

  for (uint32_t i = 0; i < m->runnable_count; i++) {
    fiber *f = &m->fibers[m->runnable[i]];
    const uint32_t priority = *priority_of(m, f);
    if (!best || priority > most || (priority == most && f->id < best->id)) {
      best = f;
      most = priority;
    }
  }
  return best;
}

static fiber *demote(ds_machine *m, fiber *f)
{
  *priority_of(m, f) = --m->pct_low;
  return highest(m);
}

static uint32_t pct_pick(ds_machine *m, uint32_t passed, int32_t *horizon)
{
  fiber *best = highest(m);

  (void)passed;
  while (m->pct_next < m->pct_changes && m->choice_points >= m->pct_change[m->pct_next]) {
    m->pct_next++;
    best = demote(m, best);
  }
  if (best->yielded) {
    best = demote(m, best);
  }
  *horizon = m->pct_next < m->pct_changes ? (int32_t)(m->pct_change[m->pct_next] - m->choice_points)
                                          : FUEL_UNLIMITED;
  return best->id;
}

const strategy strategy_pct = {pct_begin, pct_spawn, pct_pick, strategy_mostly_quiet, NULL, 0};
