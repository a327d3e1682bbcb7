/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POS under obligations (after Wolff et al., "Greybox fuzzing for concurrency testing", ASPLOS
 * 2024): a run asks for one or two reads-from pairs. "r reads from w" holds r back until w has
 * happened, then lets it go before any other write; "r does not read from w" holds r back from w
 * to the next write. A pair is two places of the program, from the profile, in whatever two threads
 * come there; w may be the initial value, and the hand-over of a lock or a signal is a pair too.
 *
 * Pairs that the batch asked for or showed less often are preferred. So a run depends on those
 * before it, but only by what it asks for: with the same obligations and seed it is the same.
 */
#include "profile.h"

enum { SLOTS_OF_RUN = 2, SLOT_BITS = 16, SLOT_MASK = 0xffff, NEGATIVE = 1 << 15 };
enum { CANDIDATES = 3, MET_COUNTS = 4, HELD_LEAST = 300 };
enum { OPEN, WRITTEN, CLOSED };        /* states of an obligation */
enum { AVOID = -1, NORMAL = 0, TAKE }; /* ranks before the priorities of POS */

_Static_assert((int)PROFILE_PAIRS < (int)NEGATIVE, "a pair and its sign fit into a slot");

/* ------------------------------------------------------------------ what a run asks for */

static uint32_t slot(const ds_machine *m, uint32_t number)
{
  return m->obligations >> number * SLOT_BITS & SLOT_MASK;
}

/* The pair of a slot, NULL for an empty one. */
static profile_pair *pair_of(const ds_machine *m, uint32_t number)
{
  const uint32_t pair = slot(m, number) & ~(uint32_t)NEGATIVE;
  return pair && pair <= m->profile->pair_count ? &m->profile->pairs[pair - 1] : NULL;
}

/* Always takes the same number of random numbers, whatever was learned. */
static uint32_t draw_obligations(ds_machine *m)
{
  const profile *p = m->profile;
  uint32_t best = random_below(m, p->pair_count);

  for (uint32_t i = 1; i < CANDIDATES; i++) {
    const uint32_t other = random_below(m, p->pair_count);
    const profile_pair *a = &p->pairs[best], *b = &p->pairs[other];
    best = b->tried + MET_COUNTS * b->met < a->tried + MET_COUNTS * a->met ? other : best;
  }
  const uint32_t second = random_below(m, p->pair_count);
  const uint32_t how = random32(m);
  const uint32_t low = (best + 1) | (how & 7 ? 0 : NEGATIVE);
  const uint32_t high = (second + 1) | (how & 0x18 ? 0 : NEGATIVE);
  return low | (how & 0x60 ? high << SLOT_BITS : 0);
}

static void rff_begin(ds_machine *m)
{
  const uint32_t asked = m->strategy_config.obligations;
  const uint32_t drawn = m->profile->pair_count ? draw_obligations(m) : 0;

  pos_begin(m);
  m->obligations = asked ? asked : drawn;
  m->held_row = 0;
  for (uint32_t i = 0; i < SLOTS_OF_RUN; i++) {
    profile_pair *p = pair_of(m, i);
    m->obligation_state[i] = !p ? CLOSED : p->writer == PROFILE_INITIAL ? WRITTEN : OPEN;
    m->obligation_writer[i] = NOBODY;
    if (p) {
      p->tried = (uint16_t)(p->tried + (p->tried < UINT16_MAX));
    }
  }
}

/* ------------------------------------------------------------------ while it runs */

static int stands_at(const ds_machine *m, const fiber *f, uint32_t site)
{
  return site != PROFILE_INITIAL && module_offset(m, f->op.pc) == m->profile->sites[site].pc;
}

/* The reader, in another thread than the writer's. */
static int stands_at_reader(const ds_machine *m, const fiber *f, const profile_pair *p, int writer)
{
  return f->id != writer && stands_at(m, f, p->reader);
}

/* An obligation that may still come true and concerns what this thread stands before, or NULL. */
static profile_pair *concerns(const ds_machine *m, uint32_t number, const fiber *f)
{
  profile_pair *p = m->obligation_state[number] == CLOSED ? NULL : pair_of(m, number);
  return p && f->op.object == m->profile->sites[p->reader].object ? p : NULL;
}

static int rank_by(const ds_machine *m, uint32_t number, const fiber *f)
{
  const profile_pair *p = concerns(m, number, f);

  if (!p) {
    return NORMAL;
  }
  const int at_reader = stands_at_reader(m, f, p, m->obligation_writer[number]);
  const int is_written = m->obligation_state[number] == WRITTEN;
  if (slot(m, number) & NEGATIVE) {
    return is_written && at_reader ? AVOID : NORMAL;
  }
  if (is_written) {
    return at_reader ? TAKE : operation_writes(f->op.kind) ? AVOID : NORMAL;
  }
  return at_reader ? AVOID : stands_at(m, f, p->writer) ? TAKE : NORMAL;
}

static int rank(const ds_machine *m, const fiber *f)
{
  const int one = rank_by(m, 0, f), other = rank_by(m, 1, f);
  return one == AVOID || other == AVOID ? AVOID : one > other ? one : other;
}

/* This thread carries out what it stands before. */
static void carried_out(ds_machine *m, const fiber *f)
{
  for (uint32_t i = 0; i < SLOTS_OF_RUN; i++) {
    profile_pair *p = f->position ? concerns(m, i, f) : NULL;
    uint8_t *state = &m->obligation_state[i];
    if (!p) {
      continue;
    }
    if (*state == WRITTEN && stands_at_reader(m, f, p, m->obligation_writer[i])) {
      p->met = (uint16_t)(p->met + (p->met < UINT16_MAX));
      *state = slot(m, i) & NEGATIVE ? WRITTEN : CLOSED;
    }
    if (*state != CLOSED && operation_writes(f->op.kind)) {
      *state = stands_at(m, f, p->writer) ? WRITTEN : p->writer == PROFILE_INITIAL ? CLOSED : OPEN;
      m->obligation_writer[i] = f->id;
    }
  }
}

static void rff_forced(ds_machine *m, fiber *f)
{
  pos_forced(m, f);
  carried_out(m, f);
}

static int somebody_is_held(const ds_machine *m)
{
  for (uint32_t i = 0; i < m->runnable_count; i++) {
    if (rank(m, &m->fibers[m->runnable[i]]) == AVOID) {
      return 1;
    }
  }
  return 0;
}

static uint32_t rff_pick(ds_machine *m, uint32_t passed, int32_t *horizon)
{
  (void)passed, (void)horizon;
  if (somebody_is_held(m) && m->held_row++ > HELD_LEAST + m->profile->events) {
    m->obligation_state[0] = m->obligation_state[1] = CLOSED; /* what it asks for does not come */
  }
  const uint32_t next = pos_choose(m, rank);
  carried_out(m, &m->fibers[next]);
  return next;
}

const strategy strategy_rff = {
    rff_begin, profile_spawn, rff_pick, strategy_mostly_quiet, rff_forced, 1};
