/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who runs next. The choice comes before the operation: a fiber announces what it is about to do
 * (point() or block()), the strategy picks among the runnable fibers, and a fiber that is picked
 * carries out what it announced. `machine.fuel` lets few-switch strategies skip the question for
 * many points at the price of one decrement each.
 */
#include "inject.h"
#include "liveness.h"
#include "memory.h"
#include "strategy.h"

void make_runnable(ds_machine *m, fiber *f)
{
  if (f->slot_in_runnable != NOBODY) {
    return;
  }
  f->slot_in_runnable = (uint16_t)m->runnable_count;
  m->runnable[m->runnable_count++] = f->id;
  ask_soon(m);
}

void make_blocked(ds_machine *m, fiber *f)
{
  const uint16_t at = f->slot_in_runnable;

  if (at == NOBODY) {
    return;
  }
  const uint16_t last = m->runnable[--m->runnable_count];
  m->runnable[at] = last;
  m->fibers[last].slot_in_runnable = at;
  f->slot_in_runnable = NOBODY;
}

uint32_t runnable_from(const ds_machine *m, uint32_t from)
{
  uint32_t best = NOBODY, lowest = NOBODY;

  for (uint32_t i = 0; i < m->runnable_count; i++) {
    const uint32_t id = m->runnable[i];
    lowest = id < lowest ? id : lowest;
    best = id >= from && id < best ? id : best;
  }
  return best != NOBODY ? best : lowest;
}

uint32_t quiet_default(const ds_machine *m)
{
  const fiber *f = m->current;
  const int stays = f->slot_in_runnable != NOBODY && !f->yielded;
  return stays ? f->id : runnable_from(m, f->id + 1u);
}

static void record(ds_machine *m, uint32_t kind, uint32_t position, uint32_t answer)
{
  if (m->deviation_count == m->deviation_capacity) {
    m->deviations = grow(m, m->deviations, &m->deviation_capacity, 1u << 22, sizeof(ds_deviation),
                         "deviations");
  }
  m->deviations[m->deviation_count++] = (ds_deviation){
      .position = position, .thread = m->current->id, .kind = (uint16_t)kind, .answer = answer};
}

/* The thread that wakes by itself as number `rank`: by time, then by id. NULL: fewer of them. */
static fiber *sleeper_of_rank(ds_machine *m, uint32_t rank)
{
  fiber *best = NULL;

  for (const fiber *before = NULL;; before = best) {
    best = NULL;
    for (uint32_t i = 0; i < m->fiber_count; i++) {
      fiber *f = &m->fibers[i];
      const int later = !before || f->wake_ns > before->wake_ns ||
                        (f->wake_ns == before->wake_ns && f->id > before->id);
      if (!f->done && f->wake_ns && later && (!best || f->wake_ns < best->wake_ns)) {
        best = f;
      }
    }
    if (!best || rank-- == 0) {
      return best;
    }
  }
}

/* The next thread to wake by itself: the earliest, unless the schedule chooses a late one. */
static fiber *next_sleeper(ds_machine *m)
{
  uint32_t sleepers = 0;

  for (uint32_t i = 0; i < m->fiber_count; i++) {
    sleepers += !m->fibers[i].done && m->fibers[i].wake_ns;
  }
  return sleeper_of_rank(
      m, inject(m, DS_KIND_TIMER, sleepers, "a later timer fires first", m->current->op.pc));
}

fiber *let_time_pass(ds_machine *m)
{
  fiber *sleeper = next_sleeper(m);

  if (!sleeper) {
    return NULL;
  }
  m->now_ns = sleeper->wake_ns > m->now_ns ? sleeper->wake_ns : m->now_ns;
  sleeper->wake_ns = 0;
  sleeper->timed_out = 1;
  make_runnable(m, sleeper);
  return sleeper;
}

/* Nobody can run: let virtual time pass, ask the driver, or report the deadlock. */
COLD static void idle(ds_machine *m)
{
  if (m->parked && spin_recheck(m)) {
    return;
  }
  const fiber *woken = let_time_pass(m);
  if (woken) {
    remark_timer(m, woken);
    return;
  }
  report_waiters(m); /* before the driver may judge: its verdict carries the report too */
  report_lost_wakeup(m);
  const int answer = m->target.driver_idle();
  if (answer >= 0 && (uint32_t)answer < m->fiber_count && m->fibers[answer].in_poll) {
    m->waiter_count = 0;
    m->fibers[answer].interrupted = 1;
    make_runnable(m, &m->fibers[answer]);
    return;
  }
  spin_judge(m);
  report_waits(m);
  finish(m, DS_FAIL, DS_DEADLOCK, 0, "deadlock: nothing can run and %u thread%s not finished",
         m->live, m->live == 1 ? " is" : "s are");
}

/* Bring the counters up to date: `passed` points since the last call. */
static uint32_t account(ds_machine *m)
{
  const uint32_t passed = (uint32_t)(m->fuel_start - m->fuel);

  m->fuel_start = m->fuel;
  m->steps += passed;
  m->current->position += passed;
  if (UNLIKELY(m->steps > m->step_limit)) {
    if (m->in_tail) {
      finish(m, DS_UNKNOWN, DS_STEP_LIMIT, 0, "a fair schedule does not end it either");
    }
    tail_begin(m);
  }
  return passed;
}

static uint32_t pick(ds_machine *m, int32_t *horizon)
{
  const uint32_t passed = account(m);

  while (UNLIKELY(m->runnable_count == 0)) {
    idle(m);
  }
  const int goes_ahead =
      m->uninterrupted != NOBODY && m->fibers[m->uninterrupted].slot_in_runnable != NOBODY;
  if (m->runnable_count == 1 || UNLIKELY(goes_ahead)) {
    const uint32_t only = goes_ahead ? m->uninterrupted : m->runnable[0];
    *horizon = FUEL_UNLIMITED;
    m->choice_points += m->had_choice ? passed : 0;
    m->had_choice = 0;
    if (m->strategy->forced) {
      *horizon = 1;
      m->strategy->forced(m, &m->fibers[only]);
    }
    return only;
  }
  m->choices++;
  m->choice_points += m->had_choice ? passed : 1;
  *horizon = 1;
  const uint32_t next = m->strategy->pick(m, passed, horizon);
  m->had_choice = 1;
  if (UNLIKELY(m->flags & DS_FLAG_RECORD) && !m->in_tail && next != quiet_default(m)) {
    record(m, DS_KIND_RUN, m->current->position - 1, next);
  }
  return next;
}

/* Grant the thread that runs now `points` more: only so many at once that no look is missed. */
static void grant(ds_machine *m, const fiber *f, uint32_t position, int32_t points)
{
  const uint32_t due = f->look_at > position ? f->look_at - position : 1;
  const int32_t now = m->parked ? 1 : (uint32_t)points < due ? points : (int32_t)due;

  m->fuel_start += now - m->fuel;
  m->fuel = now;
  m->fuel_later = points - now;
}

__attribute__((noinline)) void schedule(ds_machine *m)
{
  fiber *from = m->current;
  int32_t horizon = 1;

  if (UNLIKELY(m->staged_count)) { /* they come before the point that is announced */
    m->fuel++;
    relaxed_finish(m);
    m->fuel--;
  }
  const uint32_t at = from->position + (uint32_t)(m->fuel_start - m->fuel);
  if (UNLIKELY(at >= from->look_at) && from->waits_kind == DS_EV_NONE) {
    spin_look(m, at);
  }
  if (UNLIKELY(m->parked)) {
    spin_wake(m);
  }
  if (m->fuel_later > 0 && m->fuel <= 0) { /* nobody else is to be asked yet */
    grant(m, from, at, m->fuel_later);
    return;
  }
  fiber *to = &m->fibers[pick(m, &horizon)];

  const uint64_t left = m->step_limit - m->steps + 1;
  m->fuel = m->fuel_start;
  grant(m, to, to->position, (uint64_t)horizon > left ? (int32_t)left : horizon);
  if (to != from) {
    m->switches++;
    m->current = to;
    ds_switch(&from->sp, to->sp);
  }
}

void block(ds_machine *m, uint32_t kind, const void *object, uintptr_t pc)
{
  fiber *f = m->current;

  finish_staged(m);
  if (m->model) {
    m->model->settle(m, 0);
  }
  f->op = (pending){object, pc, (uint16_t)kind, 0};
  f->waits_kind = kind;
  f->waits_on = object;
  m->fuel--;
  m->fuel_later = 0;
  schedule(m);
  f->waits_kind = DS_EV_NONE;
}

uint32_t choose(ds_machine *m, uint32_t kind, uint32_t options)
{
  fiber *f = m->current;

  if (options < 2) {
    return 0;
  }
  const uint32_t position = f->asked[kind]++;
  const uint32_t answer = m->strategy->answer(m, kind, position, options);
  if (UNLIKELY(m->flags & DS_FLAG_RECORD) && answer) {
    record(m, kind, position, answer);
  }
  return answer;
}
