/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data races and what becomes of them when the racy accesses are relaxed atomic ones. Fatal ones
 * then fail an assertion, harmless ones fail nothing. Each has a corrected twin without a race.
 */
#ifndef SCENARIOS_H
#define SCENARIOS_H

#define FATAL(X)                                                                                   \
  X(PLAIN_MESSAGE, plain_message)                                                                  \
  X(LOST_UPDATE, lost_update)                                                                      \
  X(TORN_COPY, torn_copy)                                                                          \
  X(FREED_TOO_EARLY, freed_too_early)                                                              \
  X(TWO_BLINKS, two_blinks)

#define HARMLESS(X)                                                                                \
  X(STATISTICS, statistics)                                                                        \
  X(LAST_VISITOR, last_visitor)

#define CORRECTED(X)                                                                               \
  X(MESSAGE, message)                                                                              \
  X(UPDATE, update)                                                                                \
  X(WHOLE_COPY, whole_copy)                                                                        \
  X(FREED_BY_THE_LAST, freed_by_the_last)                                                          \
  X(ATOMIC_STATISTICS, atomic_statistics)                                                          \
  X(ATOMIC_VISITOR, atomic_visitor)

/* Plain accesses for C, relaxed atomic ones on request: no race then, and still broken or fine. */
#define VOLATILE(X)                                                                                \
  X(VOLATILE_MESSAGE, volatile_message)                                                            \
  X(VOLATILE_STOP, volatile_stop)

/* One thread: stores and loads of all sizes, relaxed ones beside plain ones, and variables of
 * functions that return right after a store to them. */
#define ALONE(X)                                                                                   \
  X(OWN_STORES, own_stores)                                                                        \
  X(OWN_VARIABLES, own_variables)

#define SCENARIOS(X) FATAL(X) HARMLESS(X) CORRECTED(X) VOLATILE(X) ALONE(X)

#define DECLARE_SCENARIO(code, name) void name(void);
SCENARIOS(DECLARE_SCENARIO)

#endif
