/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What chooses a schedule. A strategy is three functions and no state of its own: its fields live
 * in the machine, its only source of randomness is machine.random, so a seed is a schedule.
 */
#ifndef DRAINSTORM_STRATEGY_H
#define DRAINSTORM_STRATEGY_H

#include "machine.h"

struct strategy {
  /* A run begins. */
  void (*begin)(ds_machine *m);
  /* A simulated thread was created. */
  void (*spawn)(ds_machine *m, fiber *f);
  /*
   * Who runs next? Called with at least two runnable threads. `passed` scheduling points of the
   * current thread have gone by since the last call, this one included. *horizon: at which of the
   * coming points to ask again (1 = the next); whenever the set of runnable threads grows, the
   * machine asks earlier. Returns the id of a runnable thread.
   */
  uint32_t (*pick)(ds_machine *m, uint32_t passed, int32_t *horizon);
  /* Any other question; `position` counts this thread's questions of this kind. */
  uint32_t (*answer)(ds_machine *m, uint32_t kind, uint32_t position, uint32_t options);
};

extern const strategy strategy_random, strategy_sticky, strategy_pct, strategy_bytes,
    strategy_replay;

/* A 64-bit multiply-and-fold generator (Lemire's reduction below): one addition and one product
 * per number. */
static inline uint32_t random32(ds_machine *m)
{
  m->random += 0x9e3779b97f4a7c15u;
  const unsigned __int128 product =
      (unsigned __int128)m->random * (m->random ^ 0xd1b54a32d192ed03u);
  return (uint32_t)((uint64_t)(product >> 64) ^ (uint64_t)product);
}

static inline uint32_t random_below(ds_machine *m, uint32_t bound)
{
  return (uint32_t)(((uint64_t)random32(m) * bound) >> 32);
}

/* Shared by the strategies that need nothing at these moments. */
void strategy_no_begin(ds_machine *m);
void strategy_no_spawn(ds_machine *m, fiber *f);
/* Quiet three times out of four, else uniform. */
uint32_t strategy_mostly_quiet(ds_machine *m, uint32_t kind, uint32_t position, uint32_t options);

#endif
