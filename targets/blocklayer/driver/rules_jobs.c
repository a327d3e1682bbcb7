/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of jobs. */
#include "jobs.h"

#include "aio/main_loop.h"
#include "coroutine/coroutine_int.h"

/* ------------------------------------------------------------------ R30 pause, R31 affinity */

void rule_job_works(unsigned job)
{
  const GhostJob *self = &ghost_jobs.jobs[job];

  DS_CHECK(!self->quiet && !self->rests, "R30", "paused-job-works",
           "job%u works although it was idle after job_pause and nobody has resumed it", job);
  /* A block job follows its nodes before whoever moves them has told us. */
  const AioContext *home = self->copy ? self->job->aio_context : ghost.contexts[self->context].ctx;
  DS_CHECK(qemu_get_current_aio_context() == home, "R31", "job-in-another-context",
           "job%u works outside of its context ctx%u", job, self->context);
}

/* ------------------------------------------------------------------ R32 completion */

void rule_job_ends(unsigned job, bool in_order, const char *what)
{
  DS_CHECK(in_order && qemu_in_main_thread(), "R32", "job-ends-out-of-order",
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

/* ------------------------------------------------------------------ R34 jobs in sections */

static bool covers_job(const GhostSection *section, const GhostJob *job)
{
  return (job->source != NO_NODE && section_covers(section, job->source)) ||
         (job->target != NO_NODE && section_covers(section, job->target));
}

/* One that drains for itself, in the context of the coroutine that has begun this section: two such
 * jobs would wait for each other. */
static bool drains_beside(const GhostJob *job, const AioContext *drainer)
{
  return job->mirror && job->job->aio_context == drainer &&
         atomic_load_explicit(&job->mirror->in_drain, memory_order_relaxed);
}

/* One that is cancelled does not pause, but begins nothing any more. */
void rule_jobs_pause_in(const GhostSection *section, const AioContext *drainer)
{
  for (unsigned i = 0; i < ghost_jobs.created; i++) {
    const GhostJob *self = &ghost_jobs.jobs[i];
    if (self->copy && self->begun && !self->cancelled && covers_job(section, self) &&
        !drains_beside(self, drainer)) {
      DS_CHECK(self->job->paused, "R34", "job-works-in-section",
               "the section has begun, but job%u, which works on one of its nodes, has not paused",
               i);
    }
  }
}

/* ------------------------------------------------------------------ R35 pause counts */

void rule_pause_counts(void)
{
  for (unsigned i = 0; i < ghost_jobs.created; i++) {
    const GhostJob *self = &ghost_jobs.jobs[i];
    if (self->copy && !self->cleaned) {
      unsigned expected = (unsigned)(self->pauses + self->keepers) + demanded_by(self->source) +
                          demanded_by(self->target);
      DS_CHECK((unsigned)self->job->pause_count == expected, "R35", "pauses-of-job",
               "job%u counts %d pauses instead of %u", i, self->job->pause_count, expected);
      DS_CHECK(self->job->aio_context == ghost.contexts[self->context].ctx, "R31",
               "job-in-another-context", "job%u has not come along to ctx%u", i, self->context);
    }
  }
}

/* ------------------------------------------------------------------ R36 pause points */

void rule_pause_points(void)
{
  for (unsigned i = 0; i < ghost_jobs.created; i++) {
    const GhostJob *self = &ghost_jobs.jobs[i];
    DS_CHECK(!self->begun || !self->job->co->holds_graph_rdlock, "R36", "job-keeps-the-lock",
             "nothing can run, and job%u, which is idle, holds the graph's read lock", i);
  }
}
