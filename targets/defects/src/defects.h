/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tiny programs with one known defect each: a function that starts its threads, ends them and
 * returns, or fails as defects.toml says. `name_fixed` is its corrected twin, as alike as can be;
 * it must never fail.
 */
#ifndef DEFECTS_H
#define DEFECTS_H

#include <stdatomic.h>

/* Appended to only: an operation's code is its place in target.toml. */
#define DEFECTS(X)                                                                                 \
  X(RACE_TWO_WRITES, race_two_writes)                                                              \
  X(RACE_READ_AND_WRITE, race_read_and_write)                                                      \
  X(RACE_OF_ONE_BYTE, race_of_one_byte)                                                            \
  X(RACE_OF_TWO_BYTES, race_of_two_bytes)                                                          \
  X(RACE_OF_EIGHT_BYTES, race_of_eight_bytes)                                                      \
  X(RACE_OF_SIXTEEN_BYTES, race_of_sixteen_bytes)                                                  \
  X(RACE_OF_A_BYTE_AND_ITS_WORD, race_of_a_byte_and_its_word)                                      \
  X(RACE_OF_STRUCT_COPY, race_of_struct_copy)                                                      \
  X(RACE_OF_MEMCPY, race_of_memcpy)                                                                \
  X(RACE_OF_MEMSET, race_of_memset)                                                                \
  X(RACE_OF_BIT_FIELDS, race_of_bit_fields)                                                        \
  X(RACE_UNDER_TWO_LOCKS, race_under_two_locks)                                                    \
  X(RACE_OF_PLAIN_READ_AND_ATOMIC_WRITE, race_of_plain_read_and_atomic_write)                      \
  X(RACE_OF_PLAIN_WRITE_AND_ATOMIC_READ, race_of_plain_write_and_atomic_read)                      \
  X(RACE_ON_THE_HEAP, race_on_the_heap)                                                            \
  X(RACE_ON_A_LOOP_COUNTER, race_on_a_loop_counter)                                                \
  X(RACE_ON_A_RESULT_BEFORE_ITS_JOIN, race_on_a_result_before_its_join)                            \
  X(PUBLICATION_WITHOUT_RELEASE, publication_without_release)                                      \
  X(PUBLICATION_WITHOUT_ACQUIRE, publication_without_acquire)                                      \
  X(DOUBLE_CHECKED_LOCKING, double_checked_locking)                                                \
  X(SLOT_REUSED_WITHOUT_ACQUIRE, slot_reused_without_acquire)                                      \
  X(STORE_BUFFERING, store_buffering)                                                              \
  X(PETERSON_WITHOUT_FENCE, peterson_without_fence)                                                \
  X(MESSAGE_BEFORE_ITS_FLAG, message_before_its_flag)                                              \
  X(SEQUENCE_LOCK_WITHOUT_FENCES, sequence_lock_without_fences)                                    \
  X(READERS_DISAGREE_ABOUT_THE_ORDER, readers_disagree_about_the_order)                            \
  X(SIGNAL_WITHOUT_THE_LOCK, signal_without_the_lock)                                              \
  X(SIGNAL_BEFORE_THE_CHANGE, signal_before_the_change)                                            \
  X(CHANGE_WITHOUT_SIGNAL, change_without_signal)                                                  \
  X(WAIT_WITHOUT_A_LOOK, wait_without_a_look)                                                      \
  X(LOOK_AND_WAIT_APART, look_and_wait_apart)                                                      \
  X(SIGNAL_WHERE_ALL_WAIT, signal_where_all_wait)                                                  \
  X(BELL_BEFORE_THE_WORK, bell_before_the_work)                                                    \
  X(BELL_SILENCED_AFTER_THE_LOOK, bell_silenced_after_the_look)                                    \
  X(SLEEPER_WITHOUT_A_SECOND_LOOK, sleeper_without_a_second_look)                                  \
  X(SLEEPER_WITHOUT_A_FENCE, sleeper_without_a_fence)                                              \
  X(TWO_LOCKS_IN_TWO_ORDERS, two_locks_in_two_orders)                                              \
  X(THREE_LOCKS_IN_A_CYCLE, three_locks_in_a_cycle)                                                \
  X(FORGOTTEN_UNLOCK, forgotten_unlock)                                                            \
  X(THREAD_ENDS_WITH_A_LOCK, thread_ends_with_a_lock)                                              \
  X(JOINS_IN_A_CYCLE, joins_in_a_cycle)                                                            \
  X(JOIN_UNDER_A_LOCK, join_under_a_lock)                                                          \
  X(WAIT_UNDER_AN_OUTER_LOCK, wait_under_an_outer_lock)                                            \
  X(ONCE_INSIDE_ITSELF, once_inside_itself)                                                        \
  X(CONSUMER_WAITS_FOR_ONE_MORE, consumer_waits_for_one_more)                                      \
  X(LOST_UPDATE, lost_update)                                                                      \
  X(FAILED_EXCHANGE_IGNORED, failed_exchange_ignored)                                              \
  X(CHECK_THEN_ACT, check_then_act)                                                                \
  X(MADE_TWICE, made_twice)                                                                        \
  X(PAIR_IN_TWO_SECTIONS, pair_in_two_sections)                                                    \
  X(REFERENCE_TO_A_DEAD_OBJECT, reference_to_a_dead_object)                                        \
  X(SAME_TOP_AGAIN, same_top_again)                                                                \
  X(USED_BEFORE_IT_IS_SET_UP, used_before_it_is_set_up)                                            \
  X(WOKEN_WITHOUT_ANOTHER_LOOK, woken_without_another_look)                                        \
  X(USE_AFTER_THE_LAST_REFERENCE, use_after_the_last_reference)                                    \
  X(ATOMIC_USE_AFTER_FREE, atomic_use_after_free)                                                  \
  X(POINTER_INTO_A_MOVED_BLOCK, pointer_into_a_moved_block)                                        \
  X(ONE_BYTE_TOO_FAR, one_byte_too_far)                                                            \
  X(COPY_OF_MORE_THAN_THERE_IS, copy_of_more_than_there_is)                                        \
  X(LAST_PLACE_GIVEN_TWICE, last_place_given_twice)                                                \
  X(BLOCK_FREED_BY_BOTH, block_freed_by_both)                                                      \
  X(FREE_IN_THE_MIDDLE, free_in_the_middle)                                                        \
  X(FREE_OF_A_VARIABLE, free_of_a_variable)                                                        \
  X(BLOCK_FREED_BY_NONE, block_freed_by_none)                                                      \
  X(SECOND_COPY_FORGOTTEN, second_copy_forgotten)                                                  \
  X(NULL_BEFORE_IT_IS_SET, null_before_it_is_set)                                                  \
  X(COPY_FROM_NULL, copy_from_null)                                                                \
  X(POINTER_TO_NOWHERE, pointer_to_nowhere)                                                        \
  X(AVERAGE_OF_NOTHING, average_of_nothing)                                                        \
  X(STATE_THAT_NOBODY_EXPECTED, state_that_nobody_expected)                                        \
  X(VARIABLE_READ_TWICE, variable_read_twice)                                                      \
  X(RECURSION_WITHOUT_END, recursion_without_end)                                                  \
  X(LOOP_WITHOUT_A_VISIBLE_STEP, loop_without_a_visible_step)                                      \
  X(LOOP_THAT_NOBODY_STOPS, loop_that_nobody_stops)                                                \
  X(FAILED_TRYLOCK_IGNORED, failed_trylock_ignored)                                                \
  X(UNLOCKED_TWICE, unlocked_twice)                                                                \
  X(LOCKED_BY_CALLER_AND_HELPER, locked_by_caller_and_helper)                                      \
  X(DESTROYED_WHILE_LOCKED, destroyed_while_locked)                                                \
  X(LOCKED_AFTER_ITS_DESTRUCTION, locked_after_its_destruction)                                    \
  X(MUTEX_THAT_WAS_NEVER_INITIALISED, mutex_that_was_never_initialised)                            \
  X(LOCK_IN_FREED_MEMORY, lock_in_freed_memory)                                                    \
  X(TWO_MUTEXES_WITH_ONE_CONDITION, two_mutexes_with_one_condition)                                \
  X(WAIT_WITHOUT_ITS_MUTEX, wait_without_its_mutex)                                                \
  X(CONDITION_DESTROYED_UNDER_A_WAITER, condition_destroyed_under_a_waiter)                        \
  X(JOINED_TWICE, joined_twice)                                                                    \
  X(JOINED_AFTER_DETACH, joined_after_detach)                                                      \
  X(JOINS_ITSELF, joins_itself)                                                                    \
  X(MAPPING_OF_A_FILE, mapping_of_a_file)                                                          \
  X(WRITING_TO_A_STANDARD_STREAM, writing_to_a_standard_stream)                                    \
  X(CLOSING_EVERY_DESCRIPTOR, closing_every_descriptor)                                            \
  X(WRITING_BEHIND_ERRNO, writing_behind_errno)                                                    \
  X(WAKEUP_TAKEN_FOR_A_SIGNAL, wakeup_taken_for_a_signal)                                          \
  X(ALLOCATION_TAKEN_FOR_GRANTED, allocation_taken_for_granted)                                    \
  X(WAY_OUT_FORGETS_A_BLOCK, way_out_forgets_a_block)                                              \
  X(THREAD_TAKEN_FOR_GRANTED, thread_taken_for_granted)                                            \
  X(SHORT_READ_TAKEN_FOR_ALL, short_read_taken_for_all)                                            \
  X(INTERRUPTION_TAKEN_FOR_AN_END, interruption_taken_for_an_end)                                  \
  X(LONGER_SLEEP_TAKEN_FOR_LATER, longer_sleep_taken_for_later)                                    \
  X(ONE_WAITS_WHILE_THE_OTHER_WORKS_ON, one_waits_while_the_other_works_on)                        \
  X(VARIABLE_GONE_BEFORE_ITS_READER, variable_gone_before_its_reader)                              \
  X(ADDRESS_OF_A_LOCAL_RETURNED, address_of_a_local_returned)                                      \
  X(POSTED_BEFORE_THE_MESSAGE, posted_before_the_message)                                          \
  X(COUNTED_UNDER_A_READ_LOCK, counted_under_a_read_lock)                                          \
  X(READ_LOCK_UPGRADED, read_lock_upgraded)                                                        \
  X(BARRIER_FOR_ONE_TOO_MANY, barrier_for_one_too_many)                                            \
  X(BARRIER_THAT_STOPS_NOBODY, barrier_that_stops_nobody)                                          \
  X(SPINLOCK_OF_ANOTHER, spinlock_of_another)                                                      \
  X(KEY_WITHOUT_A_DESTRUCTOR, key_without_a_destructor)                                            \
  X(ASKED_BEFORE_IT_IS_DONE_ONCE, asked_before_it_is_done_once)

#define DECLARE_TWINS(code, name)                                                                  \
  void name(void);                                                                                 \
  void name##_fixed(void);
DEFECTS(DECLARE_TWINS)

/* What main waits for in wakeups.c; the driver reads it. */
extern atomic_int due;

#endif
