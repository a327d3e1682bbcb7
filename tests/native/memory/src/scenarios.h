/* SPDX-License-Identifier: Apache-2.0 */
/* Accesses to memory: one function per scenario. Racy ones have a race in every schedule or in
 * some; ordered ones have none in any; broken ones make a memory error. */
#ifndef SCENARIOS_H
#define SCENARIOS_H

#define RACY(X)                                                                                    \
  X(RACE_TWO_WRITES, race_two_writes)                                                              \
  X(RACE_READ_AND_WRITE, race_read_and_write)                                                      \
  X(RACE_OF_SIZES, race_of_sizes)                                                                  \
  X(RACE_MEMCPY, race_memcpy)                                                                      \
  X(RACE_MEMSET, race_memset)                                                                      \
  X(RACE_STRUCT_COPY, race_struct_copy)                                                            \
  X(RACE_BIT_FIELDS, race_bit_fields)                                                              \
  X(RACE_ATOMIC_READ, race_atomic_read)                                                            \
  X(RACE_ATOMIC_WRITE, race_atomic_write)                                                          \
  X(RACE_ON_HEAP, race_on_heap)                                                                    \
  X(RACE_RELAXED_FLAG, race_relaxed_flag)                                                          \
  X(RACE_HALF_FENCED, race_half_fenced)                                                            \
  X(RACE_TWO_PLACES, race_two_places)                                                              \
  X(RACE_LARGE_COPY, race_large_copy)                                                              \
  X(RACE_STRLEN, race_strlen)                                                                      \
  X(RACE_MEMCMP, race_memcmp)

#define ORDERED(X)                                                                                 \
  X(ORDERED_BY_MUTEX, ordered_by_mutex)                                                            \
  X(ORDERED_BY_JOIN, ordered_by_join)                                                              \
  X(ORDERED_BY_RELEASE, ordered_by_release)                                                        \
  X(ORDERED_BY_FENCES, ordered_by_fences)                                                          \
  X(ORDERED_BY_SEQUENCE, ordered_by_sequence)                                                      \
  X(ORDERED_BY_ONCE, ordered_by_once)                                                              \
  X(ORDERED_BY_CONDITION, ordered_by_condition)                                                    \
  X(NEIGHBOUR_BYTES, neighbour_bytes)                                                              \
  X(SHARED_READS, shared_reads)                                                                    \
  X(STACK_HAND_OVER, stack_hand_over)                                                              \
  X(STACK_OF_ENDED_THREAD, stack_of_ended_thread)                                                  \
  X(HEAP_HAND_OVER, heap_hand_over)                                                                \
  X(LONG_HISTORY, long_history)                                                                    \
  X(PLAIN_STORE_BETWEEN, plain_store_between)                                                      \
  X(PART_STORED_BETWEEN, part_stored_between)                                                      \
  X(ADD_TO_OWN_STORE, add_to_own_store)                                                            \
  X(KNOWN_STORES, known_stores)                                                                    \
  X(LIBRARY_READS_ENOUGH, library_reads_enough)                                                    \
  X(LIBRARY_READS_NO_MORE, library_reads_no_more)                                                  \
  X(SAME_PLACE_AGAIN, same_place_again)                                                            \
  X(DEEP_CALLS, deep_calls)                                                                        \
  X(THREAD_WITH_A_LENT_VARIABLE, thread_with_a_lent_variable)

#define BROKEN(X)                                                                                  \
  X(USE_AFTER_FREE, use_after_free)                                                                \
  X(READ_AFTER_FREE_BY_COPY, read_after_free_by_copy)                                              \
  X(BEHIND_A_BLOCK, behind_a_block)                                                                \
  X(BEFORE_A_BLOCK, before_a_block)                                                                \
  X(COPY_BEYOND_A_BLOCK, copy_beyond_a_block)                                                      \
  X(ATOMIC_AFTER_FREE, atomic_after_free)                                                          \
  X(STRLEN_AFTER_FREE, strlen_after_free)                                                          \
  X(STRDUP_AFTER_FREE, strdup_after_free)                                                          \
  X(MEMCMP_BEYOND_A_BLOCK, memcmp_beyond_a_block)                                                  \
  X(STRING_WITHOUT_END, string_without_end)                                                        \
  X(SORT_BEYOND_A_BLOCK, sort_beyond_a_block)                                                      \
  X(NO_STRING, no_string)                                                                          \
  X(USE_AFTER_RETURN, use_after_return)                                                            \
  X(ATOMIC_AFTER_RETURN, atomic_after_return)                                                      \
  X(RETURN_WHILE_OTHERS_LOOK, return_while_others_look)                                            \
  X(USE_AFTER_THREAD, use_after_thread)                                                            \
  X(FORGOTTEN_BLOCK, forgotten_block)                                                              \
  X(FREE_WHILE_USED, free_while_used)

/* The driver knows what the main thread waits for in this one. */
#define WAITING(X) X(LOST_SIGNAL, lost_signal)
extern int lost_signal_sent;

/* More than one limit allows. */
#define LONG(X) X(LONGER_HISTORY, longer_history) X(LONGEST_HISTORY, longest_history)

#define SCENARIOS(X) RACY(X) ORDERED(X) BROKEN(X) WAITING(X) LONG(X)

#define DECLARE_SCENARIO(code, name) void name(void);
SCENARIOS(DECLARE_SCENARIO)

#endif
