/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probabilistic concurrency testing (Burckhardt et al., ASPLOS 2010): random priorities, and
 * depth - 1 moments at which the running thread falls below all others. Finds a bug of depth d
 * among n threads and k choices with probability of at least 1 / (n * k^(d-1)).
 *
 * Three pits are fenced off (ALGORITHMS.md 3.2): the number of change points is clamped to half
 * of the choices, points that are no choice do not count, and a thread that yields is demoted.
 */
#include "strategy.h"

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
  m->pct_next = m->pct_count = 0;
  m->pct_low = INT32_MAX;
  m->pct_steps = steps;
}

/* A new thread gets a random rank among the undemoted ones. */
static void pct_spawn(ds_machine *m, fiber *f)
{
  f->priority = 0x80000000u | random32(m);
}

static uint32_t highest(const ds_machine *m)
{
  uint32_t best = m->runnable[0];

  for (uint32_t i = 1; i < m->runnable_count; i++) {
    const uint32_t id = m->runnable[i];
    const uint32_t a = m->fibers[id].priority, b = m->fibers[best].priority;
    best = a > b || (a == b && id < best) ? id : best;
  }
  return best;
}

static uint32_t pct_pick(ds_machine *m, uint32_t passed, int32_t *horizon)
{
  m->pct_count += m->had_choice ? passed : 1;
  uint32_t best = highest(m);
  while (m->pct_next < m->pct_changes && m->pct_count >= m->pct_change[m->pct_next]) {
    m->pct_next++;
    m->fibers[best].priority = --m->pct_low;
    best = highest(m);
  }
  if (m->fibers[best].yielded) {
    m->fibers[best].priority = --m->pct_low;
    best = highest(m);
  }
  m->pct_longest = m->pct_count > m->pct_longest ? m->pct_count : m->pct_longest;
  *horizon = m->pct_next < m->pct_changes ? (int32_t)(m->pct_change[m->pct_next] - m->pct_count)
                                          : FUEL_UNLIMITED;
  return best;
}

const strategy strategy_pct = {pct_begin, pct_spawn, pct_pick, strategy_mostly_quiet};
