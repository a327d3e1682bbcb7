/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of a program as hashes of its parts: what makes sure that something has come again.
 * tail.c looks at all of it, spin.c at what one thread can tell.
 */
#ifndef DRAINSTORM_STATE_H
#define DRAINSTORM_STATE_H

#include "machine.h"

/* Where the current thread stands: what is in the registers that calls preserve, and where the
 * target's innermost frame begins (0: too deep in its stack to look). */
typedef struct standpoint {
  uint64_t registers;
  uintptr_t frame;
} standpoint;

static inline uint64_t stir(uint64_t hash, uint64_t word)
{
  hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
  return hash ^ hash >> 29;
}

/* Small enough to be looked at? */
int state_is_small(const ds_machine *m);
void state_stand(ds_machine *m, standpoint *at);
/* A thread's stack from `from` upwards; all of it while the thread runs on another one. *looked_at
 * grows by the bytes that were read, here and below. */
uint64_t stir_stack(ds_machine *m, uint64_t hash, const fiber *f, uintptr_t from,
                    size_t *looked_at);
/* File-scope data and the heap. */
uint64_t stir_data(ds_machine *m, uint64_t hash, size_t *looked_at);
/* The stacks that the target switches itself: all of them, or what is alive of each. */
uint64_t stir_slots(ds_machine *m, uint64_t hash, size_t *looked_at);
uint64_t stir_live_slots(ds_machine *m, uint64_t hash, size_t *looked_at);

#endif
