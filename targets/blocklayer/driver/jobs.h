/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs: what the program has asked of them, and what they have done. */
#ifndef BLOCKLAYER_JOBS_H
#define BLOCKLAYER_JOBS_H

#include "blocks.h"

#include "job/copy_job.h"

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
  bool rests;      /* between its driver's two callbacks */
  bool fails;      /* it will */
  bool cancelled;
  bool prepared, committed, aborted, cleaned;

  /* A block job. */
  CopyJob *copy;  /* the same as `job`; NULL: another job */
  uint8_t source; /* its nodes, until they are let go: else NO_NODE */
  uint8_t target;
  bool begun;        /* it is past its first pause point, and not at the end of its work */
  MirrorJob *mirror; /* the same as `job`; NULL: it does not drain for itself */
} GhostJob;

/* A job's last callbacks. */
typedef enum { JOB_PREPARES, JOB_COMMITS, JOB_ABORTS, JOB_CLEANS } JobCall;

typedef struct GhostJobs {
  GhostJob jobs[JOBS];
  uint8_t created;
  uint8_t arriving; /* block jobs whose creation polls */
  uint8_t awaited;  /* 1 + the job that the main thread waits for; 0: none */
} GhostJobs;

extern GhostJobs ghost_jobs;

/* jobs.c */
GhostOperation op_job_start, op_job_join, op_job_pause, op_job_resume, op_job_cancel, op_job_finish,
    op_job_move, op_job_fail, op_job_enter, op_job_cancel_sync, op_job_drop;
bool jobs_live_in(unsigned context);
bool job_has_room(void);
unsigned job_add(unsigned leader, unsigned context); /* the number of one more; NO_JOB: itself */
void job_begins(unsigned job, Job *itself);          /* it has been created: start it */
void job_last_call(unsigned job, JobCall call);      /* R32, in each of them */
void jobs_close(void);                               /* end all that are left */

/* worker_jobs.c */
Job *worker_job_new(unsigned number, JobTxn *txn, AioContext *ctx); /* works in small pieces */

/* blockjobs.c */
GhostOperation op_backup, op_mirror, op_commit, op_stream;
bool any_job_drains(void);               /* from its coroutine, now */
unsigned jobs_that_drain(unsigned node); /* the same, of this node */
bool block_jobs_work(void);              /* any that a section may have to wait for */
bool block_jobs_busy(void);              /* any, as the layer sees it */
unsigned job_running(void);           /* the block job whose coroutine is the caller, or NO_JOB */
unsigned jobs_on_node(unsigned node); /* edges of block jobs to it */
void jobs_have_moved(uint32_t nodes, unsigned context); /* with their nodes, a mask */

/* rules_jobs.c; each ends the run if its rule is broken. `job` is a number. */
void rule_job_works(unsigned job); /* R30, R31: around every piece of work */
void rule_job_ends(unsigned job, bool in_order, const char *what); /* R32: in each last callback */
void rule_jobs_ended(void); /* R32: at the end of the program */
void rule_job_wakeup(void); /* R33: nothing can run */
void rule_jobs_pause_in(const GhostSection *section,
                        const AioContext *drainer); /* R34: its begin has returned */
void rule_pause_counts(void);                       /* R35: nothing is changing */
void rule_pause_points(void);                       /* R36: nothing can run */

#pragma GCC visibility pop

#endif
