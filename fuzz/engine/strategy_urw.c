/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Uniform random walk over interleavings: a thread is chosen with the weight of the operations
 * that it, and the threads that it has yet to create, have left. With independent straight-line
 * threads every interleaving is equally likely: of all that remain, the share that begins with
 * thread i is exactly left[i] / sum of left (Zhao, Wolff, Mathur and Roychoudhury, ASPLOS 2025).
 *
 * Counts are estimates (profile.h), so no weight is ever 0. Costs a question at every point.
 */
#include "profile.h"

static uint32_t weight(const fiber *f)
{
  return f->left ? f->left : 1;
}

static void urw_begin(ds_machine *m)
{
  m->begun = 0;
  profile_weigh_events(m->profile);
}

static void urw_forced(ds_machine *m, fiber *f)
{
  (void)m;
  f->left -= f->position && f->left;
}

static uint32_t urw_pick(ds_machine *m, uint32_t passed, int32_t *horizon)
{
  const uint32_t newborn = not_begun(m);
  uint32_t sum = 0, at = 0;

  (void)passed, (void)horizon;
  if (newborn != NOBODY) {
    return newborn;
  }
  for (uint32_t i = 0; i < m->runnable_count; i++) {
    sum += weight(&m->fibers[m->runnable[i]]);
  }
  uint32_t draw = random_below(m, sum);
  while (draw >= weight(&m->fibers[m->runnable[at]])) {
    draw -= weight(&m->fibers[m->runnable[at++]]);
  }
  fiber *f = &m->fibers[m->runnable[at]];
  f->left -= f->left != 0;
  return f->id;
}

const strategy strategy_urw = {
    urw_begin, profile_spawn, urw_pick, strategy_mostly_quiet, urw_forced, 1};
