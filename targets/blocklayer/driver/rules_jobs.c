/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of jobs. */
#include "jobs.h"

#include "aio/main_loop.h"

/* ------------------------------------------------------------------ R30 pause, R31 affinity */

void rule_job_works(unsigned job)
{
  const GhostJob *self = &ghost_jobs.jobs[job];

  DS_CHECK(!self->quiet, "R30", "paused-job-works",
           "job%u works although it was idle after job_pause and nobody has resumed it", job);
  DS_CHECK(qemu_get_current_aio_context() == ghost.contexts[self->context].ctx, "R31",
           "job-in-another-context", "job%u works outside of its context ctx%u", job,
           self->context);
}

/* ------------------------------------------------------------------ R32 completion */

void rule_job_ends(unsigned job, bool in_order, const char *what)
{
  DS_CHECK(in_order && ds_thread_self() == MAIN_THREAD, "R32", "job-ends-out-of-order",
           "%s of job%u comes too early, too often or in another thread", what, job);
}

void rule_jobs_ended(void)
{
  for (unsigned i = 0; i < ghost_jobs.created; i++) {
    DS_CHECK(ghost_jobs.jobs[i].cleaned, "R32", "job-never-ends",
             "job%u has concluded without its last callback", i);
  }
}

/* ------------------------------------------------------------------ R33 wakeup */

void rule_job_wakeup(void)
{
  if (ghost_jobs.awaited == 0 || !ds_thread_in_poll(MAIN_THREAD)) {
    return;
  }
  unsigned number = ghost_jobs.awaited - 1u;
  const Job *job = ghost_jobs.jobs[number].job;
  bool over = job->status >= JOB_WAITING || (!job->busy && !ghost_jobs.jobs[number].waiters);
  DS_CHECK(!over, "R33", "waits-for-an-idle-job",
           "the main thread sleeps until job%u is idle or complete, which it is", number);
}
