/* SPDX-License-Identifier: Apache-2.0 */
/* One function per scenario; each leaves by returning, or fails as its test expects. */
#ifndef SCENARIOS_H
#define SCENARIOS_H

#define SCENARIOS(X)                                                                               \
  X(MUTEX_EXCLUDES, mutex_excludes)                                                                \
  X(LOST_UPDATE, lost_update)                                                                      \
  X(RECURSIVE_MUTEX, recursive_mutex)                                                              \
  X(RELOCK, relock)                                                                                \
  X(UNLOCK_UNHELD, unlock_unheld)                                                                  \
  X(TRYLOCK, trylock)                                                                              \
  X(CONDITION, condition)                                                                          \
  X(BROADCAST, broadcast)                                                                          \
  X(SIGNAL_ORDER, signal_order)                                                                    \
  X(TIMED_WAIT, timed_wait)                                                                        \
  X(ONCE, once)                                                                                    \
  X(THREAD_DATA, thread_data)                                                                      \
  X(THREAD_LOCAL, thread_local)                                                                    \
  X(EVENT_COUNTER, event_counter)                                                                  \
  X(POLL_WAKES, poll_wakes)                                                                        \
  X(POLL_TIMES_OUT, poll_times_out)                                                                \
  X(VIRTUAL_SLEEP, virtual_sleep)                                                                  \
  X(ABBA, abba)                                                                                    \
  X(JOIN_VALUE, join_value)                                                                        \
  X(MANY_THREADS, many_threads)                                                                    \
  X(TOO_MANY_THREADS, too_many_threads)                                                            \
  X(NULL_POINTER, null_pointer)                                                                    \
  X(WILD_POINTER, wild_pointer)                                                                    \
  X(ABORT_CALL, abort_call)                                                                        \
  X(ASSERTION, assertion)                                                                          \
  X(DIVISION, division)                                                                            \
  X(STACK_OVERFLOW, stack_overflow)                                                                \
  X(ENDLESS_LOOP, endless_loop)                                                                    \
  X(ENDLESS_ATOMICS, endless_atomics)                                                              \
  X(DOUBLE_FREE, double_free)                                                                      \
  X(BAD_FREE, bad_free)                                                                            \
  X(HEAP_EXHAUSTED, heap_exhausted)                                                                \
  X(STATE_IS_FRESH, state_is_fresh)                                                                \
  X(FORGOTTEN_THREAD, forgotten_thread)                                                            \
  X(SEMAPHORE_HANDS_OVER, semaphore_hands_over)                                                    \
  X(SEMAPHORE_GIVES_UP, semaphore_gives_up)                                                        \
  X(SEMAPHORE_THAT_NOBODY_POSTS, semaphore_that_nobody_posts)                                      \
  X(SEMAPHORE_DESTROYED, semaphore_destroyed)                                                      \
  X(SEMAPHORE_NEVER_MADE, semaphore_never_made)                                                    \
  X(RWLOCK_EXCLUDES, rwlock_excludes)                                                              \
  X(RWLOCK_LETS_READERS_IN_TOGETHER, rwlock_lets_readers_in_together)                              \
  X(RWLOCK_GIVES_UP, rwlock_gives_up)                                                              \
  X(RWLOCK_THAT_PREFERS_WRITERS, rwlock_that_prefers_writers)                                      \
  X(RWLOCKS_IN_TWO_ORDERS, rwlocks_in_two_orders)                                                  \
  X(RWLOCK_UNLOCKED_BY_ANOTHER, rwlock_unlocked_by_another)                                        \
  X(RWLOCK_WRITTEN_BY_A_READER, rwlock_written_by_a_reader)                                        \
  X(BARRIER_ORDERS, barrier_orders)                                                                \
  X(BARRIER_FOR_THREE, barrier_for_three)                                                          \
  X(SPINLOCK_EXCLUDES, spinlock_excludes)                                                          \
  X(SPINLOCK_TAKEN_TWICE, spinlock_taken_twice)                                                    \
  X(TIMED_LOCK, timed_lock)                                                                        \
  X(TIMED_JOIN, timed_join)

#define DECLARE_SCENARIO(code, name) void name(void);
SCENARIOS(DECLARE_SCENARIO)

#endif
