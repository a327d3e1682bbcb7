/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain accesses that a case wants carried out as relaxed atomic ones: all at certain places
 * (ds_case.relaxed: is a data race there of any consequence?), or all volatile ones
 * (DS_CHECK_VOLATILE). Such an access is a scheduling point, has a history, and is in no race.
 *
 * The target's own instruction does the access; the machine is called just before it. So a load
 * that shall read an old store finds that value in memory, which is put right at the thread's next
 * call of the machine; a store is taken out of memory again there and handed to the memory model.
 * Between the two nobody else runs: they are "staged".
 *
 * Under tso a store may stay in its thread's buffer: assembler, which the machine does not see,
 * must not touch the same place. Drivers may read it. Triage uses c11.
 *
 * Price: none for cases without. With them, a table of other entry points for plain accesses.
 */
#ifndef DRAINSTORM_RELAXED_H
#define DRAINSTORM_RELAXED_H

#include "machine.h"

enum {
  STAGED_MOST = 16, /* pieces of up to 8 bytes: a larger access stays a plain one */
};

/* A piece of a plain access whose instruction has not been seen to be over. */
typedef struct staged_access {
  uintptr_t address, pc;
  uint64_t memory; /* what was there before; a load: what is to be there afterwards */
  uint64_t shown;  /* load: what it reads */
  uint32_t bytes;  /* 1, 2, 4 or 8, aligned */
  uint32_t write;
} staged_access;

/* Everything that depends on the case. */
void relaxed_prepare(ds_machine *m, const ds_case *c);
void relaxed_destroy(ds_machine *m);

#endif
