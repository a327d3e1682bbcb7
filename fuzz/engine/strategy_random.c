/* SPDX-License-Identifier: Apache-2.0 */
/* Uniform random: at every point each runnable thread is as likely as any other. */
#include "strategy.h"

static uint32_t random_pick(ds_machine *m, uint32_t passed, int32_t *horizon)
{
  (void)passed, (void)horizon;
  return m->runnable[random_below(m, m->runnable_count)];
}

static uint32_t random_answer(ds_machine *m, uint32_t kind, uint32_t position, uint32_t options)
{
  return kind == DS_KIND_READ || is_fault(kind) ? strategy_mostly_quiet(m, kind, position, options)
                                                : random_below(m, options);
}

void strategy_no_begin(ds_machine *m)
{
  (void)m;
}

void strategy_no_spawn(ds_machine *m, fiber *f)
{
  (void)m, (void)f;
}

uint32_t strategy_mostly_quiet(ds_machine *m, uint32_t kind, uint32_t position, uint32_t options)
{
  (void)position;
  if (is_fault(kind)) {
    return strategy_fault(m, options);
  }
  return random_below(m, 10) < 7 ? 0 : random_below(m, options);
}

const strategy strategy_random = {
    strategy_no_begin, strategy_no_spawn, random_pick, random_answer, NULL, 0};
