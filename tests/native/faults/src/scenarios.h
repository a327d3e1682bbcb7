/* SPDX-License-Identifier: Apache-2.0 */
/* One function per scenario. What `trust_..` forgets, `check_..` does right. */
#ifndef SCENARIOS_H
#define SCENARIOS_H

#define SCENARIOS(X)                                                                               \
  X(TRUST_THE_WAKEUP, trust_the_wakeup)                                                            \
  X(CHECK_THE_WAKEUP, check_the_wakeup)                                                            \
  X(TRUST_MALLOC, trust_malloc)                                                                    \
  X(CHECK_MALLOC, check_malloc)                                                                    \
  X(TRUST_CALLOC, trust_calloc)                                                                    \
  X(CHECK_CALLOC, check_calloc)                                                                    \
  X(TRUST_REALLOC, trust_realloc)                                                                  \
  X(CHECK_REALLOC, check_realloc)                                                                  \
  X(TRUST_ALIGNED_ALLOC, trust_aligned_alloc)                                                      \
  X(CHECK_ALIGNED_ALLOC, check_aligned_alloc)                                                      \
  X(TRUST_POSIX_MEMALIGN, trust_posix_memalign)                                                    \
  X(CHECK_POSIX_MEMALIGN, check_posix_memalign)                                                    \
  X(TRUST_STRDUP, trust_strdup)                                                                    \
  X(CHECK_STRDUP, check_strdup)                                                                    \
  X(TRUST_MMAP, trust_mmap)                                                                        \
  X(CHECK_MMAP, check_mmap)                                                                        \
  X(TRUST_CREATE, trust_create)                                                                    \
  X(CHECK_CREATE, check_create)                                                                    \
  X(TRUST_READ, trust_read)                                                                        \
  X(CHECK_READ, check_read)                                                                        \
  X(TRUST_WRITE, trust_write)                                                                      \
  X(CHECK_WRITE, check_write)                                                                      \
  X(TRUST_NANOSLEEP, trust_nanosleep)                                                              \
  X(CHECK_NANOSLEEP, check_nanosleep)                                                              \
  X(TRUST_POLL, trust_poll)                                                                        \
  X(CHECK_POLL, check_poll)                                                                        \
  X(TRUST_BLOCKING_READ, trust_blocking_read)                                                      \
  X(CHECK_BLOCKING_READ, check_blocking_read)                                                      \
  X(TRUST_THE_TIMEOUT, trust_the_timeout)                                                          \
  X(CHECK_THE_TIMEOUT, check_the_timeout)                                                          \
  X(TRUST_TIMER_ORDER, trust_timer_order)                                                          \
  X(CHECK_TIMER_ORDER, check_timer_order)                                                          \
  X(TRUST_THE_CLOCK, trust_the_clock)                                                              \
  X(CHECK_THE_CLOCK, check_the_clock)

#define DECLARE(code, name) void name(void);
SCENARIOS(DECLARE)
#undef DECLARE

#endif
