/* SPDX-License-Identifier: Apache-2.0 */
/* Many runs of one case: what they add up to, and whether each can be repeated. */
#include "machine.h"
#include "profile.h"
#include "strategy.h"

#include <stdio.h>
#include <string.h>

static void add_observed(ds_totals *t, uint64_t value)
{
  uint32_t at = 0;

  while (at < t->observed_count && t->observed[at] != value) {
    at++;
  }
  if (at == DS_OBSERVATIONS) {
    t->observations_lost++;
    return;
  }
  t->observed[at] = value;
  t->observed_runs[at]++;
  t->observed_count = at == t->observed_count ? at + 1 : t->observed_count;
}

static void add_unsupported(ds_totals *t, const char *message)
{
  for (ds_unsupported *u = t->unsupported; u < t->unsupported + DS_UNSUPPORTED_KINDS; u++) {
    if (!u->runs) {
      snprintf(u->message, sizeof u->message, "%.*s", (int)sizeof u->message - 1, message);
    }
    if (!strncmp(u->message, message, sizeof u->message - 1)) {
      u->runs++;
      return;
    }
  }
}

static void add_totals(ds_machine *m, ds_totals *t, const ds_result *r, uint64_t seed)
{
  t->runs++;
  t->pass += r->verdict == DS_PASS;
  t->unknown += r->verdict == DS_UNKNOWN;
  t->steps += r->steps;
  t->choices += r->choices;
  t->switches += r->switches;
  t->outcome[r->outcome]++;
  for (uint32_t marks = r->marks; marks; marks &= marks - 1) {
    t->marked[__builtin_ctz(marks)]++;
  }
  for (uint32_t bounds = r->bounds; bounds; bounds &= bounds - 1) {
    t->bounded[__builtin_ctz(bounds)]++;
  }
  for (uint32_t remarks = r->remarks; remarks; remarks &= remarks - 1) {
    const int i = __builtin_ctz(remarks);
    t->first_remarked_seed[i] = t->remarked[i]++ ? t->first_remarked_seed[i] : seed;
  }
  t->marked_any += r->marks != 0;
  t->shared += r->shared;
  t->suppressed += r->verdict != DS_FAIL && m->run_suppressed;
  if (UNLIKELY(r->outcome == DS_UNSUPPORTED)) {
    add_unsupported(t, r->message);
  }
  if (r->observed) {
    add_observed(t, r->observed);
  }
  if (m->flags & DS_FLAG_HASH) {
    const uint32_t times = class_seen(m, r->class_hash);
    t->new_classes += times == 1;
    t->single_classes += (times == 1) - (times == 2);
  }
  if (r->verdict == DS_FAIL && t->fail++ == 0) {
    t->first_fail_seed = seed;
    t->first_fail_pct_steps = r->pct_steps;
    t->first_fail_obligations = r->obligations;
    t->first_fail = *r;
  }
}

/* Does the replay of what the last run recorded give that run again? */
static int repeats(ds_machine *m, uint64_t seed, const ds_result *first)
{
  const ds_strategy replay = {.kind = DS_STRATEGY_REPLAY}, configured = m->strategy_config;
  const ds_case *c = m->input;
  ds_totals *totals = m->totals;
  const uint32_t flags = m->flags;
  ds_case again = *c;
  ds_result second;

  if (first->outcome == DS_HANG) {
    return 1; /* real time decides when a hang is noticed */
  }
  again.deviations = m->deviations; /* the replay does not record */
  again.deviation_count = m->deviation_count;
  m->totals = NULL;
  run_prepare(m, &again, &replay, flags & ~(uint32_t)DS_FLAG_RECORD);
  run_once(m, seed, &second);
  run_prepare(m, c, &configured, flags);
  m->totals = totals;
  m->deviation_count = again.deviation_count; /* they are still those of the first run */
  return second.trace_hash == first->trace_hash && second.outcome == first->outcome &&
         second.steps == first->steps;
}

uint32_t ds_batch(ds_machine *m, const ds_case *c, const ds_strategy *s, uint64_t count,
                  uint32_t flags, ds_totals *totals)
{
  ds_machine *before = ds_current;
  const uint64_t failed_before = totals->fail;
  ds_result result;

  fault_enter();
  ds_current = m;
  m->totals = totals;
  flags |= flags & DS_FLAG_TWICE ? DS_FLAG_RECORD | DS_FLAG_HASH : 0;
  run_prepare(m, c, s, flags);
  program_prepare(m, c);
  if (m->strategy->profiled) {
    profile_take(m);
  }
  m->pct_longest = 0;
  m->interrupt = 0;
  m->path_length = 0;
  for (uint64_t i = 0; i < count && !m->interrupt; i++) {
    run_once(m, s->seed + i, &result);
    add_totals(m, totals, &result, s->seed + i);
    if (flags & DS_FLAG_TWICE && !repeats(m, s->seed + i, &result)) {
      totals->unrepeated++;
      totals->first_unrepeated_seed = s->seed + i;
      break;
    }
    if (result.verdict == DS_FAIL && flags & DS_FLAG_STOP) {
      break;
    }
    if (m->strategy == &strategy_exhaustive && !exhaustive_advance(m)) {
      totals->exhausted = 1;
      break;
    }
  }
  m->totals = NULL;
  ds_current = before;
  fault_leave();
  return totals->fail > failed_before ? DS_FAIL : DS_PASS;
}

void ds_interrupt(ds_machine *m)
{
  m->interrupt = 1;
}
