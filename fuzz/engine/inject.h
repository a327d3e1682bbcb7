/* SPDX-License-Identifier: Apache-2.0 */
/* Faults that the schedule chooses. */
#ifndef DRAINSTORM_INJECT_H
#define DRAINSTORM_INJECT_H

#include "machine.h"

/* Ask whether a fault happens here (DS_KIND_WAKEUP ..): 0 = no, always so when it is not switched
 * on for this case. `what` fails, as the timeline shall say it. */
uint32_t inject_slow(ds_machine *m, uint32_t kind, uint32_t options, const char *what,
                     uintptr_t pc);
/* A run begins: how many faults shall it have, how often? */
void inject_begin(ds_machine *m);

static inline uint32_t inject(ds_machine *m, uint32_t kind, uint32_t options, const char *what,
                              uintptr_t pc)
{
  return UNLIKELY(m->input->faults) ? inject_slow(m, kind, options, what, pc) : 0;
}

#endif
