/* SPDX-License-Identifier: Apache-2.0 */
/* What a job's own coroutine calls, and whoever wants it to go on. */
#ifndef BLOCK_JOB_IO_H
#define BLOCK_JOB_IO_H

#include "job/job_common.h"

/* Have the job look again at what it sleeps for. Any thread; nothing happens if it is at work. */
void job_enter(Job *job);

/* Stop here for as long as somebody wants the job paused, unless it is cancelled. In the job's
 * coroutine; goes on in the job's context, which may be another one than before. Not under a lock
 * that others need: whoever pauses jobs may wait for it. */
void coroutine_fn job_pause_point(Job *job);

/* Be idle for `nanoseconds`, or until somebody enters the job; then a pause point. May return
 * early: look again at what you wait for. Returns at once if the job is cancelled. */
void coroutine_fn job_sleep_ns(Job *job, int64_t nanoseconds);

/* The same without an end. */
void coroutine_fn job_yield(Job *job);

/* Shall the job give up? Any thread. */
bool job_is_cancelled(Job *job);

/* Is it waiting for others, aborting, or over? Any thread. */
bool job_is_completed(Job *job);

/* Has it stopped at a pause point, or been entered there and not looked yet? Any thread. */
bool job_is_paused(Job *job);

/* Must a drain that has paused the job still wait for it? Any thread. Not while the job completes:
 * what it drains in its last callbacks must not wait for itself. */
bool job_is_active(Job *job);

#endif
