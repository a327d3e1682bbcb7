/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs that work in small pieces, look whether they may after each, and poll when they end. */
#include "jobs.h"

#include "aio/main_loop.h"
#include "job/job_int.h"

#include <errno.h>

enum { STEPS = 3, NAP_NS = 1000 };

/* What the layer allocates for a job of ours. */
typedef struct WorkerJob {
  Job common;
  unsigned number;
} WorkerJob;

static unsigned number_of(const Job *job)
{
  return ((const WorkerJob *)job)->number;
}

static GhostJob *ghost_of(const Job *job)
{
  return &ghost_jobs.jobs[number_of(job)];
}

static int coroutine_fn work(Job *job)
{
  GhostJob *self = ghost_of(job);
  unsigned number = number_of(job);

  ds_task_bind_stack(self->task);
  for (unsigned step = 0; step < STEPS && !job_is_cancelled(job); step++) {
    rule_job_works(number);
    self->works = true;
    ds_task_waits(self->task, "qemu_coroutine_yield: its own context", 0, -1);
    aio_co_schedule(ghost.contexts[self->context].ctx, job->co);
    qemu_coroutine_yield();
    rule_job_works(number);
    self->works = false;
    ds_task_waits(self->task, "job_sleep_ns: its timer, or to be entered", 0, -1);
    job_sleep_ns(job, NAP_NS);
    ds_task_waits(self->task, NULL, 0, -1);
  }
  self->state = ACTOR_ENDED;
  ds_task_end(self->task);
  return self->fails ? -EIO : 0;
}

static void coroutine_fn pauses(Job *job)
{
  ghost_of(job)->rests = true;
}

static void coroutine_fn goes_on(Job *job)
{
  ghost_of(job)->rests = false;
}

/* ------------------------------------------------------------------ the last callbacks */

static int prepare(Job *job)
{
  job_last_call(number_of(job), JOB_PREPARES);
  aio_poll(qemu_get_aio_context(), false); /* it may */
  return 0;
}

static void commit(Job *job)
{
  job_last_call(number_of(job), JOB_COMMITS);
  aio_poll(qemu_get_aio_context(), false);
}

static void abort_(Job *job)
{
  job_last_call(number_of(job), JOB_ABORTS);
  aio_poll(qemu_get_aio_context(), false);
}

static void clean(Job *job)
{
  job_last_call(number_of(job), JOB_CLEANS);
}

static const JobDriver worker = {
    .instance_size = sizeof(WorkerJob),
    .run = work,
    .pause = pauses,
    .resume = goes_on,
    .prepare = prepare,
    .commit = commit,
    .abort = abort_,
    .clean = clean,
};

Job *worker_job_new(unsigned number, JobTxn *txn, AioContext *ctx)
{
  Job *job = job_create(&worker, txn, ctx);

  ((WorkerJob *)job)->number = number;
  return job;
}
