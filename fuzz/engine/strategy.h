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
  /* A point without a choice: this thread goes on. NULL = is not told of these, which is faster. */
  void (*forced)(ds_machine *m, fiber *f);
  int profiled; /* needs machine.profile (profile.h) */
};

extern const strategy strategy_random, strategy_sticky, strategy_pct, strategy_bytes,
    strategy_replay, strategy_exhaustive, strategy_pos, strategy_urw, strategy_surw, strategy_rff;

/* POS for strategies that put a rank before its priorities; NULL: all have the same. */
void pos_begin(ds_machine *m);
void pos_forced(ds_machine *m, fiber *f);
uint32_t pos_choose(ds_machine *m, int (*rank)(const ds_machine *, const fiber *));

/* Go to the next path after a run; 0 when there is none left. */
int exhaustive_advance(ds_machine *m);

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

/*
 * The priority of an operation (POS, SURW). A thread that yields goes below everybody, and below
 * all that yielded before it in this run: a thread that waits by yielding would else be chosen
 * again and again while the others have drawn less than almost everybody. machine.yield_low is
 * theirs, YIELD_LOW at the beginning of a run.
 */
enum { YIELD_LOW = 1 << 16 };

static inline uint32_t draw_priority(ds_machine *m, const fiber *f)
{
  return f->yielded && m->yield_low > 1 ? --m->yield_low : random32(m) | YIELD_LOW;
}

/* Does an operation of this kind (DS_EV_*) change its object? Locks and the like always do. */
static inline int operation_writes(uint32_t kind)
{
  return kind != DS_EV_LOAD && kind != DS_EV_POLL && kind != DS_EV_JOIN;
}

static inline int conflicts(const pending *a, const pending *b)
{
  return a->object && a->object == b->object &&
         (operation_writes(a->kind) || operation_writes(b->kind));
}

/*
 * A thread that has not come to its first point, NOBODY = none. What it will do is not known, so
 * strategies that look at pending operations bring it there first; that is no operation and
 * changes no order. machine.begun is theirs, 0 at the beginning of a run.
 */
static inline uint32_t not_begun(ds_machine *m)
{
  while (m->begun < m->fiber_count && m->fibers[m->begun].position) {
    m->begun++;
  }
  return m->begun < m->fiber_count ? m->begun : NOBODY;
}

/* Is this a question about a fault? Those are answered by strategy_fault(): rarely, but surely. */
static inline int is_fault(uint32_t kind)
{
  return kind >= DS_FIRST_FAULT;
}
uint32_t strategy_fault(ds_machine *m, uint32_t options);

/* Shared by the strategies that need nothing at these moments. */
void strategy_no_begin(ds_machine *m);
void strategy_no_spawn(ds_machine *m, fiber *f);
/* Quiet seven times out of ten, else uniform: a program that reads old values all the time makes
 * no progress (ALGORITHMS 3.9). */
uint32_t strategy_mostly_quiet(ds_machine *m, uint32_t kind, uint32_t position, uint32_t options);

#endif
