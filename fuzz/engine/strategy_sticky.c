/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sticky random: at every point the running thread is left with probability sticky/256 for a
 * uniform other one. The number of points until it is left is geometric, so it is drawn once and
 * the points in between cost one decrement each.
 */
#include "strategy.h"

enum { TABLE = 1024, LONGEST = 60000 };

/* Inverse of the geometric distribution: entry i is the quantile (i + 1/2) / TABLE. */
static void fill_table(ds_machine *m, uint32_t sticky)
{
  const double stay = 1.0 - sticky / 256.0;
  double left = 1.0;
  uint16_t gap = 1;

  for (uint32_t i = 0; i < TABLE; i++) {
    while (left * stay > 1.0 - (i + 0.5) / TABLE && gap < LONGEST) {
      left *= stay;
      gap++;
    }
    m->sticky_table[i] = gap;
  }
  m->sticky_table_for = sticky;
}

static void sticky_begin(ds_machine *m)
{
  uint32_t sticky = m->strategy_config.sticky;

  sticky = sticky < 1 ? 1 : sticky > 256 ? 256 : sticky;
  if (m->sticky_table_for != sticky) {
    fill_table(m, sticky);
  }
  m->sticky_left = m->sticky_table[random32(m) % TABLE];
}

static uint32_t sticky_pick(ds_machine *m, uint32_t passed, int32_t *horizon)
{
  const fiber *f = m->current;
  const uint32_t at = f->slot_in_runnable;
  const uint32_t counted = m->had_choice ? passed : 1; /* points without a choice do not count */

  if (at != NOBODY && !f->yielded && counted < m->sticky_left) {
    m->sticky_left -= counted;
    *horizon = (int32_t)m->sticky_left;
    return f->id;
  }
  const uint32_t draw = random32(m);
  m->sticky_left = m->sticky_table[draw % TABLE];
  *horizon = (int32_t)m->sticky_left;
  if (at == NOBODY) {
    return m->runnable[random_below(m, m->runnable_count)];
  }
  const uint32_t other = random_below(m, m->runnable_count - 1);
  return m->runnable[other + (other >= at)];
}

const strategy strategy_sticky = {
    sticky_begin, strategy_no_spawn, sticky_pick, strategy_mostly_quiet, NULL, 0};
