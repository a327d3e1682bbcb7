/* SPDX-License-Identifier: Apache-2.0 */
/* Accesses that nothing orders. */
#include "scenarios.h"
#include "threads.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct record {
  int first, second, third, fourth;
} record;

typedef struct flags {
  unsigned one : 3, other : 5;
} flags;

KEPT int number, copy, elsewhere;
KEPT uint64_t wide;
KEPT record shared, taken;
KEPT flags bits;
static atomic_int flag, level;

static void *write_number(void *unused)
{
  number = 1;
  return unused;
}

static void *write_number_too(void *unused)
{
  number = 2;
  return unused;
}

void race_two_writes(void)
{
  run_two(write_number, write_number_too);
}

static void *read_number(void *unused)
{
  copy = number;
  return unused;
}

void race_read_and_write(void)
{
  run_two(write_number, read_number);
}

static void *write_wide(void *unused)
{
  wide = 1;
  return unused;
}

static void *write_a_byte_of_it(void *unused)
{
  ((volatile uint8_t *)&wide)[3] = 1;
  return unused;
}

void race_of_sizes(void)
{
  run_two(write_wide, write_a_byte_of_it);
}

static void *write_a_member(void *unused)
{
  shared.third = 3;
  return unused;
}

static void *copy_all(void *unused)
{
  memcpy(&taken, &shared, sizeof taken);
  return unused;
}

void race_memcpy(void)
{
  run_two(write_a_member, copy_all);
}

static void *clear_all(void *unused)
{
  memset(&shared, 0, sizeof shared);
  return unused;
}

void race_memset(void)
{
  run_two(write_a_member, clear_all);
}

static void *assign_all(void *unused)
{
  taken = shared;
  return unused;
}

void race_struct_copy(void)
{
  run_two(write_a_member, assign_all);
}

static void *set_one(void *unused)
{
  bits.one = 1;
  return unused;
}

static void *set_other(void *unused)
{
  bits.other = 1;
  return unused;
}

void race_bit_fields(void)
{
  run_two(set_one, set_other);
}

static void *set_flag_plainly(void *unused)
{
  *(int *)&flag = 1;
  return unused;
}

static void *read_flag(void *unused)
{
  level = atomic_load(&flag);
  return unused;
}

void race_atomic_read(void)
{
  run_two(set_flag_plainly, read_flag);
}

static void *set_flag(void *unused)
{
  atomic_store(&flag, 1);
  return unused;
}

static void *read_flag_plainly(void *unused)
{
  copy = *(int *)&flag;
  return unused;
}

void race_atomic_write(void)
{
  run_two(set_flag, read_flag_plainly);
}

static void *write_there(void *at)
{
  *(int *)at = 1;
  return NULL;
}

void race_on_heap(void)
{
  int *block = malloc(sizeof *block);

  run_two_with(write_there, write_there, block);
  free(block);
}

static void *publish_relaxed(void *unused)
{
  number = 1;
  atomic_store_explicit(&flag, 1, memory_order_relaxed);
  return unused;
}

static void *read_if_published(void *unused)
{
  if (atomic_load_explicit(&flag, memory_order_acquire)) {
    copy = number;
  }
  return unused;
}

void race_relaxed_flag(void)
{
  run_two(publish_relaxed, read_if_published);
}

static void *publish_with_fence(void *unused)
{
  number = 1;
  atomic_thread_fence(memory_order_release);
  atomic_store_explicit(&flag, 1, memory_order_relaxed);
  return unused;
}

static void *read_without_fence(void *unused)
{
  if (atomic_load_explicit(&flag, memory_order_relaxed)) {
    copy = number;
  }
  return unused;
}

void race_half_fenced(void)
{
  run_two(publish_with_fence, read_without_fence);
}

static void *write_elsewhere(void *unused)
{
  number = 3;
  elsewhere = 1;
  return unused;
}

static void *write_both(void *unused)
{
  write_number(unused);
  elsewhere = 2;
  return unused;
}

/* Two races in every schedule, in different functions of the same threads. */
void race_two_places(void)
{
  run_two(write_elsewhere, write_both);
}

KEPT int large[64], large_copy[64];

static void *copy_large(void *unused)
{
  memcpy(large_copy, large, sizeof large);
  return unused;
}

static void *write_into_large(void *unused)
{
  large[40] = 1;
  return unused;
}

void race_large_copy(void)
{
  run_two(copy_large, write_into_large);
}
