/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The strategy that counts (profile.h): the quiet default in the first round, few switches in the
 * second. Asked at every point, with or without a choice.
 */
#include "profile.h"

#include <stdlib.h>
#include <string.h>

enum {
  ROUNDS = 2,
  ROW_MOST = 100, /* choices to stay in a row: a spin loop shall not fill the counts */
  LEAVES_ONE_IN = 16,
  SEED = 2021,
};

/* ------------------------------------------------------------------ threads */

/* The next child of `parent` in creation order; new ones only while counting. 0 = not known. */
static uint16_t next_child(profile *p, fiber *parent, int may_add)
{
  profile_thread *t = &p->threads[parent->profiled - 1];

  if (!parent->profiled_child && may_add && p->thread_count < DS_THREAD_MAX) {
    const uint16_t added = (uint16_t)++p->thread_count;
    p->threads[added - 1] = (profile_thread){0};
    *(t->last_child ? &p->threads[t->last_child - 1].next_sibling : &t->first_child) = added;
    t->last_child = parent->profiled_child = added;
  }
  const uint16_t child = parent->profiled_child;
  parent->profiled_child = child ? p->threads[child - 1].next_sibling : 0;
  return child;
}

static void place(ds_machine *m, fiber *f, int may_add)
{
  profile *p = m->profile;

  f->profiled = f->profiled_child = 0;
  if (f->id == 0) {
    f->profiled = 1;
  } else if (m->current->profiled) {
    f->profiled = next_child(p, m->current, may_add);
  }
  if (f->profiled) {
    f->profiled_child = p->threads[f->profiled - 1].first_child;
  }
}

void profile_spawn(ds_machine *m, fiber *f)
{
  fiber *parent = m->current;

  place(m, f, 0);
  f->left = f->profiled ? m->profile->threads[f->profiled - 1].weight : 0;
  if (f->id) {
    parent->left -= f->left < parent->left ? f->left : parent->left;
  }
}

/* ------------------------------------------------------------------ objects */

static profile_object *object_at(profile *p, const void *object)
{
  uint32_t at = (uint32_t)((uintptr_t)object * 0x9e3779b97f4a7c15u >> 32) % PROFILE_INDEX;

  while (p->index[at] && p->objects[p->index[at] - 1].object != object) {
    at = (at + 1) % PROFILE_INDEX;
  }
  if (!p->index[at]) {
    if (p->object_count == PROFILE_OBJECTS) {
      return NULL;
    }
    p->objects[p->object_count] = (profile_object){.object = object};
    p->index[at] = (uint16_t)++p->object_count;
  }
  return &p->objects[p->index[at] - 1];
}

static void count_share(profile *p, profile_object *o, uint16_t thread)
{
  for (uint16_t at = o->first_share; at; at = p->shares[at - 1].next) {
    if (p->shares[at - 1].thread == thread) {
      p->shares[at - 1].accesses++;
      return;
    }
  }
  if (p->share_count < PROFILE_SHARES) {
    p->shares[p->share_count] = (profile_share){1, thread, o->first_share};
    o->first_share = (uint16_t)++p->share_count;
    o->threads++;
  }
}

/* ------------------------------------------------------------------ sites and pairs */

static void note_site(ds_machine *m, profile_object *o, const fiber *f)
{
  profile *p = m->profile;
  const uint32_t pc = (uint32_t)module_offset(m, f->op.pc);

  for (uint16_t at = o->first_site; at; at = p->sites[at - 1].next) {
    profile_site *s = &p->sites[at - 1];
    if (s->pc == pc) {
      s->thread = s->thread == f->profiled ? s->thread : 0;
      return;
    }
  }
  if (p->site_count < PROFILE_SITES) {
    p->sites[p->site_count] = (profile_site){.object = f->op.object,
                                             .pc = pc,
                                             .thread = f->profiled,
                                             .next = o->first_site,
                                             .kind = (uint8_t)f->op.kind};
    o->first_site = (uint16_t)++p->site_count;
  }
}

/* A lock is handed over from unlock to lock, a condition from signal to wait. */
static int gives(uint32_t kind)
{
  return operation_writes(kind) && kind != DS_EV_LOCK && kind != DS_EV_WAIT && kind != DS_EV_READ;
}

static int takes(uint32_t kind)
{
  return kind == DS_EV_LOAD || kind == DS_EV_RMW || kind == DS_EV_CAS || kind == DS_EV_LOCK ||
         kind == DS_EV_WAIT || kind == DS_EV_READ || kind == DS_EV_POLL;
}

static void add_pair(profile *p, uint16_t writer, uint16_t reader)
{
  if (p->pair_count < PROFILE_PAIRS) {
    p->pairs[p->pair_count++] = (profile_pair){writer, reader, 0, 0};
  }
}

/* Everything that another thread may have written before; the initial value if anything was. */
static void pair_up(profile *p, uint16_t reader)
{
  const profile_site *r = &p->sites[reader];
  int is_written = 0;

  for (uint16_t at = object_at(p, r->object)->first_site; at; at = p->sites[at - 1].next) {
    const profile_site *w = &p->sites[at - 1];
    if (gives(w->kind) && (!w->thread || w->thread != r->thread)) {
      add_pair(p, (uint16_t)(at - 1), reader);
      is_written = 1;
    }
  }
  if (is_written) {
    add_pair(p, PROFILE_INITIAL, reader);
  }
}

/* The thread that goes on now carries out what it stands before. */
static void count(ds_machine *m, const fiber *f)
{
  profile *p = m->profile;

  if (f->position == 0 || !f->profiled) {
    return; /* it begins, which is no operation */
  }
  p->threads[f->profiled - 1].events++;
  profile_object *o = f->op.object ? object_at(p, f->op.object) : NULL;
  if (!o) {
    return;
  }
  note_site(m, o, f);
  if (is_access(&f->op)) {
    o->accesses++;
    o->writes += (uint32_t)operation_writes(f->op.kind);
    count_share(p, o, f->profiled);
  }
}

/* ------------------------------------------------------------------ weights */

/* Parents stand before their children. */
static void sum_up(profile *p, uint32_t thread)
{
  profile_thread *t = &p->threads[thread];

  for (uint16_t child = t->first_child; child; child = p->threads[child - 1].next_sibling) {
    t->weight += p->threads[child - 1].weight;
  }
}

void profile_weigh_events(profile *p)
{
  for (uint32_t i = p->thread_count; i--;) {
    p->threads[i].weight = p->threads[i].events;
    sum_up(p, i);
  }
}

void profile_weigh_object(profile *p, const profile_object *o)
{
  for (uint32_t i = 0; i < p->thread_count; i++) {
    p->threads[i].weight = 0;
  }
  for (uint16_t at = o->first_share; at; at = p->shares[at - 1].next) {
    p->threads[p->shares[at - 1].thread - 1].weight = p->shares[at - 1].accesses;
  }
  for (uint32_t i = p->thread_count; i--;) {
    sum_up(p, i);
  }
}

/* ------------------------------------------------------------------ the two runs */

static void counting_begin(ds_machine *m)
{
  m->row = 0;
}

static void counting_spawn(ds_machine *m, fiber *f)
{
  place(m, f, 1);
}

static void counting_forced(ds_machine *m, fiber *f)
{
  count(m, f);
}

static uint32_t counting_pick(ds_machine *m, uint32_t passed, int32_t *horizon)
{
  uint32_t id = quiet_default(m);

  (void)passed, (void)horizon;
  if (m->profile->round && random_below(m, LEAVES_ONE_IN) == 0) {
    id = m->runnable[random_below(m, m->runnable_count)];
  } else if (m->row > ROW_MOST) {
    id = runnable_from(m, id + 1);
  }
  m->row = id == m->current->id ? m->row + 1 : 0;
  count(m, &m->fibers[id]);
  return id;
}

static uint32_t counting_answer(ds_machine *m, uint32_t kind, uint32_t position, uint32_t options)
{
  (void)m, (void)kind, (void)position, (void)options;
  return 0;
}

static const strategy counting = {counting_begin,  counting_spawn,  counting_pick,
                                  counting_answer, counting_forced, 0};

static uint32_t mean(uint32_t sum)
{
  return (sum + ROUNDS - 1) / ROUNDS;
}

static void run_rounds(ds_machine *m)
{
  profile *p = m->profile;
  ds_result result;

  p->thread_count = 1;
  p->threads[0] = (profile_thread){0};
  p->events = p->object_count = p->share_count = p->site_count = p->pair_count = 0;
  memset(p->index, 0, sizeof p->index);
  for (p->round = 0; p->round < ROUNDS; p->round++) {
    run_once(m, SEED, &result);
  }
  for (uint32_t i = 0; i < p->thread_count; i++) {
    p->threads[i].events = mean(p->threads[i].events);
    p->events += p->threads[i].events;
  }
  for (uint32_t i = 0; i < p->share_count; i++) {
    p->shares[i].accesses = mean(p->shares[i].accesses);
  }
  for (uint16_t i = 0; i < p->site_count; i++) {
    if (takes(p->sites[i].kind)) {
      pair_up(p, i);
    }
  }
}

void profile_take(ds_machine *m)
{
  const strategy *chosen = m->strategy;
  const memory_model *model = m->model, *base_model = m->base_model;
  ds_totals *totals = m->totals;
  const uint32_t flags = m->flags, bound = m->target.bound;

  if (!m->profile && !(m->profile = calloc(1, sizeof *m->profile))) {
    abort(); /* outside of a run there is nowhere to go */
  }
  m->strategy = &counting;
  m->base_model = NULL;
  m->model = NULL; /* sc, and nothing is judged: races of these runs have no seed to repeat */
  module_bind(&m->target, bound == BOUND_USUAL ? BOUND_BARE : bound); /* aware: more points */
  m->totals = NULL;
  m->flags = 0;
  run_rounds(m);
  module_bind(&m->target, bound);
  m->strategy = chosen;
  m->base_model = base_model;
  m->model = model;
  m->totals = totals;
  m->flags = flags;
}
