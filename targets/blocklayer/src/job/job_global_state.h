/* SPDX-License-Identifier: Apache-2.0 */
/* What the main thread does with jobs. */
#ifndef BLOCK_JOB_GLOBAL_STATE_H
#define BLOCK_JOB_GLOBAL_STATE_H

#include "job/job_common.h"

/* A job that will run in `ctx`, of `txn` (NULL: of a transaction of its own). The caller owns one
 * reference; the rest of the instance is zero. */
Job *job_create(const JobDriver *driver, JobTxn *txn, AioContext *ctx);

void job_ref(Job *job);
void job_unref(Job *job);

/* Start its coroutine. Once, and not after job_cancel(). The job keeps itself alive until it has
 * concluded. */
void job_start(Job *job);

/* Want it paused; it may still be at work when this returns (job_is_active()). Nests. */
void job_pause(Job *job);

/* Undo one job_pause(). */
void job_resume(Job *job);

/* Make it give up, paused or not. It ends later; at once if it was never started. */
void job_cancel(Job *job);

/* Wait, polling, until it has completed; its result, -ECANCELED if it was cancelled. It has been
 * started, and nobody wants it paused unless it is cancelled. */
int job_finish_sync(Job *job);

/* Both: cancel it and wait. */
int job_cancel_sync(Job *job);

/* From now on the job runs in `ctx`. Its coroutine is at a pause point, or has not begun, or ended:
 * it goes there by itself before it does anything else. */
void job_set_aio_context(Job *job, AioContext *ctx);

/* Jobs that end together: all commit, or all abort. The caller owns one reference. */
JobTxn *job_txn_new(void);
void job_txn_unref(JobTxn *txn);

#endif
