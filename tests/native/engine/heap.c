/* SPDX-License-Identifier: Apache-2.0 */
/* The arena: blocks are apart, aligned and filled, nothing comes back, a run begins afresh. */
#include "harness.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

enum { BLOCKS = 200 };

static uint8_t *first_of_run[2];
static int run_number;

static int is_all(const uint8_t *at, size_t bytes, int value)
{
  for (size_t i = 0; i < bytes; i++) {
    if (at[i] != value) {
      return 0;
    }
  }
  return 1;
}

static void blocks_are_apart_aligned_and_filled(void)
{
  uint8_t *blocks[BLOCKS];

  for (size_t i = 0; i < BLOCKS; i++) {
    const size_t bytes = i % 37;
    blocks[i] = sim_malloc(bytes);
    CHECK((uintptr_t)blocks[i] % 16 == 0);
    CHECK(is_all(blocks[i], bytes, 0xaa));
    memset(blocks[i], (int)i, bytes);
  }
  first_of_run[run_number++] = blocks[0];
  for (size_t i = 0; i < BLOCKS; i++) {
    CHECK(is_all(blocks[i], i % 37, (int)i)); /* nobody wrote into another's */
    sim_free(blocks[i]);
    CHECK(is_all(blocks[i], i % 37, 0xdd));
  }
  CHECK(ds_current->blocks_live == 0);
  CHECK((uint8_t *)sim_malloc(1) > blocks[BLOCKS - 1]); /* nothing comes back in a run */
}

static void sizes_and_alignments(void)
{
  uint8_t *zeroed = sim_calloc(7, 9), *old = sim_malloc(20), *aligned = NULL;

  CHECK(is_all(zeroed, 63, 0));
  CHECK(sim_calloc(SIZE_MAX / 2, 3) == NULL && ds_current->current->error == ENOMEM);
  memset(old, 5, 20);
  uint8_t *larger = sim_realloc(old, 40), *smaller = sim_realloc(larger, 10);
  CHECK(larger != old && is_all(old, 20, 0xdd));
  CHECK(is_all(smaller, 10, 5));
  CHECK(((uintptr_t)sim_aligned_alloc(256, 5) & 255) == 0);
  CHECK(sim_aligned_alloc(24, 48) == NULL && ds_current->current->error == EINVAL);
  CHECK(sim_posix_memalign((void **)&aligned, 4096, 1) == 0);
  CHECK(((uintptr_t)aligned & 4095) == 0 && aligned != NULL);
  CHECK(sim_posix_memalign((void **)&aligned, 4, 1) == EINVAL);
  char *text = memcpy(sim_malloc(6), "arena", 6); /* what it reads must be the target's */
  CHECK(strcmp(sim_strdup(text), "arena") == 0);
}

/* ------------------------------------------------------------------ what ends a run */

static void double_free(void)
{
  void *block = sim_malloc(8);
  sim_free(block);
  sim_free(block);
}

static void inner_free(void)
{
  uint8_t *block = sim_malloc(64);
  memset(block, 0, 64);
  sim_free(block + 16);
}

/* Looks like a block, but lies where none can be. */
static void *false_block(uint32_t *memory)
{
  uint8_t *end = (uint8_t *)(((uintptr_t)memory + 47) & ~(uintptr_t)15);
  memcpy(end - 16, (uint32_t[]){8, 0, 0x6576696c, 0}, 16);
  return end;
}

static void foreign_free(void)
{
  static uint32_t here[16];
  sim_free(false_block(here));
}

static void stack_free(void)
{
  uint32_t here[16] = {0};
  sim_free(false_block(here));
}

static void no_pointer_free(void)
{
  sim_free((void *)(uintptr_t)64);
}

static void later_free(void)
{
  uint8_t *last = sim_malloc(64);
  sim_free(last + 4096);
}

static void too_much(void)
{
  sim_malloc(ARENA_BYTES);
}

static void overflowing(void)
{
  sim_malloc(SIZE_MAX - 8);
}

static uint8_t *watched;
static ptrdiff_t offset;

static void touch_beside(void)
{
  watched = sim_malloc(13);
  access_plain(ds_current, (uintptr_t)(watched + offset), 1, STAMP_WRITE, 0);
}

static void touch_freed(void)
{
  watched = sim_malloc(13);
  sim_free(watched);
  access_plain(ds_current, (uintptr_t)watched, 1, 0, 0);
}

static void every_byte_around_a_block_is_watched(ds_machine *m)
{
  for (offset = -16; offset < 32; offset++) {
    const uint32_t expected = offset >= 0 && offset < 13 ? DS_OK : DS_OUT_OF_BOUNDS;
    CHECK(run(m, touch_beside, DS_MODEL_C11, 0).outcome == expected);
  }
}

/* ------------------------------------------------------------------ stacks of the target's own */

static void *stack_of_its_own(void)
{
  return sim_mmap(NULL, SLOT_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK,
                  -1, 0);
}

static void stacks_come_back_only_without_a_model(void)
{
  uint8_t *one = stack_of_its_own(), *other = stack_of_its_own();

  CHECK(other == one + SLOT_BYTES);
  CHECK(sim_mprotect(one, PAGE_BYTES, PROT_NONE) == 0);
  CHECK(sim_munmap(one, SLOT_BYTES) == 0);
  CHECK((stack_of_its_own() == one) == (ds_current->model == NULL));
}

static void stacks_for_ever(void)
{
  for (;;) {
    stack_of_its_own();
  }
}

static void unguarded(void)
{
  sim_mprotect((uint8_t *)stack_of_its_own() + PAGE_BYTES, PAGE_BYTES, PROT_NONE);
}

int main(void)
{
  ds_machine *m = machine_create();

  CHECK(run(m, blocks_are_apart_aligned_and_filled, DS_MODEL_C11, 0).outcome == DS_OK);
  CHECK(run(m, blocks_are_apart_aligned_and_filled, DS_MODEL_C11, 0).outcome == DS_OK);
  CHECK(first_of_run[0] && first_of_run[0] == first_of_run[1]);
  CHECK(run(m, sizes_and_alignments, DS_MODEL_SC, 0).outcome == DS_OK);
  for (uint32_t model = 0; model < DS_MODELS; model++) {
    CHECK(run(m, double_free, model, 0).outcome == DS_BAD_FREE);
    CHECK(run(m, inner_free, model, 0).outcome == DS_BAD_FREE);
    CHECK(run(m, foreign_free, model, 0).outcome == DS_BAD_FREE);
    CHECK(run(m, stack_free, model, 0).outcome == DS_BAD_FREE);
    CHECK(run(m, no_pointer_free, model, 0).outcome == DS_BAD_FREE);
    CHECK(run(m, later_free, model, 0).outcome == DS_BAD_FREE);
    CHECK(run(m, too_much, model, 0).outcome == DS_MEMORY_LIMIT);
    CHECK(run(m, overflowing, model, 0).outcome == DS_MEMORY_LIMIT);
    CHECK(run(m, touch_freed, model, 0).outcome == DS_USE_AFTER_FREE);
    CHECK(run(m, stacks_for_ever, model, 0).outcome == DS_MEMORY_LIMIT);
    CHECK(run(m, stacks_come_back_only_without_a_model, model, 0).outcome == DS_OK);
    CHECK(run(m, unguarded, model, 0).outcome == DS_UNSUPPORTED);
  }
  every_byte_around_a_block_is_watched(m);
  ds_machine_destroy(m);
  return failures != 0;
}
