/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Selectively uniform random walk (Zhao, Wolff, Mathur and Roychoudhury, ASPLOS 2025): the order
 * of the accesses to one object is drawn uniformly, all other operations follow random priorities.
 * The object is drawn per run, by how often it is accessed, among those that enough threads touch
 * and somebody writes. Where interleavings are too many, the orders of one object are few.
 *
 * Who makes the next access is decided first; whoever comes to the object earlier is held. Of a
 * mutex the lock operations count, the unlocks have no order of their own.
 */
#include "profile.h"

enum {
  HELD_LEAST = 300
}; /* choices that one intended access may be waited for, and twice the run */

/* ------------------------------------------------------------------ the object of this run */

static int is_candidate(const profile *p, const profile_object *o)
{
  const uint32_t half = p->thread_count / 2;
  return o->writes && o->threads >= (half > 2 ? half : 2);
}

static const profile_object *draw_object(ds_machine *m)
{
  const profile *p = m->profile;
  uint32_t sum = 0;

  for (uint32_t i = 0; i < p->object_count; i++) {
    sum += is_candidate(p, &p->objects[i]) ? p->objects[i].accesses : 0;
  }
  uint32_t draw = sum ? random_below(m, sum) : 0;
  for (uint32_t i = 0; i < p->object_count && sum; i++) {
    const profile_object *o = &p->objects[i];
    if (!is_candidate(p, o)) {
      continue;
    }
    if (draw < o->accesses) {
      return o;
    }
    draw -= o->accesses;
  }
  return NULL;
}

static void surw_begin(ds_machine *m)
{
  const profile_object *o = draw_object(m);

  m->begun = 0;
  m->intended = NOBODY;
  m->row = 0;
  m->yield_low = YIELD_LOW;
  m->selected = o ? o->object : NULL;
  if (o) {
    profile_weigh_object(m->profile, o);
  }
}

static int is_selected(const ds_machine *m, const fiber *f)
{
  return m->selected && f->op.object == m->selected && is_access(&f->op);
}

/* ------------------------------------------------------------------ threads */

/* The right to make the next access may go on to a thread that will make it. */
static void surw_spawn(ds_machine *m, fiber *f)
{
  const uint32_t before = f->id ? m->current->left : 0;

  f->held = 0;
  if (!m->selected) {
    return;
  }
  profile_spawn(m, f);
  if (f->id && m->intended == m->current->id && before && random_below(m, before) < f->left) {
    m->intended = f->id;
  }
}

static void release_all(ds_machine *m)
{
  for (uint32_t i = 0; i < m->fiber_count; i++) {
    m->fibers[i].held = 0;
  }
  m->intended = NOBODY;
  m->row = 0;
}

/* The intended thread does not come: the longest-known of those that are held goes first. */
static void turn_to_the_held(ds_machine *m)
{
  uint32_t held = 0;

  while (held < m->fiber_count && !m->fibers[held].held) {
    held++;
  }
  release_all(m);
  m->intended = held < m->fiber_count ? held : NOBODY;
}

/* Who shall make the next access: by what they and those below them have left. */
static uint32_t draw_intended(ds_machine *m)
{
  uint32_t sum = 0, at = 0;

  for (uint32_t i = 0; i < m->runnable_count; i++) {
    sum += m->fibers[m->runnable[i]].left;
  }
  uint32_t draw = random_below(m, sum);
  while (draw >= m->fibers[m->runnable[at]].left) {
    draw -= m->fibers[m->runnable[at++]].left;
  }
  return m->runnable[at];
}

static void carried_out(ds_machine *m, fiber *f)
{
  f->priority = 0; /* its next operation is another event */
  if (is_selected(m, f) && f->position) {
    f->left -= f->left != 0;
    release_all(m);
  }
}

/* ------------------------------------------------------------------ who runs */

static fiber *highest_not_held(ds_machine *m)
{
  fiber *best = NULL;

  for (uint32_t i = 0; i < m->runnable_count; i++) {
    fiber *f = &m->fibers[m->runnable[i]];
    if (!f->priority) {
      f->priority = draw_priority(m, f);
    }
    best = !f->held && (!best || f->priority > best->priority) ? f : best;
  }
  return best;
}

static uint32_t surw_pick(ds_machine *m, uint32_t passed, int32_t *horizon)
{
  const uint32_t newborn = not_begun(m);

  (void)passed, (void)horizon;
  if (newborn != NOBODY) {
    return newborn;
  }
  if (m->intended != NOBODY && m->row++ > HELD_LEAST + 2 * m->profile->events) {
    turn_to_the_held(m);
  }
  for (;;) {
    fiber *f = highest_not_held(m);
    if (!f || (f->yielded && m->intended != NOBODY)) {
      release_all(m); /* the intended thread cannot come now: give up this intention */
      f = highest_not_held(m);
    }
    if (is_selected(m, f)) {
      if (!f->left) {
        f->left = 1; /* more than the profile knew of */
      }
      m->intended = m->intended == NOBODY ? draw_intended(m) : m->intended;
    }
    if (!is_selected(m, f) || m->intended == f->id) {
      carried_out(m, f);
      return f->id;
    }
    f->held = 1;
  }
}

const strategy strategy_surw = {surw_begin,  surw_spawn, surw_pick, strategy_mostly_quiet,
                                carried_out, 1};
