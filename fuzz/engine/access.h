/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who touched which bytes: one cell for 8 bytes of the target's memory. It knows which of them are
 * addressable (heap blocks, to the byte) and the last plain accesses by up to four threads (for
 * data races: FastTrack on the race clock, Flanagan and Freund, PLDI 2009), and where the atomic
 * locations of a memory model are found.
 *
 * Cells are reset lazily: one that does not carry the number of this run is fresh. Price: one
 * comparison of four words for an access in an epoch in which the thread was there before.
 */
#ifndef DRAINSTORM_ACCESS_H
#define DRAINSTORM_ACCESS_H

#include "machine.h"

/* A stamp: bytes 8 | thread 8 | write 1 | epoch 15. An epoch counts a thread's releases. */
enum {
  STAMP_THREAD_SHIFT = 8,
  STAMP_WRITE = 1 << 16,
  STAMP_EPOCH_SHIFT = 17,
  EPOCH_MOST = 0x7ffe,
  CELL_SLOTS = 4,
};

typedef enum cell_state { CELL_OPEN, CELL_LIVE, CELL_FREED } cell_state;

typedef uint32_t stamps __attribute__((vector_size(16)));

struct access_cell {
  stamps slot;          /* last plain accesses; 0 = none */
  stamps pc;            /* where they were made: offsets in the target */
  uint32_t run;         /* this cell belongs to this run */
  uint16_t location[2]; /* first atomic location in the lower, upper half; 0 = none */
  uint8_t state;        /* cell_state */
  uint8_t valid;        /* addressable bytes */
  uint16_t unused;
  uint32_t freed_pc;
};

/* The cell of an address, or NULL for memory that the machine does not watch. */
access_cell *cell_of(ds_machine *m, uintptr_t address);

/* A plain access. Ends the run if the bytes are not addressable; notes a race. */
void access_plain(ds_machine *m, uintptr_t address, size_t bytes, uint32_t write, uintptr_t pc);

/* The same for 1 .. 8 bytes, which usually lie in one cell. */
void access_small(ds_machine *m, uintptr_t address, uint32_t bytes, uint32_t write, uintptr_t pc);

/* Before an atomic access: bytes must be addressable, earlier plain accesses ordered before it. */
access_cell *access_atomic(ds_machine *m, uintptr_t address, size_t bytes, uint32_t write,
                           uintptr_t pc);

/* The heap's word on [address, address + bytes), which begins at a cell. Closing judges it like a
 * write to all of it. */
void access_open(ds_machine *m, uintptr_t address, size_t bytes);
void access_close(ds_machine *m, uintptr_t address, size_t bytes, uintptr_t pc);

#endif
