/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a target may change of the processor, and this process relies on: rounding, masks of
 * exceptions, flags, the x87's own stack. All of it is of the OS thread that calls.
 */
#ifndef DRAINSTORM_PROCESSOR_H
#define DRAINSTORM_PROCESSOR_H

#include <stdint.h>

/* Before runs: remember it. */
void processor_keep(void);
/* After each run: put back what the run has changed. */
void processor_restore(void);

/* In a signal handler: where the interrupted code stood. `context` is the handler's third argument.
 */
uintptr_t processor_pc(const void *context);
/* When the handler returns, go on at ds_host_resume with the stack pointer `host_sp`. */
void processor_resume_host(void *context, void *host_sp);

#endif
