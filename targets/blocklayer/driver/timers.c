/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers of contexts, armed and disarmed by any thread. A context that goes waits until its timers
 * have fired; what is armed then, because somebody armed it again, the driver disarms.
 */
#include "aio.h"

#include "aio/main_loop.h"

enum { NS_PER_US = 1000 };

static void timer_cb(void *opaque)
{
  GhostTimer *timer = opaque;

  rule_affinity(timer->home);
  rule_timer_fires(timer);
  timer->armed = false;
  ds_mark(AIO_MARK);
}

static void make_timer(unsigned index, unsigned where)
{
  GhostTimer *timer = &ghost_aio.timers[index];

  timer->made = true;
  timer->home = (uint8_t)where;
  aio_timer_init(ghost.contexts[where].ctx, &timer->timer, timer_cb, timer);
  ds_publish(TIMER_CHANNEL + index);
}

static bool is_usable(const GhostTimer *timer)
{
  return timer->made && ghost.contexts[timer->home].state == CONTEXT_LIVE;
}

/* Who changes it in another thread than its home thread may meet a callback that is on its way.
 * Value: for change_end(). */
static uint16_t change_begin(GhostTimer *timer)
{
  bool is_alone = timer->changing == 0;

  ds_receive(TIMER_CHANNEL + (unsigned)(timer - ghost_aio.timers));
  context_enter(timer->home);
  timer->changing++;
  timer->sure = false;
  timer->changes++;
  return is_alone ? timer->changes : 0;
}

static void change_end(GhostTimer *timer, uint16_t change, bool armed)
{
  timer->changing--;
  bool is_alone = timer->changes == change; /* and nobody has begun another one since */
  timer->sure = is_alone && in_aio_context_home_thread(timer->timer.ctx);
  timer->armed = timer->sure ? armed : timer_pending(&timer->timer);
  timer->due_ns = timer->timer.expire_ns;
  context_leave(timer->home);
}

/* Timer n % 3, for n + 1 microseconds from now. */
bool op_arm(unsigned actor, const ds_operation *op)
{
  GhostTimer *timer = &ghost_aio.timers[op->a % TIMERS];

  (void)actor;
  if (!timer->made) {
    make_timer(op->a % TIMERS, context_choose(op->b, NO_CONTEXT));
  }
  if (!is_usable(timer)) {
    return false;
  }
  ds_note("arm timer%u of ctx%u", op->a % TIMERS, timer->home);
  uint16_t change = change_begin(timer);
  timer_mod(&timer->timer, qemu_clock_get_ns() + (op->a + 1) * NS_PER_US);
  change_end(timer, change, true);
  return true;
}

bool op_disarm(unsigned actor, const ds_operation *op)
{
  GhostTimer *timer = &ghost_aio.timers[op->a % TIMERS];

  (void)actor;
  if (!is_usable(timer)) {
    return false;
  }
  ds_note("disarm timer%u of ctx%u", op->a % TIMERS, timer->home);
  uint16_t change = change_begin(timer);
  timer_del(&timer->timer);
  change_end(timer, change, false);
  return true;
}

/* ------------------------------------------------------------------ of the heap */

static bool alarm_armed[ALARMS];

static void alarm_cb(void *opaque)
{
  bool *armed = opaque;

  rule_affinity(MAIN_CONTEXT);
  rule_alarm_fires(*armed);
  *armed = false;
}

/* For n + 1 microseconds, and freed before they are over; n odd: after a look for work. */
bool op_alarm(unsigned actor, const ds_operation *op)
{
  (void)actor;
  if (ghost_aio.alarms_made == ALARMS || !may_poll()) {
    return false;
  }
  bool *armed = &alarm_armed[ghost_aio.alarms_made++];
  QEMUTimer *timer = aio_timer_new(qemu_get_aio_context(), alarm_cb, armed);
  timer_free(op->a % 2 ? NULL : aio_timer_new(qemu_get_aio_context(), alarm_cb, armed));
  *armed = true;
  timer_mod(timer, qemu_clock_get_ns() + (op->a + 1) * NS_PER_US);
  if (op->a % 2) {
    aio_poll(qemu_get_aio_context(), false);
  }
  timer_free(timer);
  *armed = false;
  return true;
}

/* ------------------------------------------------------------------ the end of a context */

bool timers_are_quiet(unsigned index)
{
  for (unsigned i = 0; i < TIMERS; i++) {
    const GhostTimer *timer = &ghost_aio.timers[i];
    if (timer->made && timer->home == index && (timer->armed || timer->changing)) {
      return false;
    }
  }
  return true;
}

void timers_leave(unsigned index)
{
  for (unsigned i = 0; i < TIMERS; i++) {
    GhostTimer *timer = &ghost_aio.timers[i];
    if (timer->made && timer->home == index) {
      ds_receive(TIMER_CHANNEL + i);
      timer_del(&timer->timer);
    }
  }
}
