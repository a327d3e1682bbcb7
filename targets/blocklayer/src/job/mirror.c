/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A copy that nobody can tell from its source when the job ends: the job drains the source itself,
 * and keeps it so until the main thread has concluded it.
 *
 * A drain waits until all jobs on its nodes have paused, this one too, which cannot: it waits for
 * the drain. So from the moment when it is going to drain it is not busy, as far as drains of its
 * own context are concerned (mirror_drained_poll()). The main thread's drains do wait for it, until
 * the job is concluded; then the section has ended.
 */
#include "job/copy_job.h"

#include "aio/aio_wait.h"
#include "aio/code_category.h"
#include "block/block.h"

static int coroutine_fn mirror_run(Job *job)
{
  MirrorJob *mirror = (MirrorJob *)job;
  int ret = copy_job_run(&mirror->common);

  if (ret < 0 || job_is_cancelled(job)) {
    return ret;
  }
  /* Release: nothing is in flight any more. Pairs with the acquire in mirror_drained_poll()
   * (litmus mp_release_acquire). Another job of this context, which drains already, may be waiting
   * for it. */
  atomic_store_explicit(&mirror->in_drain, true, memory_order_release);
  aio_wait_kick();
  bdrv_drained_begin(mirror->common.common.nodes[COPY_SOURCE]->bs);
  return 0;
}

/* A job that is cancelled is not asked for less: it may be about to send one more chunk. */
static bool mirror_drained_poll(BlockJob *job)
{
  const MirrorJob *mirror = (const MirrorJob *)job;

  /* Acquire, twice: what the job has done before. Pairs with the releases in mirror_run() (litmus
   * mp_release_acquire) and at the end of a chunk (litmus mp_release_sequence). */
  if (!job_is_paused(&job->job) && !atomic_load_explicit(&mirror->in_drain, memory_order_acquire)) {
    return true;
  }
  return atomic_load_explicit(&mirror->common.in_flight, memory_order_acquire) > 0;
}

static void mirror_clean(Job *job)
{
  MirrorJob *mirror = (MirrorJob *)job;

  GLOBAL_STATE_CODE();
  /* Relaxed: the coroutine has ended, and the bottom half of its end has run. */
  if (atomic_load_explicit(&mirror->in_drain, memory_order_relaxed)) {
    bdrv_drained_end(mirror->common.common.nodes[COPY_SOURCE]->bs);
    atomic_store_explicit(&mirror->in_drain, false, memory_order_relaxed);
  }
  block_job_remove_all_bdrv(&mirror->common.common);
}

const BlockJobDriver mirror_job_driver = {
    .job_driver =
        {
            .instance_size = sizeof(MirrorJob),
            .run = mirror_run,
            .clean = mirror_clean,
        },
    .drained_poll = mirror_drained_poll,
};
