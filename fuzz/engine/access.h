/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who touched which bytes: one cell for 8 bytes of the target's memory. It knows the last plain
 * accesses of each thread (for data races: FastTrack on the race clock, Flanagan and Freund, PLDI
 * 2009) and where the atomic locations of a memory model are found. Which bytes of the heap are
 * addressable stands in a map of its own, a byte for a cell.
 *
 * Cells are reset lazily: one that does not carry the number of this run is fresh. Most are touched
 * by one thread only, or by one after the other: such a cell names its thread, and one comparison
 * says that there is nobody to race with. Price then: a comparison in an epoch in which the thread
 * was there before, a store of eight bytes in another one.
 */
#ifndef DRAINSTORM_ACCESS_H
#define DRAINSTORM_ACCESS_H

#include "machine.h"

/* A stamp: bytes 8 | thread 8 | write 1 | epoch 15. An epoch counts a thread's releases. */
enum {
  STAMP_BYTES = 0xff,
  STAMP_THREAD_SHIFT = 8,
  STAMP_WRITE = 1 << 16,
  STAMP_EPOCH_SHIFT = 17,
  EPOCH_MOST = 0x7ffe,
};

/* Low byte of access_cell.owner, instead of a thread. OWNER_STACK: there is a location, on a stack:
 * whether that is still alive is asked at every access. */
enum { OWNER_STACK = 0xfd, OWNER_FREED, OWNER_NOBODY };
_Static_assert((int)DS_THREAD_MAX <= (int)OWNER_STACK, "an owner has one byte for its thread");

enum { CELL_SLOTS = 3, MORE_SLOTS = 4, MORE_MOST = 0xffff };

typedef struct access_slot { /* a plain access; stamp 0 = none */
  uint32_t stamp;
  uint32_t pc; /* where it was made: the lower half of the address */
} access_slot;

struct access_cell {
  uint32_t owner;    /* run << 8 | the only thread in the slots, if there is no location either */
  uint16_t location; /* first atomic location, 0 = none */
  uint16_t more;     /* further slots: index into machine.more, 0 = none */
  access_slot slot[CELL_SLOTS]; /* filled from the first on; freed: pc of the first is the free's */
};
_Static_assert(sizeof(access_cell) == 32, "two to a cache line");

/* Of no run; nobody writes to it. In place of the cell of an atomic location from a plain store to
 * that, behind all that was done to it, to its next atomic access: the quick ways to find a
 * location look at its cell, and are left out then. */
extern access_cell no_cell;

struct access_more {
  access_slot slot[MORE_SLOTS];
  uint32_t next; /* 0 = none */
};

static inline uint32_t owner_of_run(const ds_machine *m, uint32_t who)
{
  return m->run_number << 8 | who;
}

/* Two owners: is their run the same? */
static inline int of_one_run(uint32_t owner, uint32_t other)
{
  return (owner ^ other) < 0x100;
}

/* Was a cell with this owner touched in this run? */
static inline int in_run(const ds_machine *m, uint32_t owner)
{
  return of_one_run(owner, owner_of_run(m, 0));
}

static inline int touched(const ds_machine *m, const access_cell *c)
{
  return in_run(m, c->owner);
}

/* The cell of an address, or NULL for memory that the machine does not watch. */
static inline access_cell *cell_of(ds_machine *m, uintptr_t address)
{
  const uintptr_t at = address - (uintptr_t)m->region;
  const uintptr_t in_data = address - m->target.writable.base;

  if (LIKELY(at < REGION_BYTES)) {
    return &m->cells[at >> SHADOW_SHIFT];
  }
  return in_data < m->target.writable.bytes ? &m->target.cells[in_data >> SHADOW_SHIFT] : NULL;
}

/* A plain access. Ends the run if the bytes are not addressable, or neither the target's nor the
 * machine's to give; notes a race. */
void access_plain(ds_machine *m, uintptr_t address, size_t bytes, uint32_t write, uintptr_t pc);

/* The same to a slot of a cell that is ours alone, if the slot holds such an access already. */
static inline int access_again(access_slot *s, uint32_t ours, uintptr_t pc)
{
  if ((ours & ~s->stamp) == 0) { /* in this epoch: epochs only grow */
    return 1;
  }
  if ((s->stamp ^ ours) & STAMP_BYTES || s->stamp & ~ours & STAMP_WRITE) {
    return 0;
  }
  *s = (access_slot){ours, (uint32_t)pc};
  return 1;
}

/* An access to a stack (stack.c): ends the run if the function that had this place has returned. */
void stack_check(ds_machine *m, uintptr_t address, uint32_t write, uintptr_t pc);

/* Is this a place on a stack whose function has returned? */
int stack_has_left(const ds_machine *m, uintptr_t address);

/* Does this need no stack_check()? `end` is where the caller's frame ends: close above it is the
 * stack that we are on, since a guard page lies between it and the next one. */
static inline int is_close_above(uintptr_t address, uintptr_t end)
{
  return address - end < PAGE_BYTES;
}

/* The bytes of an aligned access of 1, 2, 4 or 8 bytes. */
static inline uint32_t small_mask(uintptr_t address, uint32_t bytes)
{
  return bytes == 8 ? STAMP_BYTES : ((1u << bytes) - 1) << (address & 7);
}

/* What access_small() leaves: the first access of a cell, one after others, a new kind of it; one
 * to a stack but close above `end`; an unaligned one; one to memory without cells. `bytes_write` is
 * the sum of both. */
void access_watched(ds_machine *m, uintptr_t address, uint32_t bytes_write, uintptr_t end,
                    uintptr_t pc);

/*
 * The same as access_plain() for 1, 2, 4 or 8 bytes, for entry points: `end` is where the caller's
 * frame ends. Most accesses are to a cell that is ours alone and like one of the first two that it
 * remembers. Nothing but the last call needs a frame of its own, so an entry point has none.
 */
static inline void access_small(ds_machine *m, uintptr_t address, uint32_t bytes, uint32_t write,
                                uintptr_t end, uintptr_t pc)
{
  const uintptr_t at = address - (uintptr_t)m->region, in_data = address - m->target.writable.base;
  const fiber *f = m->current;
  access_cell *cells = m->cells;
  uintptr_t offset = at;

  if (UNLIKELY(at >= REGION_BYTES)) {
    cells = m->target.cells;
    offset = in_data;
  }
  if (LIKELY((at < REGION_BYTES || in_data < m->target.writable.bytes) &&
             (at >= STACKS_BYTES || is_close_above(address, end)) && !(address & (bytes - 1)))) {
    access_cell *c = &cells[offset >> SHADOW_SHIFT];
    const uint32_t ours = f->stamp | small_mask(address, bytes) | write;
    if (LIKELY(c->owner == f->owner) &&
        (access_again(&c->slot[0], ours, pc) || access_again(&c->slot[1], ours, pc))) {
      return;
    }
  }
  access_watched(m, address, bytes | write, end, pc);
}

/* Another place of which a cell remembers an access, as an offset in the target; 0 = none. */
uint32_t access_other_place(const ds_machine *m, access_cell *c, uintptr_t pc);

static inline uint32_t thread_of(uint32_t stamp)
{
  return stamp >> STAMP_THREAD_SHIFT & 0xff;
}

/* Was the access that left this stamp ordered before what the current thread does now? */
static inline int ordered(const fiber *f, uint32_t stamp)
{
  return f->clock[thread_of(stamp)] >= (int32_t)(stamp >> STAMP_EPOCH_SHIFT);
}

void judge_mixed(ds_machine *m, access_cell *c, uintptr_t address, uint32_t mask, uint32_t write,
                 uintptr_t pc);

/* Before an atomic access to a cell that has a location for it: plain accesses only. */
static inline void access_atomic_again(ds_machine *m, access_cell *c, uintptr_t address,
                                       uint32_t mask, uint32_t write, uintptr_t pc)
{
  const uint32_t first = c->slot[0].stamp, second = c->slot[1].stamp;

  if (first && (!ordered(m->current, first) ||
                (second && (c->slot[2].stamp || !ordered(m->current, second))))) {
    judge_mixed(m, c, address, mask, write, pc);
  }
}

/* Before an atomic access: bytes must be addressable, earlier plain accesses ordered before it. */
access_cell *access_atomic(ds_machine *m, uintptr_t address, size_t bytes, uint32_t write,
                           uintptr_t pc);

/* A use of a lock or the like at `address`: its first bytes must be addressable. No access to it is
 * a race. */
void access_object(ds_machine *m, uintptr_t address, uintptr_t pc);

/* The heap's word on [address, address + bytes), which begins at a cell. Closing judges it like a
 * write to all of it. */
void access_open(ds_machine *m, uintptr_t address, size_t bytes);
void access_close(ds_machine *m, uintptr_t address, size_t bytes, uintptr_t pc);

/* A run begins: of the heap, nothing below `end` is addressable any more. */
void access_begin(ds_machine *m, const uint8_t *end);

#endif
