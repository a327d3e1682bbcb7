/* SPDX-License-Identifier: Apache-2.0 */
/* Life of a machine: create, load, run, batch. What a run leaves is copied out by the getters. */
#include "inject.h"
#include "liveness.h"
#include "memory.h"
#include "processor.h"
#include "profile.h"
#include "race.h"
#include "relaxed.h"
#include "stacks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

__thread ds_machine *ds_current __attribute__((tls_model("initial-exec")));

/* ------------------------------------------------------------------ create and destroy */

uint32_t ds_abi_version(void)
{
  return DS_ABI_VERSION;
}

uint32_t ds_abi_size(uint32_t which)
{
  static const uint32_t sizes[] = {sizeof(ds_op),       sizeof(ds_deviation), sizeof(ds_case),
                                   sizeof(ds_strategy), sizeof(ds_result),    sizeof(ds_totals),
                                   sizeof(ds_event),    sizeof(ds_waiter),    sizeof(ds_race)};
  return which < sizeof sizes / sizeof *sizes ? sizes[which] : 0;
}

static void *reserve(size_t bytes)
{
  void *at =
      mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return at == MAP_FAILED ? NULL : at;
}

static void release_reserved(void *at, size_t bytes)
{
  if (at) {
    munmap(at, bytes);
  }
}

/* Those of threads move when the target's description is known: module.c. */
static int protect_guards(ds_machine *m)
{
  uint8_t *region = m->region;
  m->target.stack_bytes = STACK_BYTES_DEFAULT;
  int failed = stacks_place(m);

  for (int i = 0; i < DS_THREAD_MAX; i++) {
    stack_exists(region + (size_t)i * STACK_BYTES, STACK_BYTES);
  }
  for (int i = 0; i < SLOTS; i++) {
    failed |= mprotect(region + STACK_REGION + (size_t)i * SLOT_BYTES, PAGE_BYTES, PROT_NONE);
    stack_exists(region + STACK_REGION + (size_t)i * SLOT_BYTES, SLOT_BYTES);
  }
  return failed;
}

enum { SHADOW_BYTES = (REGION_BYTES >> SHADOW_SHIFT) * (int)sizeof(shadow_cell) };
enum { CELL_BYTES = (REGION_BYTES >> SHADOW_SHIFT) * (int)sizeof(access_cell) };
enum { ADDRESSABLE_BYTES = ARENA_BYTES >> SHADOW_SHIFT };
enum { RUNS_BEFORE_WIPE = 1000 }; /* the first time soon: what is rare is met in every test */
enum { MORE_BYTES = (MORE_MOST + 1) * (int)sizeof(access_more) };

ds_machine *ds_machine_create(char *error, size_t error_size)
{
  ds_machine *m = calloc(1, sizeof *m);

  if (!m || !(m->region = reserve(REGION_BYTES)) || !(m->shadow = reserve(SHADOW_BYTES)) ||
      !(m->cells = reserve(CELL_BYTES)) || !(m->addressable = reserve(ADDRESSABLE_BYTES)) ||
      !(m->more = reserve(MORE_BYTES)) || protect_guards(m)) {
    snprintf(error, error_size, "cannot reserve %d MiB of address space",
             (REGION_BYTES >> 20) + (SHADOW_BYTES >> 20) + (CELL_BYTES >> 20));
    ds_machine_destroy(m);
    return NULL;
  }
  m->run_number = RUN_NUMBER_MOST - RUNS_BEFORE_WIPE;
  m->bump = arena_of(m);
  m->arena_end = m->bump + ARENA_BYTES;
  return m;
}

void ds_machine_destroy(ds_machine *m)
{
  if (!m) {
    return;
  }
  module_unload(m);
  release_reserved(m->region, REGION_BYTES);
  release_reserved(m->shadow, SHADOW_BYTES);
  release_reserved(m->cells, CELL_BYTES);
  release_reserved(m->addressable, ADDRESSABLE_BYTES);
  release_reserved(m->more, MORE_BYTES);
  memory_c11_narrow.destroy(m);
  memory_c11_wide.destroy(m);
  memory_graph_narrow.destroy(m);
  memory_graph_wide.destroy(m);
  memory_tso.destroy(m);
  relaxed_destroy(m);
  free(m->races);
  free(m->suppressed);
  free(m->tail);
  free(m->spins);
  free(m->path);
  free(m->fan);
  free(m->profile);
  free(m->records);
  free(m->actor_ops);
  free(m->deviations);
  free(m->events);
  free(m->text);
  free(m->names);
  free(m->classes);
  free(m);
}

int ds_machine_load(ds_machine *m, const char *path, char *error, size_t error_size)
{
  if (m->target.handle) {
    snprintf(error, error_size, "this machine has a target already");
    return -1;
  }
  if (module_load(m, path, error, error_size)) {
    module_unload(m);
    return -1;
  }
  return 0;
}

void *enlarge(void *array, uint32_t *capacity, uint32_t needed, size_t element_bytes)
{
  if (*capacity >= needed) {
    return array;
  }
  void *larger = realloc(array, needed * element_bytes);
  if (!larger) {
    abort(); /* outside of a run there is nowhere to go */
  }
  *capacity = needed;
  return larger;
}

void *grow(ds_machine *m, void *array, uint32_t *capacity, uint32_t most, size_t element_bytes,
           const char *what)
{
  const uint32_t wanted = *capacity ? *capacity * 2 : 256;
  const uint32_t next = wanted > most ? most : wanted;
  void *larger = next > *capacity ? realloc(array, next * element_bytes) : NULL;

  if (!larger) {
    finish(m, DS_UNKNOWN, DS_MEMORY_LIMIT, 0, "limit of %u %s reached", most, what);
  }
  *capacity = next;
  return larger;
}

/* ------------------------------------------------------------------ the end of a run */

void set_outcome(ds_machine *m, uint32_t verdict, uint32_t outcome, uintptr_t pc,
                 const char *message)
{
  ds_result *r = m->result;

  if (r->outcome != DS_OK) {
    return;
  }
  r->verdict = verdict;
  r->outcome = outcome;
  r->thread = m->current->id;
  r->pc = module_offset(m, pc);
  if (message != r->message) {
    snprintf(r->message, sizeof r->message, "%s", message);
  }
}

static NORETURN void leave(ds_machine *m)
{
  ds_leave(m->host_sp);
}

void finish(ds_machine *m, uint32_t verdict, uint32_t outcome, uintptr_t pc, const char *format,
            ...)
{
  va_list arguments;

  va_start(arguments, format);
  vsnprintf(m->result->message, sizeof m->result->message, format, arguments);
  va_end(arguments);
  m->result->task = current_task(m);
  set_outcome(m, verdict, outcome, pc, m->result->message);
  leave(m);
}

void finish_rule(ds_machine *m, const char *rule, const char *site, const char *format,
                 va_list arguments)
{
  ds_result *r = m->result;

  snprintf(r->rule, sizeof r->rule, "%s", rule);
  snprintf(r->site, sizeof r->site, "%s", site);
  vsnprintf(r->message, sizeof r->message, format, arguments);
  r->task = current_task(m);
  set_outcome(m, DS_FAIL, DS_RULE, 0, r->message);
  leave(m);
}

void finish_quietly(ds_machine *m)
{
  leave(m);
}

/* ------------------------------------------------------------------ one run */

static void *main_thread(void *argument)
{
  (void)argument;
  ds_current->target.driver_main();
  return NULL;
}

static const strategy *strategy_of(uint32_t kind)
{
  static const strategy *const all[] = {
      [DS_STRATEGY_REPLAY] = &strategy_replay, [DS_STRATEGY_RANDOM] = &strategy_random,
      [DS_STRATEGY_STICKY] = &strategy_sticky, [DS_STRATEGY_PCT] = &strategy_pct,
      [DS_STRATEGY_BYTES] = &strategy_bytes,   [DS_STRATEGY_EXHAUSTIVE] = &strategy_exhaustive,
      [DS_STRATEGY_POS] = &strategy_pos,       [DS_STRATEGY_URW] = &strategy_urw,
      [DS_STRATEGY_SURW] = &strategy_surw,     [DS_STRATEGY_RFF] = &strategy_rff};
  return kind < sizeof all / sizeof *all ? all[kind] : &strategy_replay;
}

/* The numbers of runs begin again: cells of an old run could look current. */
COLD static void wipe_cells(ds_machine *m)
{
  madvise(m->shadow, SHADOW_BYTES, MADV_DONTNEED); /* private and anonymous: zero again */
  madvise(m->cells, CELL_BYTES, MADV_DONTNEED);
  memset(m->numbered, 0, sizeof m->numbered);
  module_wipe_cells(m);
  race_forget_runs(m);
  m->run_number = 1;
}

static void reset(ds_machine *m, ds_result *result)
{
  if (++m->run_number > RUN_NUMBER_MOST) {
    wipe_cells(m);
  }
  memset(result, 0, offsetof(ds_result, rule));
  result->rule[0] = result->site[0] = result->message[0] = 0;
  m->result = result;
  m->steps = m->choices = m->switches = 0;
  m->runnable_count = m->fiber_count = m->live = 0;
  m->now_ns = 1000000000; /* a clock that shows 0 is too special */
  m->descriptor_count = m->task_count = m->key_count = 0;
  m->deviation_count = m->waiter_count = 0;
  m->byte_next = m->staged_count = 0;
  memset(m->channels, 0, sizeof m->channels);
  m->uninterrupted = NOBODY;
  m->fuel = m->fuel_start = 1;
  m->fuel_later = 0;
  m->parked = m->gated = 0;
  m->spin_bytes = 0;
  m->had_choice = m->in_tail = 0;
  m->choice_points = m->clock_reads = 0;
  observe_reset(m);
  race_begin(m);
  if (m->model) {
    m->model->begin(m);
  }
  heap_reset(m);
  module_reset(m);
  program_reset(m);
}

/* Everything that depends on the case and the flags but not on the seed. */
void run_prepare(ds_machine *m, const ds_case *c, const ds_strategy *s, uint32_t flags)
{
  m->input = c;
  m->flags = flags;
  m->strategy_config = *s;
  m->strategy = strategy_of(s->kind);
  m->step_limit = c->step_limit ? c->step_limit : STEP_LIMIT_DEFAULT;
  m->fiber_limit =
      c->thread_limit && c->thread_limit < DS_THREAD_MAX ? c->thread_limit : DS_THREAD_MAX;
  m->bytes = c->bytes;
  m->byte_count = c->byte_count;
  m->weak = c->model == DS_MODEL_C11 || c->model == DS_MODEL_C11_GRAPH;
  m->spurious = (c->checks & DS_CHECK_SPURIOUS) != 0;
  m->release_sequence_c20 = (c->checks & DS_CHECK_SEQUENCE_C20) != 0;
  if (c->model == DS_MODEL_C11_GRAPH) {
    m->base_model = &memory_graph_narrow;
  } else if (m->weak || c->model == DS_MODEL_TSO || c->checks & DS_CHECK_ACCESS) {
    m->base_model = &memory_c11_narrow;
  } else {
    m->base_model = NULL;
  }
  m->model = c->model == DS_MODEL_TSO ? &memory_tso : m->base_model;
  relaxed_prepare(m, c);
}

/* What only the end of a run shows; a failure that ended it comes first. */
static void judge_end(ds_machine *m)
{
  const ds_race *r = &m->first_race;
  char message[96];

  if (m->run_races) {
    snprintf(message, sizeof message, "data race: %s%s by T%u, earlier %s by T%u",
             r->mixed ? "atomic and plain: " : "", r->write ? "write" : "read", r->thread,
             r->other_write ? "write" : "read", r->other_thread);
    if (!m->result->outcome) {
      m->result->other_pc = r->other_pc;
      m->result->place = r->place;
      m->result->mixed = r->mixed;
    }
    set_outcome(m, DS_FAIL, DS_RACE, m->target.base + r->pc, message);
  }
  if (m->blocks_live && m->live == 0 && m->input->checks & DS_CHECK_LEAK) {
    snprintf(message, sizeof message, "%u heap block%s still allocated at the end", m->blocks_live,
             m->blocks_live == 1 ? " is" : "s are");
    set_outcome(m, DS_FAIL, DS_LEAK, 0, message);
  }
}

/* A limit that may have hidden something: nothing can be said of this run. */
static void judge_limits(ds_machine *m)
{
  const uint32_t met = m->result->bounds;
  char message[96] = "";

  if (met & DS_BOUND_HISTORY) {
    snprintf(message, sizeof message, "limit of %d stores kept of one atomic object reached",
             HISTORY_MOST);
  } else if (met & DS_BOUND_ACCESSES) {
    snprintf(message, sizeof message, "limit of %d further accesses kept reached", MORE_MOST);
  } else if (met & DS_BOUND_BUFFER) {
    snprintf(message, sizeof message, "limit of %d stores in one store buffer reached",
             BUFFER_ENTRIES);
  }
  if (message[0]) {
    set_outcome(m, DS_UNKNOWN, DS_MEMORY_LIMIT, 0, message);
  }
}

void run_once(ds_machine *m, uint64_t seed, ds_result *result)
{
  m->needs_wide = 0;
  m->seed = seed;
  reset(m, result);
  m->random = seed * 0xa0761d6478bd642fu + 0x1234567;
  m->running = 1;
  fiber entry; /* host side of the first switch: finish() returns here, or the last fiber's end */
  m->current = &entry;
  memset(&entry, 0, sizeof entry);
  inject_begin(m);
  m->strategy->begin(m);
  m->current = fiber_create(m, main_thread, NULL);
  ds_switch(&m->host_sp, m->current->sp);
  processor_restore();
  m->running = 0;
  const uint32_t bound = m->in_tail ? tail_end(m) : 0;
  if (m->needs_wide) {
    const memory_model *wider = m->base_model->wider;
    m->model = m->model == m->base_model ? wider : m->model;
    m->base_model = wider;
    run_once(m, seed, result);
    return;
  }
  m->choice_points += m->had_choice ? (uint32_t)(m->fuel_start - m->fuel) : 0;
  if (m->strategy == &strategy_pct && m->choice_points > m->pct_longest) {
    m->pct_longest = m->choice_points;
  }
  judge_end(m);
  if (bound) {
    snprintf(result->message, sizeof result->message, "step limit of %u scheduling points reached",
             bound);
    set_outcome(m, DS_UNKNOWN, DS_STEP_LIMIT, 0, result->message);
  }
  judge_limits(m);
  result->steps = m->steps + (uint32_t)(m->fuel_start - m->fuel); /* since the last question */
  result->choices = m->choices;
  result->switches = m->switches;
  result->trace_hash = m->trace_hash;
  result->class_hash = m->class_hash;
  result->virtual_ns = m->now_ns - 1000000000;
  result->threads = m->fiber_count;
  result->pct_steps = m->strategy == &strategy_pct ? m->pct_steps : 0;
  result->obligations = m->strategy == &strategy_rff ? m->obligations : 0;
  result->deviation_count = m->deviation_count;
  result->event_count = m->event_count;
  result->waiter_count = m->waiter_count;
}

uint32_t ds_run(ds_machine *m, const ds_case *c, const ds_strategy *s, uint32_t flags,
                ds_result *result)
{
  ds_machine *before = ds_current;

  fault_enter();
  ds_current = m;
  m->totals = NULL;
  run_prepare(m, c, s, flags);
  program_prepare(m, c);
  if (m->strategy->profiled) {
    profile_take(m);
  }
  m->pct_longest = s->pct_steps;
  run_once(m, s->seed, result);
  ds_current = before;
  fault_leave();
  return result->verdict;
}
