/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that wait by looking again and again. Once it is certain that a thread will go round
 * until somebody else changes something, it is parked until one of the objects that it looks at has
 * another value: the steps of the run are for those who do something, and a loop that nobody ends
 * is a verdict instead of a bound.
 *
 * Certain means: from a point of the thread to the same point, it has changed nothing that others
 * can see (loads, fences, yields, failed tries, read-modify-writes that store what was there), no
 * question was asked (so it has read the newest store of everything, and has no store of its own
 * in a buffer), it has read no clock, and its registers, its stack and all memory are what they
 * were. Then whatever it does is a function of what it reads. A loop that counts, that has a stale
 * value or a spurious failure to choose, that calls poll() or sleeps is not parked: it runs on, and
 * the fair tail (tail.c) judges it.
 *
 * A plain variable that the loop reads may change unseen. So before a run is judged everybody who
 * was parked in another state of memory is let go once more.
 *
 * Where to look is a function of the thread's own count of points: a run that is replayed under
 * another strategy parks at the same moment. Between the looks it costs nothing.
 */
#include "liveness.h"
#include "memory.h"
#include "stacks.h"
#include "state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  LOOP_POINTS_MOST = 32, /* a longer loop is not seen */
  OBJECTS_MOST = 16,
  ROUNDS = 4,           /* times at the head before it is looked at closely */
  TRIES = 3,            /* times round then, if they differ */
  REST_MOST = 5,        /* doublings of the time until the next look */
  BYTES_MOST = 2 << 20, /* looked at in one run */
  PLACES = (int)(sizeof((ds_waiter *)0)->pc / sizeof(uint64_t)),
};

typedef struct watched { /* an atomic object, or the first bytes of another one */
  const void *at;
  size_t bytes;
  uint8_t value[16];
} watched;

struct spin { /* the loop of one thread */
  pending head;
  uint32_t points; /* since it stood at the head */
  uint32_t asked, clock_reads;
  uint64_t state;
  standpoint stand;
  watched last; /* what the operation before this point was about */
  uint32_t object_count, place_count;
  uint32_t rounds, tries,
      rest; /* times at the head; proofs begun; doublings of the time until the next look */
  watched objects[OBJECTS_MOST];
  uint64_t places[PLACES];
};

/* ------------------------------------------------------------------ what is looked at */

static int is_memory(const ds_machine *m, uintptr_t address)
{
  return address - (uintptr_t)m->region < REGION_BYTES ||
         address - m->target.writable.base < m->target.writable.bytes;
}

/* Operations that may leave everything as it was. */
static int may_change_nothing(uint32_t kind)
{
  return kind == DS_EV_LOAD || kind == DS_EV_CAS || kind == DS_EV_RMW || kind == DS_EV_LOCK ||
         kind == DS_EV_FENCE || kind == DS_EV_YIELD;
}

/* 1 to 16 bytes as all threads see them; the usual sizes without a call. */
static void copy_value(const ds_machine *m, uint8_t *to, const void *from, size_t bytes)
{
  if (m->model == &memory_tso) {
    tso_settled(m, from, bytes, to);
    return;
  }
  switch (bytes) {
  case 4:
    memcpy(to, from, 4);
    break;
  case 8:
    memcpy(to, from, 8);
    break;
  default:
    memcpy(to, from, bytes);
  }
}

static watched look_at(const ds_machine *m, const pending *op)
{
  watched w = {op->object, op->bytes ? op->bytes : 8, {0}};

  if (w.at) {
    copy_value(m, w.value, w.at, w.bytes);
  }
  return w;
}

static int has_changed(const ds_machine *m, const watched *w)
{
  uint8_t now[sizeof w->value] = {0};

  if (!w->at) {
    return 0;
  }
  copy_value(m, now, w->at, w->bytes);
  return memcmp(now, w->value, sizeof now) != 0;
}

static int add_object(spin *s, watched w)
{
  for (uint32_t i = 0; i < s->object_count; i++) {
    if (s->objects[i].at == w.at && s->objects[i].bytes == w.bytes) {
      return 1;
    }
  }
  if (s->object_count == OBJECTS_MOST) {
    return 0;
  }
  s->objects[s->object_count++] = w;
  return 1;
}

/* The thread is about to do this: note where, and what it looks at. */
static int note(const ds_machine *m, spin *s, const pending *op)
{
  const uint64_t place = module_offset(m, op->pc);
  uint32_t i = 0;

  while (i < s->place_count && s->places[i] != place) {
    i++;
  }
  if (i == s->place_count && i < PLACES && place) {
    s->places[s->place_count++] = place;
  }
  s->last = look_at(m, op);
  return !op->object || add_object(s, s->last);
}

static uint32_t questions(const fiber *f)
{
  uint32_t sum = 0;

  for (uint32_t kind = 0; kind < DS_KINDS; kind++) {
    sum += f->asked[kind];
  }
  return sum;
}

/* All that this thread can tell: its registers and stack, those of others, and memory. */
static uint64_t state_of_thread(ds_machine *m, const fiber *f, const standpoint *at)
{
  uint64_t hash = stir(stir(1, at->registers), (uint64_t)f->error << 32 | m->blocks_live);

  for (uint32_t i = 0; i < m->key_count; i++) {
    hash = stir(hash, (uintptr_t)f->keys[i]);
  }
  for (uint32_t i = 0; i < m->fiber_count; i++) {
    const fiber *u = &m->fibers[i];
    if (!u->done) {
      hash = stir_stack(m, hash, u, u == f ? at->frame : stack_end_of_thread(m, u), &m->spin_bytes);
    }
  }
  return stir_live_slots(m, stir_data(m, hash, &m->spin_bytes), &m->spin_bytes);
}

static int may_look(const ds_machine *m)
{
  return m->spin_bytes < BYTES_MOST && state_is_small(m);
}

/* ------------------------------------------------------------------ watching */

static uint32_t next_look(uint32_t at)
{
  return at < SPIN_FIRST_LOOK ? SPIN_FIRST_LOOK : (at / SPIN_LOOK_EVERY + 1) * SPIN_LOOK_EVERY;
}

static void stop_watching(fiber *f, uint32_t at)
{
  f->watch = WATCH_NOT;
  f->look_at = next_look(at);
}

/* It is no loop, or one that changes: leave it alone for a while. */
static void give_up(fiber *f, spin *s, uint32_t at)
{
  f->watch = WATCH_NOT;
  f->look_at = at + (SPIN_LOOK_EVERY << s->rest);
  s->rest += s->rest < REST_MOST;
}

static int is_watchable(const ds_machine *m, const pending *op)
{
  const uintptr_t object = (uintptr_t)op->object;
  return may_change_nothing(op->kind) && (!object || is_memory(m, object));
}

static void begin_round(ds_machine *m, const fiber *f, spin *s)
{
  s->asked = questions(f);
  s->clock_reads = m->clock_reads;
  s->points = s->object_count = s->place_count = 0;
}

static void park(ds_machine *m, fiber *f)
{
  f->watch = WATCH_PARKED;
  m->parked++;
  m->fuel_later = 0;
  make_blocked(m, f);
  if (m->flags & DS_FLAG_TRACE) {
    event_add(m, DS_EV_NOTE)->text = text_add(m, "spins: goes on when what it looks at changes");
  }
}

/* The thread stands at the head of the loop again. */
static void look_at_head(ds_machine *m, fiber *f, spin *s, uint32_t at)
{
  if (f->watch == WATCH_ROUND && ++s->rounds < ROUNDS) {
    begin_round(m, f, s);
    return;
  }
  if (!may_look(m)) {
    give_up(f, s, at);
    return;
  }
  const int quiet = s->asked == questions(f) && s->clock_reads == m->clock_reads;
  const uint64_t before = s->state;
  state_stand(m, &s->stand);
  s->state = state_of_thread(m, f, &s->stand);
  if (f->watch == WATCH_PROOF && quiet && s->state == before && s->stand.frame) {
    park(m, f);
    return;
  }
  if (s->tries == TRIES) {
    give_up(f, s, at);
    return;
  }
  s->tries++;
  f->watch = WATCH_PROOF;
  begin_round(m, f, s);
}

void spin_yields(ds_machine *m)
{
  fiber *f = m->current;
  const uint32_t at = f->position + (uint32_t)(m->fuel_start - m->fuel) + 1;

  if (f->look_at <= at + SPIN_LOOK_EVERY) { /* it is not left alone */
    f->look_at = at < f->look_at ? at : f->look_at;
  }
}

void spin_look(ds_machine *m, uint32_t at)
{
  fiber *f = m->current;

  if (!m->spins && !(m->spins = calloc(DS_THREAD_MAX, sizeof *m->spins))) {
    f->look_at = UINT32_MAX;
    return;
  }
  spin *s = &m->spins[f->id];
  if (!is_watchable(m, &f->op) || (f->watch != WATCH_NOT && has_changed(m, &s->last))) {
    stop_watching(f, at);
    return;
  }
  f->look_at = at + 1;
  if (f->watch == WATCH_NOT) {
    s->rest = f->spun ? s->rest : 1;
    s->rounds = s->tries = 0;
    f->spun = 1;
    f->watch = WATCH_ROUND;
    s->head = f->op;
    begin_round(m, f, s);
  } else if (f->op.pc == s->head.pc && f->op.object == s->head.object) {
    look_at_head(m, f, s, at);
  } else if (++s->points > LOOP_POINTS_MOST) {
    stop_watching(f, at);
  }
  if (f->watch != WATCH_NOT && f->watch != WATCH_PARKED && !note(m, s, &f->op)) {
    stop_watching(f, at);
  }
}

/* ------------------------------------------------------------------ letting go */

static void unpark(ds_machine *m, fiber *f)
{
  f->watch = WATCH_NOT;
  f->look_at = f->position + 1;
  m->parked--;
  make_runnable(m, f);
}

static int sees_a_change(const ds_machine *m, const fiber *f)
{
  if (f->watch == WATCH_AWAITS) {
    return f->awaited.holds(f->awaited.argument);
  }
  const spin *s = &m->spins[f->id];
  for (uint32_t i = 0; i < s->object_count; i++) {
    if (has_changed(m, &s->objects[i])) {
      return 1;
    }
  }
  return 0;
}

void spin_wake(ds_machine *m)
{
  for (uint32_t i = 0; i < m->fiber_count; i++) {
    fiber *f = &m->fibers[i];
    if (f->watch >= WATCH_PARKED && sees_a_change(m, f)) {
      unpark(m, f);
    }
  }
}

int spin_recheck(ds_machine *m)
{
  const uint32_t before = m->parked;

  for (uint32_t i = 0; i < m->fiber_count; i++) {
    fiber *f = &m->fibers[i];
    if (f->watch != WATCH_PARKED) {
      continue;
    }
    const spin *s = &m->spins[i];
    if (!may_look(m)) {
      unpark(m, f);
      f->look_at = UINT32_MAX; /* what cannot be looked at is not parked */
    } else if (state_of_thread(m, f, &s->stand) != s->state) {
      unpark(m, f);
    }
  }
  return m->parked != before;
}

void spin_stop(ds_machine *m)
{
  for (uint32_t i = 0; i < m->fiber_count; i++) {
    fiber *f = &m->fibers[i];
    if (f->watch == WATCH_PARKED) {
      unpark(m, f);
    }
    f->look_at = UINT32_MAX;
  }
}

/* ------------------------------------------------------------------ reports */

void spin_report(const ds_machine *m, const fiber *f, ds_waiter *w)
{
  const spin *s = &m->spins[f->id];

  w->kind = DS_EV_LOOP;
  w->object = s->object_count ? canonical(m, (uintptr_t)s->head.object) : 0;
  memcpy(w->pc, s->places, s->place_count * sizeof *s->places);
}

void spin_judge(ds_machine *m)
{
  uint64_t low = UINT64_MAX, high = 0;
  char who[64] = "";

  for (uint32_t id = 0; id < m->fiber_count; id++) {
    if (m->fibers[id].watch != WATCH_PARKED) {
      continue;
    }
    const spin *s = &m->spins[id];
    const size_t used = strlen(who);
    for (uint32_t i = 0; i < s->place_count; i++) {
      low = s->places[i] < low ? s->places[i] : low;
      high = s->places[i] > high ? s->places[i] : high;
    }
    if (used + 8 < sizeof who) {
      snprintf(who + used, sizeof who - used, "%sT%u", used ? ", " : "", id);
    }
  }
  if (!who[0] || report_has_cycle(m)) {
    return;
  }
  m->result->other_pc = high != low ? high : 0;
  finish(m, DS_FAIL, DS_LIVELOCK, m->target.base + low,
         "livelock: %s will look for ever at what nobody changes", who);
}

/* ------------------------------------------------------------------ what a driver awaits */

void ds_await(const char *what, bool (*holds)(void *argument), void *argument)
{
  ds_machine *m = ds_current;
  fiber *f = m->current;

  settle(m);
  while (!holds(argument)) {
    f->awaited = (wakeup){holds, argument};
    f->awaits = what;
    f->watch = WATCH_AWAITS;
    m->parked++;
    make_blocked(m, f);
    block(m, DS_EV_AWAIT, NULL, CALLER);
  }
  f->awaits = NULL;
}
