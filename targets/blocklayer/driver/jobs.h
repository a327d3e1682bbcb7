/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs: what the program has asked of them, and what they have done. */
#ifndef BLOCKLAYER_JOBS_H
#define BLOCKLAYER_JOBS_H

#include "ghost.h"

#include "job/job.h"

#pragma GCC visibility push(hidden)

enum { JOBS = 4, NO_JOB = JOBS };

typedef struct GhostJob {
  Job *job; /* a reference of ours, until the program ends */
  uint16_t task;
  uint8_t state;   /* ActorState of its coroutine */
  uint8_t context; /* context where the job is to run */
  uint8_t leader;  /* the first job of its transaction */
  uint8_t pauses;  /* job_pause() calls of the program that are not undone */
  uint8_t keepers; /* operations on the stack that keep it paused */
  uint8_t waiters; /* operations on the stack that wait for its end */
  bool quiet;      /* it was seen idle while paused, and nobody has let it go on since */
  bool works;      /* between two pause points */
  bool fails;      /* it will */
  bool cancelled;
  bool prepared, committed, aborted, cleaned;
} GhostJob;

typedef struct GhostJobs {
  GhostJob jobs[JOBS];
  uint8_t created;
  uint8_t awaited; /* 1 + the job that the main thread waits for; 0: none */
} GhostJobs;

extern GhostJobs ghost_jobs;

/* jobs.c */
GhostOperation op_job_start, op_job_join, op_job_pause, op_job_resume, op_job_cancel, op_job_finish,
    op_job_move, op_job_fail, op_job_enter;
bool jobs_live_in(unsigned context);
void jobs_close(void); /* end all that are left */

/* rules_jobs.c; each ends the run if its rule is broken. `job` is a number. */
void rule_job_works(unsigned job); /* R30, R31: around every piece of work */
void rule_job_ends(unsigned job, bool in_order, const char *what); /* R32: in each last callback */
void rule_jobs_ended(void); /* R32: at the end of the program */
void rule_job_wakeup(void); /* R33: nothing can run */

#pragma GCC visibility pop

#endif
