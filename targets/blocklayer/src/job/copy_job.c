/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copying. A chunk is one section under the graph's read lock, so that the edges stay; whoever
 * wants to write waits for its end. No pause point lies within: a job that is paused must not keep
 * anybody out.
 */
#include "job/copy_job.h"

#include "aio/code_category.h"
#include "block/block.h"
#include "graph/graph_lock.h"

CopyJob *copy_job_create(const BlockJobDriver *driver, JobTxn *txn, BlockDriverState *source,
                         BlockDriverState *target)
{
  GLOBAL_STATE_CODE();
  assert(driver->job_driver.instance_size >= sizeof(CopyJob));
  CopyJob *job = (CopyJob *)block_job_create(driver, txn, source);

  block_job_add_bdrv(&job->common, target);
  return job;
}

static int coroutine_fn copy_chunk(CopyJob *job, int64_t offset)
{
  BdrvChild *source = job->common.nodes[COPY_SOURCE];
  BdrvChild *target = job->common.nodes[COPY_TARGET];

  /* Relaxed: nobody waits for it to rise. */
  atomic_fetch_add_explicit(&job->in_flight, 1, memory_order_relaxed);
  bdrv_graph_co_rdlock();
  int ret = bdrv_co_preadv(source, offset, job->granularity, BDRV_REQ_NONE);
  if (ret >= 0) {
    ret = bdrv_co_pwritev(target, offset, job->granularity, BDRV_REQ_NONE);
  }
  bdrv_graph_co_rdunlock();
  /* Release: what the requests did. Pairs with the acquire in mirror_drained_poll() (litmus
   * mp_release_sequence). Then the kick. */
  atomic_fetch_sub_explicit(&job->in_flight, 1, memory_order_release);
  aio_wait_kick();
  return ret;
}

int coroutine_fn copy_job_run(CopyJob *job)
{
  Job *common = &job->common.job;

  IO_CODE();
  int ret = 0;
  for (int64_t offset = 0; offset < job->length && ret >= 0; offset += job->granularity) {
    /* First of all: who is cancelled does not pause, not even in a drained section. */
    if (job_is_cancelled(common)) {
      break;
    }
    ret = copy_chunk(job, offset);
    job_sleep_ns(common, job->delay_ns);
  }
  return ret;
}
