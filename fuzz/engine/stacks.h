/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the stacks of threads lie: each at the top of STACK_BYTES, its thread-local data above it.
 * How large they are says the target's description; before a target is loaded, STACK_BYTES_DEFAULT.
 * And how far they are used, those of tasks as well.
 */
#ifndef DRAINSTORM_STACKS_H
#define DRAINSTORM_STACKS_H

#include "machine.h"

enum { STACK_COLOURS = 24, STACK_BYTES_DEFAULT = 256 << 10 };

/* Where the stack of a thread begins, from the end of its STACK_BYTES: shifted apart. */
static inline size_t stack_colour(uint32_t id)
{
  return (size_t)(id % STACK_COLOURS) * STACK_COLOUR_BYTES;
}

/* What it does not use of its STACK_BYTES, at the low end: whole pages, a guard. */
static inline size_t guard_bytes(const ds_machine *m, uint32_t id)
{
  const module *t = &m->target;
  const size_t used = stack_colour(id) + t->tls_bytes + t->tls_align + t->stack_bytes;

  return (STACK_BYTES - used) & ~(size_t)(PAGE_BYTES - 1);
}

/* Make what is below the stacks a guard. Returns whether the kernel refuses. */
int stacks_place(ds_machine *m);

/* stack.c */

/* Where the chain of frames of a thread begins: in the machine, for the current one in the caller
 * or above. */
uintptr_t frame_of(const ds_machine *m, const fiber *f);
/* Where the target's part of a thread's stack ends, or of one that it switches; 0: not known. */
uintptr_t stack_end_of_thread(const ds_machine *m, const fiber *f);
uintptr_t stack_end_of_slot(const ds_machine *m, uint32_t slot);
/* Is there a frame record at this address? */
int frame_is_readable(const ds_machine *m, uintptr_t frame);
/* Where a task that is on no thread has saved its stack, or NULL if that is not known. */
const parking *parking_of(const ds_machine *m, uint32_t task_id);

#endif
