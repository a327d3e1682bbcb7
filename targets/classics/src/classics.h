/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small concurrent programs that the literature compares testers with: one function each, which
 * creates the threads, joins them and returns, or fails as expected.toml says.
 *
 * `name_fixed` is the same program with the repair: it must never fail.
 */
#ifndef CLASSICS_H
#define CLASSICS_H

/* Appended to only: an operation's code is its place in this table and in target.toml. */
#define PROGRAMS(X)                                                                                \
  X(ACCOUNT, account)                                                                              \
  X(ACCOUNT_FIXED, account_fixed)                                                                  \
  X(BLUETOOTH_DRIVER, bluetooth_driver)                                                            \
  X(BLUETOOTH_DRIVER_FIXED, bluetooth_driver_fixed)                                                \
  X(BOUNDED_BUFFER, bounded_buffer)                                                                \
  X(BOUNDED_BUFFER_FIXED, bounded_buffer_fixed)                                                    \
  X(CARTER01, carter01)                                                                            \
  X(CARTER01_FIXED, carter01_fixed)                                                                \
  X(CIRCULAR_BUFFER, circular_buffer)                                                              \
  X(CIRCULAR_BUFFER_FIXED, circular_buffer_fixed)                                                  \
  X(DEADLOCK01, deadlock01)                                                                        \
  X(DEADLOCK01_FIXED, deadlock01_fixed)                                                            \
  X(INTERLOCKED_WORK_STEAL_QUEUE, interlocked_work_steal_queue)                                    \
  X(INTERLOCKED_WORK_STEAL_QUEUE_FIXED, interlocked_work_steal_queue_fixed)                        \
  X(INTERLOCKED_WORK_STEAL_QUEUE_WITH_STATE, interlocked_work_steal_queue_with_state)              \
  X(INTERLOCKED_WORK_STEAL_QUEUE_UNFENCED, interlocked_work_steal_queue_unfenced)                  \
  X(LAZY01, lazy01)                                                                                \
  X(LAZY01_FIXED, lazy01_fixed)                                                                    \
  X(QSORT_MT, qsort_mt)                                                                            \
  X(QSORT_MT_FIXED, qsort_mt_fixed)                                                                \
  X(QUEUE, queue)                                                                                  \
  X(QUEUE_FIXED, queue_fixed)                                                                      \
  X(REORDER_3, reorder_3)                                                                          \
  X(REORDER_3_FIXED, reorder_3_fixed)                                                              \
  X(REORDER_4, reorder_4)                                                                          \
  X(REORDER_5, reorder_5)                                                                          \
  X(REORDER_10, reorder_10)                                                                        \
  X(REORDER_20, reorder_20)                                                                        \
  X(REORDER_50, reorder_50)                                                                        \
  X(REORDER_100, reorder_100)                                                                      \
  X(REORDER_100_FIXED, reorder_100_fixed)                                                          \
  X(SAFE_STACK, safe_stack)                                                                        \
  X(SAFE_STACK_FIXED, safe_stack_fixed)                                                            \
  X(STACK, stack)                                                                                  \
  X(STACK_FIXED, stack_fixed)                                                                      \
  X(STATE_WORK_STEAL_QUEUE, state_work_steal_queue)                                                \
  X(STRINGBUFFER, stringbuffer)                                                                    \
  X(STRINGBUFFER_FIXED, stringbuffer_fixed)                                                        \
  X(TOKEN_RING, token_ring)                                                                        \
  X(TOKEN_RING_FIXED, token_ring_fixed)                                                            \
  X(TWOSTAGE, twostage)                                                                            \
  X(TWOSTAGE_FIXED, twostage_fixed)                                                                \
  X(TWOSTAGE_20, twostage_20)                                                                      \
  X(TWOSTAGE_50, twostage_50)                                                                      \
  X(TWOSTAGE_100, twostage_100)                                                                    \
  X(TWOSTAGE_100_FIXED, twostage_100_fixed)                                                        \
  X(WORK_STEAL_QUEUE, work_steal_queue)                                                            \
  X(WORK_STEAL_QUEUE_FIXED, work_steal_queue_fixed)                                                \
  X(WRONGLOCK, wronglock)                                                                          \
  X(WRONGLOCK_FIXED, wronglock_fixed)                                                              \
  X(WRONGLOCK_3, wronglock_3)

#define DECLARE_PROGRAM(code, name) void name(void);
PROGRAMS(DECLARE_PROGRAM)

#endif
