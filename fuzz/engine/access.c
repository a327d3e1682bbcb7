/* SPDX-License-Identifier: Apache-2.0 */
/* Plain accesses: are the bytes there, and is every earlier access by others ordered before? */
#include "access.h"
#include "race.h"

#include <string.h>

/* ------------------------------------------------------------------ cells */

access_cell *cell_of(ds_machine *m, uintptr_t address)
{
  const uintptr_t at = address - (uintptr_t)m->region;
  const uintptr_t in_data = address - m->target.writable.base;

  if (LIKELY(at < REGION_BYTES)) {
    return &m->cells[at >> SHADOW_SHIFT];
  }
  return in_data < m->target.writable.bytes ? &m->target.cells[in_data >> SHADOW_SHIFT] : NULL;
}

/* The first look at a cell in this run. */
static __attribute__((noinline)) void freshen(ds_machine *m, access_cell *c, uintptr_t address)
{
  const uintptr_t in_arena = address - (uintptr_t)arena_of(m);
  const int open = in_arena >= ARENA_BYTES; /* file-scope data and stacks are always there */

  c->slot = (stamps){0};
  c->run = m->run_number;
  c->location[0] = c->location[1] = 0;
  c->valid = open ? 0xff : 0;
  c->state = open ? CELL_LIVE : CELL_OPEN;
}

/* Each cell of [address, address + bytes) with the mask of the bytes meant. */
#define FOR_CELLS(m, address, bytes, c, mask)                                                      \
  for (uintptr_t at_ = (address), end_ = at_ + (bytes); at_ < end_; at_ = (at_ | 7) + 1)           \
    for (access_cell *c = cell_of(m, at_); c; c = NULL)                                            \
      for (uint32_t mask = cell_mask(at_, end_); mask; mask = 0)

static inline uint32_t cell_mask(uintptr_t from, uintptr_t end)
{
  const uintptr_t first = from & 7, border = (from | 7) + 1;
  const uintptr_t last = end < border ? end - (from - first) : 8;

  return ((1u << last) - 1) & ~((1u << first) - 1);
}

void access_open(ds_machine *m, uintptr_t address, size_t bytes)
{
  access_cell *c = cell_of(m, address);

  for (size_t left = bytes; left; c++) { /* heap blocks begin at a cell */
    const size_t here = left < 8 ? left : 8;
    c->slot = (stamps){0};
    c->run = m->run_number;
    c->location[0] = c->location[1] = 0;
    c->valid = (uint8_t)((1u << here) - 1);
    c->state = CELL_LIVE;
    left -= here;
  }
}

/* ------------------------------------------------------------------ judging one cell */

COLD static void bad_access(ds_machine *m, const access_cell *c, size_t bytes, uint32_t write,
                            uintptr_t pc)
{
  const char *what = write ? "write" : "read";

  if (c->state == CELL_FREED) {
    m->result->other_pc = c->freed_pc;
    finish(m, DS_FAIL, DS_USE_AFTER_FREE, pc, "use after free: %s of %lu byte%s", what,
           (unsigned long)bytes, bytes == 1 ? "" : "s");
  }
  finish(m, DS_FAIL, DS_OUT_OF_BOUNDS, pc, "%s of %lu byte%s outside of every heap block", what,
         (unsigned long)bytes, bytes == 1 ? "" : "s");
}

static inline uint32_t thread_of(uint32_t stamp)
{
  return stamp >> STAMP_THREAD_SHIFT & 0xff;
}

/* Was the access that left this stamp ordered before what the current thread does now? */
static inline int ordered(const fiber *f, uint32_t stamp)
{
  return f->clock[thread_of(stamp)] >= (int32_t)(stamp >> STAMP_EPOCH_SHIFT);
}

static inline int any(stamps truth)
{
  const uint64_t *half = (const uint64_t *)&truth;
  return (half[0] | half[1]) != 0;
}

/* Slots are filled from the first on, so the first empty one ends them. */
#define FOR_SLOTS(c, i, s) for (uint32_t i = 0, s; i < CELL_SLOTS && (s = (c)->slot[i]) != 0; i++)

/* Has anybody but the current thread been here? */
static inline int others_were_here(const access_cell *c, uint32_t ours)
{
  const stamps mine = {ours, ours, ours, ours};
  return any((stamps)(((c->slot ^ mine) & 0xff00) != 0) & (stamps)(c->slot != 0));
}

/* Report every earlier access of others that is not ordered before ours and conflicts with it. */
static void judge_slots(ds_machine *m, const access_cell *c, uint32_t ours, uintptr_t address,
                        uintptr_t pc, uint32_t kind)
{
  const fiber *f = m->current;

  FOR_SLOTS(c, i, s)
  {
    if ((s & ours & 0xff) && ((s | ours) & STAMP_WRITE) && thread_of(s) != f->id &&
        !ordered(f, s)) {
      race_note(m, address, pc, ours & STAMP_WRITE, c->pc[i], thread_of(s), s & STAMP_WRITE, kind);
    }
  }
}

/* Where our stamp goes: over one that it covers, a free one, an ordered one of somebody else. */
static uint32_t place_for(const ds_machine *m, const access_cell *c, uint32_t ours)
{
  uint32_t used = 0, old = CELL_SLOTS;

  FOR_SLOTS(c, i, s)
  {
    const int by_us = thread_of(s) == m->current->id;
    used = i + 1;
    if (!by_us && !ordered(m->current, s)) {
      continue;
    }
    if ((s & 0xff & ~ours) == 0 && ((ours & STAMP_WRITE) || !(s & STAMP_WRITE))) {
      return i;
    }
    old = !by_us && old == CELL_SLOTS ? i : old;
  }
  if (used < CELL_SLOTS) {
    return used;
  }
  /* All are taken. Unordered reads by others only: forget one, always the same way. */
  m->result->bounds |= DS_BOUND_ACCESSES;
  return old < CELL_SLOTS ? old : m->current->id % CELL_SLOTS;
}

static void put_stamp(const ds_machine *m, access_cell *c, uint32_t at, uint32_t ours, uintptr_t pc)
{
  static const stamps one_slot[CELL_SLOTS] = {{~0u}, {0, ~0u}, {0, 0, ~0u}, {0, 0, 0, ~0u}};
  const uint32_t offset = (uint32_t)(pc - m->target.base);
  const stamps here = one_slot[at]; /* as a whole: the next look loads all four at once */

  c->slot = (c->slot & ~here) | ((stamps){ours, ours, ours, ours} & here);
  c->pc = (c->pc & ~here) | ((stamps){offset, offset, offset, offset} & here);
}

static __attribute__((noinline)) void judge_plain(ds_machine *m, access_cell *c, uint32_t ours,
                                                  uintptr_t address, uintptr_t pc)
{
  if (others_were_here(c, ours)) {
    judge_slots(m, c, ours, address, pc, RACE_PLAIN);
  }
  if (UNLIKELY(c->location[0] | c->location[1])) {
    race_with_atomics(m, c, address, ours & 0xff, ours & STAMP_WRITE, pc);
  }
  put_stamp(m, c, place_for(m, c, ours), ours, pc);
}

/* The usual case in a new epoch: nobody else has been here, and we have, in the same way. */
static inline int renew_stamp(ds_machine *m, access_cell *c, uint32_t ours, uintptr_t pc)
{
  const uint32_t offset = (uint32_t)(pc - m->target.base);
  const stamps mine = {ours, ours, ours, ours}, place = {offset, offset, offset, offset};
  const stamps differs = c->slot ^ mine;

  if (!any(c->slot)) { /* nobody has been here */
    c->slot = (stamps){ours};
    c->pc = (stamps){offset};
    return 1;
  }
  const stamps by_others = (stamps)((differs & 0xff00) != 0) & (stamps)(c->slot != 0);
  const stamps again = (stamps)((differs & (STAMP_WRITE | 0xffff)) == 0);

  if (any(by_others) || !any(again)) {
    return 0;
  }
  c->slot = (c->slot & ~again) | (mine & again);
  c->pc = (c->pc & ~again) | (place & again);
  return 1;
}

static inline void judge_cell(ds_machine *m, access_cell *c, uint32_t mask, uintptr_t address,
                              size_t bytes, uint32_t write, uintptr_t pc)
{
  if (UNLIKELY(c->run != m->run_number)) {
    freshen(m, c, address);
  }
  if (UNLIKELY(mask & ~(uint32_t)c->valid)) {
    bad_access(m, c, bytes, write, pc);
  }
  if (UNLIKELY(c->location[0] | c->location[1])) {
    judge_plain(m, c, m->current->stamp | mask | write, address, pc);
    return;
  }
  const uint32_t ours = m->current->stamp | mask | write;
  const uint32_t as_write = ours | STAMP_WRITE; /* a write of ours covers a read */
  const stamps same = (stamps)(c->slot == (stamps){ours, ours, ours, ours}) |
                      (stamps)(c->slot == (stamps){as_write, as_write, as_write, as_write});
  if (LIKELY(any(same))) {
    return;
  }
  if (!renew_stamp(m, c, ours, pc)) {
    judge_plain(m, c, ours, address, pc);
  }
}

void access_plain(ds_machine *m, uintptr_t address, size_t bytes, uint32_t write, uintptr_t pc)
{
  FOR_CELLS(m, address, bytes, c, mask)
  {
    judge_cell(m, c, mask, at_, bytes, write, pc);
  }
}

void access_small(ds_machine *m, uintptr_t address, uint32_t bytes, uint32_t write, uintptr_t pc)
{
  const uint32_t mask = ((1u << bytes) - 1) << (address & 7);
  access_cell *c = cell_of(m, address);

  if (UNLIKELY(mask > 0xff)) {
    access_plain(m, address, bytes, write, pc);
  } else if (LIKELY(c != NULL)) {
    judge_cell(m, c, mask, address, bytes, write, pc);
  }
}

/* Freeing is writing to all of it: what others did must be ordered before. */
void access_close(ds_machine *m, uintptr_t address, size_t bytes, uintptr_t pc)
{
  access_cell *c = cell_of(m, address);
  const uint32_t offset = (uint32_t)module_offset(m, pc);

  for (uintptr_t at = address; at < address + bytes; at += 8, c++) {
    if (c->run == m->run_number && others_were_here(c, m->current->stamp)) {
      judge_slots(m, c, m->current->stamp | 0xff | STAMP_WRITE, at, pc, RACE_PLAIN);
    }
    if (c->location[0] | c->location[1]) {
      race_with_atomics(m, c, at, 0xff, STAMP_WRITE, pc);
    }
    c->run = m->run_number;
    c->valid = 0;
    c->state = CELL_FREED;
    c->freed_pc = offset;
    c->location[0] = c->location[1] = 0;
  }
}

access_cell *access_atomic(ds_machine *m, uintptr_t address, size_t bytes, uint32_t write,
                           uintptr_t pc)
{
  access_cell *first = NULL;

  FOR_CELLS(m, address, bytes, c, mask)
  {
    if (UNLIKELY(c->run != m->run_number)) {
      freshen(m, c, at_);
    }
    if (UNLIKELY(mask & ~(uint32_t)c->valid)) {
      bad_access(m, c, bytes, write, pc);
    }
    if (UNLIKELY(others_were_here(c, m->current->stamp))) {
      judge_slots(m, c, m->current->stamp | mask | write, at_, pc, RACE_MIXED);
    }
    first = first ? first : c;
  }
  return first;
}
