/* SPDX-License-Identifier: Apache-2.0 */
/* Plain accesses: are the bytes there, and is every earlier access by others ordered before? */
#include "access.h"
#include "race.h"

#include <string.h>

/* ------------------------------------------------------------------ cells */

access_cell no_cell;

/* The addressable bytes of the cell: file-scope data and stacks are always there. */
static inline uint32_t addressable(const ds_machine *m, uintptr_t address)
{
  const uintptr_t in_arena = address - (uintptr_t)arena_of(m);
  return in_arena < ARENA_BYTES ? m->addressable[in_arena >> SHADOW_SHIFT] : STAMP_BYTES;
}

static inline uint32_t cell_mask(uintptr_t from, uintptr_t end)
{
  if (LIKELY((from & 7) == 0 && end - from >= 8)) {
    return STAMP_BYTES;
  }
  const uintptr_t first = from & 7, border = (from | 7) + 1;
  const uintptr_t last = end < border ? end - (from - first) : 8;

  return ((1u << last) - 1) & ~((1u << first) - 1);
}

static inline uint32_t offset_of(const ds_machine *m, uint32_t pc)
{
  return pc ? pc - (uint32_t)m->target.base : 0;
}

void access_begin(ds_machine *m, const uint8_t *end)
{
  memset(m->addressable, 0, (size_t)(end - arena_of(m)) >> SHADOW_SHIFT);
  m->more_count = 0;
}

void access_open(ds_machine *m, uintptr_t address, size_t bytes)
{
  uint8_t *map = &m->addressable[(address - (uintptr_t)arena_of(m)) >> SHADOW_SHIFT];

  memset(map, STAMP_BYTES, bytes >> SHADOW_SHIFT);
  if (bytes & 7) {
    map[bytes >> SHADOW_SHIFT] = (uint8_t)((1u << (bytes & 7)) - 1);
  }
}

COLD static void bad_access(ds_machine *m, const access_cell *c, size_t bytes, uint32_t write,
                            uintptr_t pc)
{
  const char *what = write ? "write" : "read";

  if (c->owner == owner_of_run(m, OWNER_FREED)) {
    m->result->other_pc = offset_of(m, c->slot[0].pc);
    finish(m, DS_FAIL, DS_USE_AFTER_FREE, pc, "use after free: %s of %lu byte%s", what,
           (unsigned long)bytes, bytes == 1 ? "" : "s");
  }
  finish(m, DS_FAIL, DS_OUT_OF_BOUNDS, pc, "%s of %lu byte%s outside of every heap block", what,
         (unsigned long)bytes, bytes == 1 ? "" : "s");
}

static int is_errno(const ds_machine *m, uintptr_t address)
{
  const uintptr_t at = address - (uintptr_t)m->fibers;
  return at < sizeof m->fibers && at % sizeof *m->fibers == offsetof(fiber, error);
}

/* No cell describes this memory: it is constant data, errno, or nothing of the target's. The last
 * may well be mapped (this machine, its host), so that no fault would tell. */
static __attribute__((noinline)) void judge_outside(ds_machine *m, uintptr_t address, size_t bytes,
                                                    uint32_t write, uintptr_t pc)
{
  const range *whole = &m->target.whole;

  if (address - whole->base < whole->bytes || is_errno(m, address)) {
    return;
  }
  finish(m, DS_FAIL, DS_SEGV, pc, "%s: %s of %lu byte%s",
         address < PAGE_BYTES ? "null pointer dereference"
                              : "access outside of the target's memory",
         write ? "write" : "read", (unsigned long)bytes, bytes == 1 ? "" : "s");
}

/* ------------------------------------------------------------------ earlier accesses */

/* Does a new access by the same thread, or one that is ordered after it, say all that this one
 * says? */
static inline int covers(uint32_t newer, uint32_t stamp)
{
  return (stamp & ~newer & (STAMP_BYTES | STAMP_WRITE)) == 0;
}

/* Slot i of a cell, counted over its further ones; NULL behind the last that there is room for. */
static inline access_slot *slot_of_cell(const ds_machine *m, access_cell *c, uint32_t i)
{
  if (i < CELL_SLOTS) {
    return &c->slot[i];
  }
  uint32_t at = c->more;
  for (i -= CELL_SLOTS; at && i >= MORE_SLOTS; i -= MORE_SLOTS) {
    at = m->more[at].next;
  }
  return at ? &m->more[at].slot[i] : NULL;
}

/* Slots are filled from the first on, so the first empty one ends them. */
#define FOR_SLOTS(m, c, s)                                                                         \
  access_slot *s;                                                                                  \
  for (uint32_t i_ = 0; (s = slot_of_cell(m, c, i_)) && s->stamp; i_++)

uint32_t access_other_place(const ds_machine *m, access_cell *c, uintptr_t pc)
{
  uint32_t place = 0;

  FOR_SLOTS(m, c, s)
  {
    place = s->pc != (uint32_t)pc ? offset_of(m, s->pc) : place;
  }
  return place;
}

/* Report every earlier access of others that is not ordered before ours and conflicts with it. */
static void judge_slots(ds_machine *m, access_cell *c, uint32_t ours, uintptr_t address,
                        uintptr_t pc, uint32_t kind)
{
  const fiber *f = m->current;

  FOR_SLOTS(m, c, s)
  {
    if ((s->stamp & ours & STAMP_BYTES) && ((s->stamp | ours) & STAMP_WRITE) &&
        thread_of(s->stamp) != f->id && !ordered(f, s->stamp)) {
      race_note(m, address, pc, ours & STAMP_WRITE, offset_of(m, s->pc), thread_of(s->stamp),
                s->stamp & STAMP_WRITE, kind);
    }
  }
}

/* Room for one more slot. */
static access_slot *widen(ds_machine *m, access_cell *c)
{
  uint32_t last = c->more;

  if (m->more_count == MORE_MOST) {
    return NULL;
  }
  const uint32_t added = ++m->more_count;
  m->more[added] = (access_more){0};
  while (last && m->more[last].next) {
    last = m->more[last].next;
  }
  if (last) {
    m->more[last].next = added;
  } else {
    c->more = (uint16_t)added;
  }
  return &m->more[added].slot[0];
}

/* There is no more room in the machine. Forget one, always the same way. */
COLD static access_slot *evict(ds_machine *m, access_cell *c)
{
  const fiber *f = m->current;
  access_slot *s;

  m->result->bounds |= DS_BOUND_ACCESSES;
  for (uint32_t i = 0; (s = slot_of_cell(m, c, i)); i++) {
    if (thread_of(s->stamp) != f->id && ordered(f, s->stamp)) {
      return s;
    }
  }
  return &c->slot[f->id % CELL_SLOTS];
}

/* Where our stamp goes: over one that it covers, or a free one. */
static access_slot *place_for(ds_machine *m, access_cell *c, uint32_t ours)
{
  const fiber *f = m->current;
  access_slot *s;

  for (uint32_t i = 0; (s = slot_of_cell(m, c, i)); i++) {
    const int before = thread_of(s->stamp) == f->id || ordered(f, s->stamp);
    if (!s->stamp || (before && covers(ours, s->stamp))) {
      return s;
    }
  }
  s = widen(m, c);
  return s ? s : evict(m, c);
}

/* ------------------------------------------------------------------ judging one cell */

/* Has the current thread left a stamp here in this epoch that says what ours says? */
static int seen(const ds_machine *m, access_cell *c, uint32_t ours)
{
  FOR_SLOTS(m, c, s)
  {
    if (thread_of(s->stamp) == m->current->id && (ours & ~s->stamp) == 0) {
      return 1;
    }
  }
  return 0;
}

/* A cell in any state. */
static __attribute__((noinline)) void judge_cell(ds_machine *m, access_cell *c, uint32_t ours,
                                                 uintptr_t address, uintptr_t pc)
{
  const int is_new = !seen(m, c, ours);

  if (is_new) {
    judge_slots(m, c, ours, address, pc, RACE_PLAIN);
  }
  if (c->location) {
    race_with_atomics(m, c, address, ours & STAMP_BYTES, ours & STAMP_WRITE, pc);
  }
  if (is_new) {
    *place_for(m, c, ours) = (access_slot){ours, (uint32_t)pc};
  }
}

/* The same, quickly, for one without a location or further slots, and without a conflict. */
static void judge_shared(ds_machine *m, access_cell *c, uint32_t ours, uintptr_t address,
                         uintptr_t pc)
{
  const fiber *f = m->current;
  access_slot *place = NULL;
  int others = 0, rest = c->location | c->more;

  for (access_slot *s = c->slot; s < c->slot + CELL_SLOTS; s++) {
    const uint32_t stamp = s->stamp;
    const int by_us = thread_of(stamp) == f->id;
    if (!stamp) {
      place = place ? place : s;
      break;
    }
    if (by_us && (ours & ~stamp) == 0 && !rest) {
      return; /* seen in this epoch */
    }
    if (!by_us && !ordered(f, stamp)) {
      rest |= (stamp & ours & STAMP_BYTES) && ((stamp | ours) & STAMP_WRITE);
      others = 1;
    } else if (!place && covers(ours, stamp)) {
      place = s;
    } else {
      others |= !by_us;
    }
  }
  if (UNLIKELY(rest) || !place) {
    c->owner = c->owner == owner_of_run(m, OWNER_STACK) ? c->owner : owner_of_run(m, OWNER_NOBODY);
    judge_cell(m, c, ours, address, pc);
    return;
  }
  *place = (access_slot){ours, (uint32_t)pc};
  /* Ours again, if all that others did is covered by what we did after it. */
  c->owner = others ? owner_of_run(m, OWNER_NOBODY) : f->owner;
}

/* The bytes of `ours` in a cell; 0: they are not addressable. */
static inline int judge_bytes(ds_machine *m, access_cell *c, uint32_t ours, uintptr_t address,
                              uintptr_t pc)
{
  const uint32_t owner = c->owner, own = m->current->owner;

  if (UNLIKELY(ours & STAMP_BYTES & ~addressable(m, address))) {
    return 0;
  }
  if (!in_run(m, owner)) {
    *c = (access_cell){.owner = own, .slot = {{ours, (uint32_t)pc}}};
    return 1;
  }
  if (UNLIKELY(owner == owner_of_run(m, OWNER_FREED))) {
    return 0;
  }
  for (uint32_t i = 0; owner == own && i < CELL_SLOTS; i++) {
    if (covers(ours, c->slot[i].stamp)) { /* or there is none */
      c->slot[i] = (access_slot){ours, (uint32_t)pc};
      return 1;
    }
  }
  judge_shared(m, c, ours, address, pc);
  return 1;
}

void access_watched(ds_machine *m, uintptr_t address, uint32_t bytes_write, uintptr_t end,
                    uintptr_t pc)
{
  const uint32_t write = bytes_write & STAMP_WRITE, bytes = bytes_write - write;
  access_cell *c = cell_of(m, address);

  if (UNLIKELY(!c) || UNLIKELY(address & (bytes - 1))) {
    access_plain(m, address, bytes, write, pc);
    return;
  }
  if (UNLIKELY(address - (uintptr_t)m->region < STACKS_BYTES) && !is_close_above(address, end)) {
    stack_check(m, address, write, pc);
  }
  const uint32_t ours = m->current->stamp | small_mask(address, bytes) | write;
  if (UNLIKELY(!judge_bytes(m, c, ours, address, pc))) {
    bad_access(m, c, bytes, write, pc);
  }
}

/* Whole cells from `at` on, up to the first that is not fresh or ours alone: where that one is. The
 * cells of [at, end) lie side by side. */
static uintptr_t judge_whole(ds_machine *m, access_cell *c, uintptr_t at, uintptr_t end,
                             uint32_t write, uintptr_t pc)
{
  const uint32_t ours = m->current->stamp | STAMP_BYTES | write, own = m->current->owner;
  const access_cell fresh = {.owner = own, .slot = {{ours, (uint32_t)pc}}};

  for (; end - at >= 8 && addressable(m, at) == STAMP_BYTES; at += 8, c++) {
    if (!of_one_run(c->owner, own)) {
      *c = fresh;
    } else if (c->owner != own || !access_again(&c->slot[0], ours, pc)) {
      break;
    }
  }
  return at;
}

/* Where the cells that lie side by side with that of `address` end. */
static uintptr_t cells_end(const ds_machine *m, uintptr_t address)
{
  const range *data = &m->target.writable;
  return address - data->base < data->bytes ? data->base + data->bytes
                                            : (uintptr_t)m->region + REGION_BYTES;
}

void access_plain(ds_machine *m, uintptr_t address, size_t bytes, uint32_t write, uintptr_t pc)
{
  const uintptr_t end = address + bytes;
  const uint32_t stamp = m->current->stamp | write;

  if (UNLIKELY(address - (uintptr_t)m->region < STACKS_BYTES)) {
    stack_check(m, address, write, pc);
  }
  for (uintptr_t at = address; at < end;) {
    access_cell *c = cell_of(m, at);
    const uintptr_t border = cells_end(m, at);
    const uintptr_t next =
        c && !(at & 7) ? judge_whole(m, c, at, end < border ? end : border, write, pc) : at;
    if (next != at) {
      at = next;
      continue;
    }
    if (UNLIKELY(!c)) {
      judge_outside(m, at, bytes, write, pc);
    } else if (UNLIKELY(!judge_bytes(m, c, stamp | cell_mask(at, end), at, pc))) {
      bad_access(m, c, bytes, write, pc);
    }
    at = (at | 7) + 1;
  }
}

void access_object(ds_machine *m, uintptr_t address, uintptr_t pc)
{
  const access_cell *c = cell_of(m, address);

  if (UNLIKELY(!c)) {
    judge_outside(m, address, sizeof(uint64_t), STAMP_WRITE, pc);
  } else if (UNLIKELY(addressable(m, address) != STAMP_BYTES ||
                      c->owner == owner_of_run(m, OWNER_FREED))) {
    bad_access(m, c, sizeof(uint64_t), STAMP_WRITE, pc);
  }
}

/* Freeing is writing to all of it: what others did must be ordered before. */
static void judge_close(ds_machine *m, access_cell *c, uintptr_t address, uintptr_t pc)
{
  judge_slots(m, c, m->current->stamp | STAMP_BYTES | STAMP_WRITE, address, pc, RACE_PLAIN);
  if (c->location) {
    race_with_atomics(m, c, address, STAMP_BYTES, STAMP_WRITE, pc);
  }
}

void access_close(ds_machine *m, uintptr_t address, size_t bytes, uintptr_t pc)
{
  const uint32_t place = module_offset(m, pc) ? (uint32_t)pc : 0;
  const uint32_t own = m->current->owner, freed = owner_of_run(m, OWNER_FREED);
  access_cell *c = cell_of(m, address);

  for (uintptr_t at = address; at < address + bytes; at += 8, c++) {
    if (c->owner != own && touched(m, c)) {
      judge_close(m, c, at, pc);
    }
    c->owner = freed;
    c->slot[0].pc = place;
  }
}

access_cell *access_atomic(ds_machine *m, uintptr_t address, size_t bytes, uint32_t write,
                           uintptr_t pc)
{
  const uintptr_t end = address + bytes;

  for (uintptr_t at = address; at < end; at = (at | 7) + 1) {
    access_cell *c = cell_of(m, at);
    const uint32_t mask = cell_mask(at, end);
    if (UNLIKELY(!c)) {
      judge_outside(m, at, bytes, write, pc);
      continue;
    }
    if (UNLIKELY(mask & ~addressable(m, at) || c->owner == owner_of_run(m, OWNER_FREED))) {
      bad_access(m, c, bytes, write, pc);
    }
    const int is_stack = at - (uintptr_t)m->region < STACKS_BYTES;
    if (is_stack) {
      stack_check(m, at, write, pc);
    }
    if (!touched(m, c)) {
      *c = (access_cell){0};
    }
    c->owner = owner_of_run(m, is_stack ? OWNER_STACK : OWNER_NOBODY);
    access_atomic_again(m, c, at, mask, write, pc);
  }
  return cell_of(m, address);
}

void judge_mixed(ds_machine *m, access_cell *c, uintptr_t address, uint32_t mask, uint32_t write,
                 uintptr_t pc)
{
  judge_slots(m, c, m->current->stamp | mask | write, address, pc, RACE_MIXED);
}
