/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of a run: an arena from which blocks are cut and to which nothing returns before the
 * run ends, so resetting the heap is setting one pointer. New blocks are filled with 0xaa and
 * freed ones with 0xdd: what a program reads there is the same in every run.
 *
 * Stacks that the target switches itself come from mmap(MAP_STACK): slots whose lowest page is
 * always a guard, so that mprotect(PROT_NONE) on it costs nothing. They are not filled; the build
 * initialises automatic variables instead.
 */
#include "inject.h"
#include "memory.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "posix.h"

enum { LIVE = 0x6576696c, FREED = 0x65657266, ALIGNMENT = 16, FILL_FREED_MOST = 256 };

typedef struct block_header { /* directly below the block; doubles as a red zone */
  uint64_t bytes;
  uint32_t state;
  uint32_t unused;
} block_header;

_Static_assert(sizeof(block_header) == ALIGNMENT, "keeps blocks aligned");

void heap_reset(ds_machine *m)
{
  access_begin(m, m->bump);
  m->bump = arena_of(m);
  m->blocks_live = 0;
  m->free_slot = NOBODY;
  m->slots_used = 0;
}

/* The next piece of the arena; `start` as far up as the alignment wants it. */
static uint8_t *cut(ds_machine *m, uintptr_t start, size_t bytes, size_t alignment)
{
  uint8_t *piece = (uint8_t *)((start + alignment - 1) & ~(uintptr_t)(alignment - 1));

  if (bytes > ARENA_BYTES || piece + bytes + ALIGNMENT > m->arena_end) {
    finish(m, DS_UNKNOWN, DS_MEMORY_LIMIT, 0, "heap of %d MiB is exhausted", ARENA_BYTES >> 20);
  }
  m->bump = piece + ((bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1));
  return piece;
}

void *heap_reserve(ds_machine *m, size_t bytes)
{
  return cut(m, (uintptr_t)m->bump, bytes, ALIGNMENT);
}

void *heap_allocate(ds_machine *m, size_t bytes, size_t alignment)
{
  uint8_t *block = cut(m, (uintptr_t)m->bump + sizeof(block_header), bytes,
                       alignment < ALIGNMENT ? ALIGNMENT : alignment);

  ((block_header *)block)[-1] = (block_header){.bytes = bytes, .state = LIVE};
  m->blocks_live++;
  if (m->model) {
    access_open(m, (uintptr_t)block, bytes);
  }
  return block;
}

/* A header lies below its block, and every block is aligned: go down from the address. What the
 * target wrote may look like a header; it must reach as far as the address as well. */
uintptr_t heap_small_block(const ds_machine *m, uintptr_t address, size_t bytes_most)
{
  const uintptr_t first = (uintptr_t)arena_of(m) + sizeof(block_header);

  if (address < first || address >= (uintptr_t)m->bump) {
    return 0;
  }
  uintptr_t block = address & ~(uintptr_t)(ALIGNMENT - 1);
  for (; block >= first && address - block < bytes_most; block -= ALIGNMENT) {
    const block_header *h = (const block_header *)block - 1;
    if ((h->state == LIVE || h->state == FREED) && address - block < h->bytes) {
      return h->bytes <= bytes_most ? block : 0;
    }
  }
  return 0;
}

static block_header *header_of(ds_machine *m, void *block, uintptr_t pc)
{
  const uintptr_t at = (uintptr_t)block - (uintptr_t)arena_of(m);
  block_header *h = (block_header *)block - 1;

  if (at < sizeof *h || at >= (size_t)(m->bump - arena_of(m)) || at % ALIGNMENT ||
      (h->state != LIVE && h->state != FREED)) {
    finish(m, DS_FAIL, DS_BAD_FREE, pc, "free of a pointer that malloc never returned");
  }
  if (h->state == FREED) {
    finish(m, DS_FAIL, DS_BAD_FREE, pc, "double free of a block of %lu bytes",
           (unsigned long)h->bytes);
  }
  return h;
}

/* A new block, filled; NULL with ENOMEM when the schedule says so. */
static void *allocate(size_t bytes, size_t alignment, int fill, const char *failure, uintptr_t pc)
{
  ds_machine *m = ds_current;

  if (inject(m, DS_KIND_MEMORY, 2, failure, pc)) {
    m->current->error = ENOMEM;
    return NULL;
  }
  return memset(heap_allocate(m, bytes, alignment), fill, bytes);
}

void *sim_malloc(size_t bytes)
{
  return allocate(bytes, ALIGNMENT, 0xaa, "malloc fails", CALLER);
}

void *sim_calloc(size_t count, size_t bytes)
{
  size_t total;

  if (__builtin_mul_overflow(count, bytes, &total)) {
    ds_current->current->error = ENOMEM;
    return NULL;
  }
  return allocate(total, ALIGNMENT, 0, "calloc fails", CALLER);
}

static void give_back(ds_machine *m, void *block, uintptr_t pc)
{
  settle(m);
  block_header *h = header_of(m, block, pc);
  if (m->model) {
    access_close(m, (uintptr_t)block, h->bytes, pc);
  }
  h->state = FREED;
  m->blocks_live--;
  memset(block, 0xdd, h->bytes < FILL_FREED_MOST ? h->bytes : FILL_FREED_MOST);
}

void sim_free(void *block)
{
  if (block) {
    give_back(ds_current, block, CALLER);
  }
}

void *sim_realloc(void *block, size_t bytes)
{
  const size_t old_bytes = block ? header_of(ds_current, block, CALLER)->bytes : 0;
  void *larger = allocate(bytes, ALIGNMENT, 0xaa, "realloc fails", CALLER);
  if (!larger || !block) {
    return larger;
  }
  memcpy(larger, block, old_bytes < bytes ? old_bytes : bytes);
  give_back(ds_current, block, CALLER);
  return larger;
}

void *sim_aligned_alloc(size_t alignment, size_t bytes)
{
  if (!alignment || (alignment & (alignment - 1))) {
    ds_current->current->error = EINVAL;
    return NULL;
  }
  return allocate(bytes, alignment, 0xaa, "aligned_alloc fails", CALLER);
}

int sim_posix_memalign(void **block, size_t alignment, size_t bytes)
{
  if (alignment < sizeof(void *) || (alignment & (alignment - 1))) {
    return EINVAL;
  }
  void *fresh = allocate(bytes, alignment, 0xaa, "posix_memalign fails", CALLER);
  *block = fresh ? fresh : *block;
  return fresh ? 0 : ENOMEM;
}

char *sim_strdup(const char *text)
{
  const size_t bytes = strlen(text) + 1;

  if (ds_current->model) {
    finish_staged(ds_current);
    access_plain(ds_current, (uintptr_t)text, bytes, 0, CALLER);
  }
  char *copy = allocate(bytes, ALIGNMENT, 0xaa, "strdup fails", CALLER);
  return copy ? memcpy(copy, text, bytes) : NULL;
}

/* ------------------------------------------------------------------ target-switched stacks */

enum { UNTOUCHED_CELLS = 64 }; /* so many untouched ones in a row: deeper the stack never was */

static uint8_t *slots_of(const ds_machine *m)
{
  return m->region + STACK_REGION;
}

uint32_t slot_of(const ds_machine *m, uintptr_t address)
{
  const uintptr_t at = address - (uintptr_t)slots_of(m);
  return at < SLOT_REGION ? (uint32_t)(at / SLOT_BYTES) : NOBODY;
}

static void *take_slot(ds_machine *m)
{
  uint16_t slot = m->free_slot;

  if (slot != NOBODY) {
    m->free_slot = m->slot_next_free[slot];
  } else if (m->slots_used < SLOTS) {
    slot = m->slots_used++;
  } else {
    finish(m, DS_UNKNOWN, DS_MEMORY_LIMIT, 0, "limit of %d coroutine stacks reached", SLOTS);
  }
  uint8_t *stack = slots_of(m) + (size_t)slot * SLOT_BYTES;
  stack_begins(stack + PAGE_BYTES, SLOT_BYTES - PAGE_BYTES);
  m->slot_task[slot] = 0;
  return stack;
}

void *sim_mmap(void *hint, size_t bytes, int protection, int flags, int fd, off_t offset)
{
  ds_machine *m = ds_current;

  (void)hint, (void)protection, (void)offset;
  if (fd >= 0 || !(flags & MAP_ANONYMOUS) || (flags & MAP_FIXED)) {
    finish(m, DS_UNKNOWN, DS_UNSUPPORTED, CALLER,
           "not simulated: mmap of anything but anonymous memory");
  }
  if (inject(m, DS_KIND_MEMORY, 2, "mmap fails", CALLER)) {
    m->current->error = ENOMEM;
    return MAP_FAILED;
  }
  if (!(flags & MAP_STACK)) {
    return memset(heap_allocate(m, bytes, PAGE_BYTES), 0, bytes);
  }
  if (bytes > SLOT_BYTES) {
    finish(m, DS_UNKNOWN, DS_UNSUPPORTED, CALLER,
           "not simulated: mmap of a stack of %lu bytes; the most is %d", (unsigned long)bytes,
           SLOT_BYTES);
  }
  return take_slot(m);
}

/* The stack is gone: whoever still looks at what was on it is told so. */
static void close_stack(ds_machine *m, uintptr_t bottom, size_t bytes, uintptr_t pc)
{
  uint32_t untouched = 0;

  for (uintptr_t at = bottom + bytes - 8; at > bottom && untouched < UNTOUCHED_CELLS; at -= 8) {
    if (touched(m, cell_of(m, at))) {
      access_close(m, at, 8, pc);
      untouched = 0;
    } else {
      untouched++;
    }
  }
}

/* With a memory model a stack is not used twice in a run: two lives of it would race. */
int sim_munmap(void *address, size_t bytes)
{
  ds_machine *m = ds_current;
  const uint32_t slot = slot_of(m, (uintptr_t)address);
  const uintptr_t in_slot = ((uintptr_t)address - (uintptr_t)slots_of(m)) % SLOT_BYTES;

  settle(m);
  if (slot != NOBODY && (in_slot || bytes > SLOT_BYTES)) {
    finish(m, DS_UNKNOWN, DS_UNSUPPORTED, CALLER, "not simulated: munmap of a part of a stack");
  }
  if (slot == NOBODY) {
    if (header_of(m, address, CALLER)->bytes != bytes) {
      finish(m, DS_UNKNOWN, DS_UNSUPPORTED, CALLER, "not simulated: munmap of a part of a mapping");
    }
    give_back(m, address, CALLER);
  } else if (m->model) {
    close_stack(m, (uintptr_t)address, bytes & ~(size_t)7, CALLER);
  } else {
    m->slot_next_free[slot] = m->free_slot;
    m->free_slot = (uint16_t)slot;
  }
  return 0;
}

/* The guard page of a stack is there already; anything else the machine does not imitate. */
int sim_mprotect(void *address, size_t bytes, int protection)
{
  ds_machine *m = ds_current;
  const uint32_t slot = slot_of(m, (uintptr_t)address);
  const int is_guard =
      slot != NOBODY && address == slots_of(m) + (size_t)slot * SLOT_BYTES && bytes <= PAGE_BYTES;

  if (!is_guard || protection != PROT_NONE) {
    finish(m, DS_UNKNOWN, DS_UNSUPPORTED, CALLER,
           "not simulated: mprotect of anything but the lowest page of a stack");
  }
  return 0;
}
