/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The set of distinct data races of a machine: a pair of sites, what kind of access each was, and
 * the place in memory.
 * A race does not end the run: it would hide those behind it. A run that has none but races ends
 * with DS_FAIL and the first of them.
 */
#ifndef DRAINSTORM_RACE_H
#define DRAINSTORM_RACE_H

#include "access.h"

enum { RACE_PLAIN = 0, RACE_MIXED = 1 }; /* mixed: one of the two is atomic */

/* A race that is no failure: ds_suppress(). */
struct suppressed_race {
  uint64_t pc, other_pc, place;
  uint32_t mixed;
};

/* We, at `pc`, against an earlier access by `thread` at the target offset `other_pc`. */
void race_note(ds_machine *m, uintptr_t address, uintptr_t pc, uint32_t write, uint32_t other_pc,
               uint32_t thread, uint32_t other_write, uint32_t kind);

/* A plain access against the atomic locations of its cell: asks the memory model. */
void race_with_atomics(ds_machine *m, access_cell *c, uintptr_t address, uint32_t mask,
                       uint32_t write, uintptr_t pc);

/* The numbers of runs begin again. */
void race_forget_runs(ds_machine *m);

/* Forget this run's races; the machine's set stays. */
void race_begin(ds_machine *m);

#endif
