/* SPDX-License-Identifier: Apache-2.0 */
/* One function per scenario: a program that never ends before its sound twin. */
#ifndef SCENARIOS_H
#define SCENARIOS_H

#include <stdbool.h>

#define SCENARIOS(X)                                                                               \
  X(SPIN_ON_A_LOST_LOCK, spin_on_a_lost_lock)                                                      \
  X(SPIN_ON_A_LOCK, spin_on_a_lock)                                                                \
  X(WAIT_FOR_NOBODY, wait_for_nobody)                                                              \
  X(WAIT_FOR_SOMEBODY, wait_for_somebody)                                                          \
  X(GIVE_WAY_FOR_EVER, give_way_for_ever)                                                          \
  X(LOCK_IN_ORDER, lock_in_order)                                                                  \
  X(BARGE, barge)                                                                                  \
  X(TAKE_A_TICKET, take_a_ticket)                                                                  \
  X(DOZE_FOR_EVER, doze_for_ever)                                                                  \
  X(DOZE_UNTIL_WOKEN, doze_until_woken)                                                            \
  X(SPIN_WHILE_IT_SLEEPS, spin_while_it_sleeps)                                                    \
  X(SPIN_UNTIL_A_TIME, spin_until_a_time)                                                          \
  X(SPIN_A_NUMBER_OF_TIMES, spin_a_number_of_times)                                                \
  X(TIMER_HIDES_A_LOST_WAKEUP, timer_hides_a_lost_wakeup)                                          \
  X(SIGNAL_COMES_BEFORE_THE_TIMER, signal_comes_before_the_timer)                                  \
  X(WAIT_FOR_A_SLEEPER, wait_for_a_sleeper)                                                        \
  X(SLEEP_ONLY, sleep_only)                                                                        \
  X(LOOK_FOR_NOBODY, look_for_nobody)                                                              \
  X(LOOK_FOR_SOMEBODY, look_for_somebody)                                                          \
  X(LOOK_FOR_A_PLAIN_STORE, look_for_a_plain_store)                                                \
  X(LOOK_AT_A_DEADLOCK, look_at_a_deadlock)

#define DECLARE(code, name) void name(void);
SCENARIOS(DECLARE)
#undef DECLARE

/* A thread that raises the flag and signals nobody; its end. For the driver. */
void begin_to_raise(void);
void end_raising(void);

extern bool is_raised; /* what main waits for in timers.c; the driver reads it */

#endif
