/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What those who call the block layer write themselves, where that is more than a call: it must be
 * seen by the machine, so it is no part of the driver.
 */
#ifndef BLOCKLAYER_CALLERS_H
#define BLOCKLAYER_CALLERS_H

#include "aio/aio.h"
#include "job/job_global_state.h"
#include "job/job_io.h"

/* Have a bottom half of `where` call cb(opaque), and wait for it in AIO_WAIT_WHILE(wait_ctx). */
void caller_wait(AioContext *where, AioContext *wait_ctx, QEMUBHFunc *cb, void *opaque);

/* The same in AIO_WAIT_WHILE(where), with the lock of `where` held, which the bottom half takes. */
void caller_wait_locked(AioContext *where, QEMUBHFunc *cb, void *opaque);

/* The same in AIO_WAIT_WHILE_UNLOCKED(NULL). */
void caller_wait_unlocked(AioContext *where, QEMUBHFunc *cb, void *opaque);

/* Wait in AIO_WAIT_WHILE(NULL) until nothing of a job runs. */
void caller_wait_job_idle(Job *job);

/* The same until nothing will ever happen to it again. */
void caller_wait_job_concluded(const Job *job);

#endif
