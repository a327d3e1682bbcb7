/* SPDX-License-Identifier: Apache-2.0 */
/* Plain memory that two threads use and nothing orders: every size, every way of access. */
#include "defects.h"
#include "threads.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ sizes */

KEPT int number, taken_number;

static void *write_number(void *lock)
{
  enter(lock);
  number = 1;
  leave(lock);
  return NULL;
}

static void *write_number_too(void *lock)
{
  enter(lock);
  number = 2;
  leave(lock);
  return NULL;
}

static void *read_number(void *lock)
{
  enter(lock);
  taken_number = number;
  leave(lock);
  return NULL;
}

LOCKED_TWINS(race_two_writes, write_number, write_number_too)
LOCKED_TWINS(race_read_and_write, write_number, read_number)

#define SIZED(name, type)                                                                          \
  KEPT type name, taken_##name;                                                                    \
  static void *write_##name(void *lock)                                                            \
  {                                                                                                \
    enter(lock);                                                                                   \
    name = 1;                                                                                      \
    leave(lock);                                                                                   \
    return NULL;                                                                                   \
  }                                                                                                \
  static void *read_##name(void *lock)                                                             \
  {                                                                                                \
    enter(lock);                                                                                   \
    taken_##name = name;                                                                           \
    leave(lock);                                                                                   \
    return NULL;                                                                                   \
  }                                                                                                \
  LOCKED_TWINS(race_of_##name, write_##name, read_##name)

SIZED(one_byte, uint8_t)
SIZED(two_bytes, uint16_t)
SIZED(eight_bytes, uint64_t)
SIZED(sixteen_bytes, unsigned __int128)

static void *write_last_byte(void *lock)
{
  enter(lock);
  ((volatile uint8_t *)&eight_bytes)[7] = 1;
  leave(lock);
  return NULL;
}

LOCKED_TWINS(race_of_a_byte_and_its_word, write_eight_bytes, write_last_byte)

/* ------------------------------------------------------------------ ways of access */

typedef struct record {
  int first, second, third, fourth;
} record;

KEPT record shared, taken;

static void *write_a_member(void *lock)
{
  enter(lock);
  shared.third = 3;
  leave(lock);
  return NULL;
}

static void *copy_by_assignment(void *lock)
{
  enter(lock);
  taken = shared;
  leave(lock);
  return NULL;
}

static void *copy_by_memcpy(void *lock)
{
  enter(lock);
  memcpy(&taken, &shared, sizeof taken);
  leave(lock);
  return NULL;
}

static void *clear_by_memset(void *lock)
{
  enter(lock);
  memset(&shared, 0, sizeof shared);
  leave(lock);
  return NULL;
}

LOCKED_TWINS(race_of_struct_copy, write_a_member, copy_by_assignment)
LOCKED_TWINS(race_of_memcpy, write_a_member, copy_by_memcpy)
LOCKED_TWINS(race_of_memset, write_a_member, clear_by_memset)

KEPT struct {
  unsigned one : 3, other : 5;
} bits;

static void *set_one_field(void *lock)
{
  enter(lock);
  bits.one = 1;
  leave(lock);
  return NULL;
}

static void *set_other_field(void *lock)
{
  enter(lock);
  bits.other = 1;
  leave(lock);
  return NULL;
}

LOCKED_TWINS(race_of_bit_fields, set_one_field, set_other_field)

/* Both lock, but not the same. */
static pthread_mutex_t left_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t right_lock = PTHREAD_MUTEX_INITIALIZER;
KEPT int total;

static void *add_left(void *unused)
{
  pthread_mutex_lock(&left_lock);
  total += 1;
  pthread_mutex_unlock(&left_lock);
  return unused;
}

static void *add_under(void *lock)
{
  pthread_mutex_lock(lock);
  total += 2;
  pthread_mutex_unlock(lock);
  return NULL;
}

void race_under_two_locks(void)
{
  run_two(add_left, add_under, &right_lock);
}

void race_under_two_locks_fixed(void)
{
  run_two(add_left, add_under, &left_lock);
}

/* ------------------------------------------------------------------ plain against atomic */

static atomic_int flag;
KEPT int taken_flag;

static void *set_flag(void *unused)
{
  atomic_store(&flag, 1);
  return unused;
}

static void *read_flag_plainly(void *unused)
{
  taken_flag = *(int *)&flag;
  return unused;
}

static void *read_flag(void *unused)
{
  taken_flag = atomic_load(&flag);
  return unused;
}

static void *set_flag_plainly(void *unused)
{
  *(int *)&flag = 1;
  return unused;
}

void race_of_plain_read_and_atomic_write(void)
{
  run_two(set_flag, read_flag_plainly, NULL);
}

void race_of_plain_read_and_atomic_write_fixed(void)
{
  run_two(set_flag, read_flag, NULL);
}

void race_of_plain_write_and_atomic_read(void)
{
  run_two(set_flag_plainly, read_flag, NULL);
}

void race_of_plain_write_and_atomic_read_fixed(void)
{
  run_two(set_flag, read_flag, NULL);
}

/* ------------------------------------------------------------------ whose memory is it? */

static void *count_at(void *at)
{
  *(int *)at += 1;
  return NULL;
}

/* A second of each on the heap; the twin gives each thread its own. */
void race_on_the_heap(void)
{
  int *count = calloc(1, sizeof *count);

  run_two(count_at, count_at, count);
  free(count);
}

void race_on_the_heap_fixed(void)
{
  int *count = calloc(2, sizeof *count);
  const pthread_t a = run_beside(count_at, &count[0]);
  const pthread_t b = run_beside(count_at, &count[1]);

  pthread_join(a, NULL);
  pthread_join(b, NULL);
  free(count);
}

KEPT int seen_index;

static void *take_index(void *at)
{
  seen_index = *(int *)at;
  return NULL;
}

/* The address of a loop's counter goes to a thread, and the loop goes on. */
void race_on_a_loop_counter(void)
{
  int index = 0;
  const pthread_t a = run_beside(take_index, &index);

  index++;
  pthread_join(a, NULL);
}

void race_on_a_loop_counter_fixed(void)
{
  int index = 0;
  const pthread_t a = run_beside(take_index, &index);

  pthread_join(a, NULL);
  index++;
}

KEPT int answer, taken_answer;

static void *work_it_out(void *unused)
{
  answer = 42;
  return unused;
}

void race_on_a_result_before_its_join(void)
{
  const pthread_t a = run_beside(work_it_out, NULL);

  taken_answer = answer;
  pthread_join(a, NULL);
}

void race_on_a_result_before_its_join_fixed(void)
{
  const pthread_t a = run_beside(work_it_out, NULL);

  pthread_join(a, NULL);
  taken_answer = answer;
}
