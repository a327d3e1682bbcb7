/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fair tail: a run that has reached its step bound goes on for a while with every thread in its
 * turn, no choice and no fault. A bound says nothing about a program: a schedule may have let one
 * thread spin and the other rest. What goes round for ever under a fair schedule is a defect.
 *
 * That is decided exactly: the tail makes no choices, so if the whole state of the program is what
 * it was before (memory, stacks, registers, what each thread stands before, how long the sleepers
 * have yet to sleep), it will be so for ever. Where something that counts up is part of the state
 * the tail ends at its own bound and the verdict stays UNKNOWN. Equal states are looked for as in
 * Brent, "An improved Monte Carlo factorization algorithm", BIT 1980.
 *
 * Who goes round? If some threads change something all the time and others only look on, those are
 * starved; else it is a livelock: all spin, or all give way to each other.
 *
 * Virtual time stands still while anybody can run, so a state that comes again may be waiting for
 * a timer or reading a clock: then time passes, and only if that changes nothing it is a verdict.
 */
#include "liveness.h"
#include "memory.h"
#include "state.h"
#include "strategy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  POINTS_MOST = 20000,  /* of a tail, and at most POINTS_FACTOR times the bound */
  POINTS_FACTOR = 10,   /* ALGORITHMS.md 3.11 */
  BYTES_MOST = 8 << 20, /* looked at in one tail: some milliseconds */
  PLACES = (int)(sizeof((ds_waiter *)0)->pc / sizeof(uint64_t)),
};

#define LEAP_NS UINT64_C(1000000000000000000) /* thirty years: no timeout is longer */

typedef struct looper { /* what a thread did since the state was kept */
  uint8_t ran, changed;
  uint32_t place_count;
  uint64_t places[PLACES];
} looper;

struct tail {
  const strategy *interrupted; /* of the run before its bound */
  uint64_t step_limit;
  uint32_t choice_points;
  uint64_t kept;  /* hash of a state, 0 = none yet */
  uint64_t stuck; /* in which time was let pass */
  uint32_t since, power;
  uint32_t clock_reads; /* before the state was kept */
  uint8_t has_leapt;
  size_t looked_at;
  standpoint stands[DS_THREAD_MAX]; /* all zero = has not run in the tail */
  looper loopers[DS_THREAD_MAX];
};

/* Is the state small enough, and nowhere but where it is looked for? */
static int can_look(const ds_machine *m)
{
  return !tso_holds_back(m) && state_is_small(m) && m->tail->looked_at < BYTES_MOST;
}

static uint64_t stir_thread(ds_machine *m, uint64_t hash, const fiber *f)
{
  const uint64_t left = f->wake_ns > m->now_ns ? f->wake_ns - m->now_ns : f->wake_ns != 0;

  hash = stir(hash, (uint64_t)f->id << 32 | f->waits_kind);
  hash = stir(hash, (uint64_t)f->done << 6 | (uint64_t)f->timed_out << 5 |
                        (uint64_t)f->interrupted << 4 | (uint64_t)f->yielded << 3 |
                        (uint64_t)f->in_poll << 2 | (uint64_t)f->linked << 1 |
                        (f->slot_in_runnable != NOBODY));
  if (f->done) {
    return hash;
  }
  hash = stir(stir(hash, (uintptr_t)f->op.object), (uintptr_t)f->op.pc);
  hash = stir(stir(hash, (uintptr_t)f->waits_on), left);
  hash =
      stir(hash, (uint64_t)f->next_waiter << 48 | (uint64_t)f->joiner << 32 | (uint32_t)f->error);
  hash = stir(hash, (uint64_t)f->task << 8 | f->actor);
  for (uint32_t i = 0; i < m->key_count; i++) {
    hash = stir(hash, (uintptr_t)f->keys[i]);
  }
  const standpoint *at = &m->tail->stands[f->id];
  return stir_stack(m, stir(hash, at->registers), f, at->frame ? at->frame : (uintptr_t)f->sp,
                    &m->tail->looked_at);
}

static uint64_t state_hash(ds_machine *m)
{
  uint64_t hash = stir(stir(1, m->current->id), (uint64_t)m->uninterrupted << 32 | m->blocks_live);

  for (uint32_t i = 0; i < m->fiber_count; i++) {
    hash = stir_thread(m, hash, &m->fibers[i]);
  }
  for (uint32_t i = 0; i < m->descriptor_count; i++) {
    hash = stir(hash, m->descriptors[i].counter << 1 | m->descriptors[i].open);
  }
  for (uint32_t i = 1; i <= m->task_count; i++) {
    hash = stir(stir(hash, (uintptr_t)m->tasks[i].waits), m->tasks[i].live);
  }
  for (uint32_t a = 0; a < 256; a++) {
    hash = stir(hash, m->next_op[a]);
  }
  hash = stir_slots(m, stir_data(m, hash, &m->tail->looked_at), &m->tail->looked_at);
  return hash ? hash : 1;
}

/* ------------------------------------------------------------------ the verdict */

static int is_looping(const ds_machine *m, uint32_t id)
{
  return !m->fibers[id].done && m->tail->loopers[id].ran;
}

/* Those that the verdict is about: all that go round, or of these only those that look on. */
static int is_meant(const ds_machine *m, uint32_t id, int starved_only)
{
  return is_looping(m, id) && !(starved_only && m->tail->loopers[id].changed);
}

static void report_loops(ds_machine *m)
{
  report_waiters(m);
  for (uint32_t i = 0; i < m->waiter_count; i++) {
    ds_waiter *w = &m->waiters[i];
    if (w->thread < 0 || !is_looping(m, (uint32_t)w->thread)) {
      continue;
    }
    const looper *l = &m->tail->loopers[w->thread];
    memset(w->pc, 0, sizeof w->pc);
    memcpy(w->pc, l->places, l->place_count * sizeof *l->places);
    w->kind = DS_EV_LOOP;
    w->object = 0;
    w->holder = -1;
    w->holder_task = 0;
    w->holder_count = 0;
  }
}

/* The outermost of their places: two functions that do not depend on where the cycle began. */
static void extreme_places(const ds_machine *m, int starved_only, uint64_t *low, uint64_t *high)
{
  *low = UINT64_MAX;
  *high = 0;
  for (uint32_t id = 0; id < m->fiber_count; id++) {
    const looper *l = &m->tail->loopers[id];
    for (uint32_t i = 0; is_meant(m, id, starved_only) && i < l->place_count; i++) {
      *low = l->places[i] < *low ? l->places[i] : *low;
      *high = l->places[i] > *high ? l->places[i] : *high;
    }
  }
}

static NORETURN void judge(ds_machine *m)
{
  uint32_t looping = 0, changing = 0;
  uint64_t low, high;
  char who[64] = "";

  for (uint32_t id = 0; id < m->fiber_count; id++) {
    looping += (uint32_t)is_looping(m, id);
    changing += is_looping(m, id) && m->tail->loopers[id].changed;
  }
  const int starved_only = changing && changing < looping;
  for (uint32_t id = 0; id < m->fiber_count; id++) {
    const size_t used = strlen(who);
    if (is_meant(m, id, starved_only) && used + 8 < sizeof who) {
      snprintf(who + used, sizeof who - used, "%sT%u", used ? ", " : "", id);
    }
  }
  report_loops(m);
  extreme_places(m, starved_only, &low, &high);
  m->result->other_pc = high != low ? high : 0;
  if (starved_only) {
    finish(m, DS_FAIL, DS_STARVATION, m->target.base + low,
           "starvation: under a fair schedule %s never gets on, while others go round for ever",
           who);
  }
  finish(m, DS_FAIL, DS_LIVELOCK, m->target.base + low,
         "livelock: under a fair schedule %s %s for ever", who,
         changing ? "undo each other's work" : "wait for what nobody will do");
}

/* ------------------------------------------------------------------ looking for the same state */

static void keep(ds_machine *m, uint64_t hash)
{
  tail *t = m->tail;

  t->kept = hash;
  t->since = 0;
  t->clock_reads = m->clock_reads;
  memset(t->loopers, 0, sizeof *t->loopers * m->fiber_count);
}

/* The state is one that was there before. */
static void seen_again(ds_machine *m, uint64_t hash)
{
  tail *t = m->tail;

  if (hash != t->stuck && let_time_pass(m)) {
    t->stuck = hash;
  } else if (m->clock_reads != t->clock_reads && !t->has_leapt) {
    t->has_leapt = 1;
    m->now_ns += LEAP_NS;
  } else {
    judge(m);
  }
  t->power = 1;
  keep(m, 0);
}

static void look(ds_machine *m)
{
  tail *t = m->tail;

  if (!can_look(m)) {
    return;
  }
  const uint64_t hash = state_hash(m);
  if (hash == t->kept) {
    seen_again(m, hash);
  } else if (++t->since == t->power) {
    t->power *= 2;
    keep(m, hash);
  }
}

/* The current thread stands at a point; `next` has its turn. */
static void step(ds_machine *m, uint32_t next)
{
  const fiber *f = m->current;
  looper *l = &m->tail->loopers[f->id];
  const uint64_t place = module_offset(m, f->op.pc);
  uint32_t i = 0;

  l->ran = 1;
  while (i < l->place_count && l->places[i] != place) {
    i++;
  }
  if (i == l->place_count && i < PLACES && place) {
    l->places[l->place_count++] = place;
  }
  if (m->tail->looked_at < BYTES_MOST) {
    state_stand(m, &m->tail->stands[f->id]);
    if (next <= f->id) { /* everybody had a turn */
      look(m);
    }
  }
}

void tail_observe(ds_machine *m, uint32_t kind, uint64_t old, uint64_t value)
{
  const int changes = kind == DS_EV_STORE || kind == DS_EV_RMW || kind == DS_EV_CAS
                          ? old != value
                          : kind == DS_EV_LOCK || kind == DS_EV_UNLOCK || kind == DS_EV_WRITE ||
                                kind == DS_EV_READ || kind == DS_EV_SIGNAL ||
                                kind == DS_EV_BROADCAST || kind == DS_EV_CREATE;

  m->tail->loopers[m->current->id].changed |= (uint8_t)changes;
}

/* ------------------------------------------------------------------ the schedule */

static uint32_t fair_pick(ds_machine *m, uint32_t passed, int32_t *horizon)
{
  (void)passed, (void)horizon;
  step(m, runnable_from(m, m->current->id + 1u));
  return runnable_from(m, m->current->id + 1u); /* time may have passed */
}

static uint32_t fair_answer(ds_machine *m, uint32_t kind, uint32_t position, uint32_t options)
{
  (void)m, (void)kind, (void)position, (void)options;
  return 0;
}

static void fair_forced(ds_machine *m, fiber *f)
{
  step(m, f->id == m->current->id ? 0 : f->id);
}

static const strategy fair = {strategy_no_begin, strategy_no_spawn, fair_pick,
                              fair_answer,       fair_forced,       0};

void tail_begin(ds_machine *m)
{
  const uint64_t points = POINTS_FACTOR * m->step_limit;
  tail *t = m->tail ? m->tail : malloc(sizeof *t);

  if (!t) {
    finish(m, DS_UNKNOWN, DS_STEP_LIMIT, 0, "step limit of %lu scheduling points reached",
           (unsigned long)m->step_limit);
  }
  memset(t, 0, sizeof *t);
  m->tail = t;
  m->in_tail = 1;
  t->interrupted = m->strategy;
  t->step_limit = m->step_limit;
  t->choice_points = m->choice_points;
  t->power = 1;
  m->strategy = &fair;
  m->step_limit += points < POINTS_MOST ? points : POINTS_MOST;
  m->observing |= OBSERVING_TAIL;
  spin_stop(m);
  if (m->flags & DS_FLAG_TRACE) {
    const uint32_t text = text_add(m, "step limit: each in turn now");
    event_add(m, DS_EV_NOTE)->text = text;
  }
}

uint32_t tail_end(ds_machine *m)
{
  const tail *t = m->tail;

  m->in_tail = 0;
  m->strategy = t->interrupted;
  m->step_limit = t->step_limit;
  m->choice_points = t->choice_points;
  m->had_choice = 0;
  if (m->result->verdict == DS_UNKNOWN) { /* whatever bound the tail met */
    m->result->verdict = DS_PASS;
    m->result->outcome = DS_OK;
  }
  return m->result->outcome ? 0 : (uint32_t)t->step_limit;
}
