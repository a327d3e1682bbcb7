/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs as parents of nodes. A section of a node is one job_pause() of the job for each of its edges
 * that is told of it; the drain goes on when the job is idle, at its pause point or anywhere else
 * where it has said so. Each telling and each asking takes the mutex of all jobs once; a node more,
 * or all fewer, the write lock.
 */
#include "job/blockjob.h"

#include "aio/code_category.h"
#include "block/block.h"
#include "graph/graph_lock.h"

BlockJob *block_job_create(const BlockJobDriver *driver, JobTxn *txn, BlockDriverState *bs)
{
  GLOBAL_STATE_CODE();
  assert(driver->job_driver.instance_size >= sizeof(BlockJob));
  BlockJob *job = (BlockJob *)job_create(&driver->job_driver, txn, bdrv_get_aio_context(bs));

  block_job_add_bdrv(job, bs);
  return job;
}

void block_job_add_bdrv(BlockJob *job, BlockDriverState *bs)
{
  GLOBAL_STATE_CODE();
  assert(!job_is_active(&job->job));
  assert(job->node_count < BLOCK_JOB_NODES_MAX);
  bdrv_graph_wrlock();
  job->nodes[job->node_count++] = bdrv_root_attach_child(bs, &child_job, job);
  bdrv_graph_wrunlock();
}

void block_job_remove_all_bdrv(BlockJob *job)
{
  GLOBAL_STATE_CODE();
  bdrv_graph_wrlock();
  while (job->node_count > 0) {
    bdrv_unref_child(job->nodes[--job->node_count]);
  }
  bdrv_graph_wrunlock();
}

/* ------------------------------------------------------------------ sections */

static void child_job_drained_begin(BdrvChild *edge)
{
  job_pause(edge->opaque);
}

/*
 * A job that has not come to its pause point may still send requests. Its driver may know better,
 * of a job that drains for itself: but only for drains of the job's own context. Who drains from
 * anywhere else would go on beside the job, which is not quiet for him (seed 000, patch 4).
 */
static bool child_job_drained_poll(BdrvChild *edge)
{
  BlockJob *job = edge->opaque;
  const BlockJobDriver *driver = (const BlockJobDriver *)job->job.driver;

  if (!job_is_active(&job->job)) {
    return false;
  }
  if (driver->drained_poll && bdrv_drainer() == job->job.aio_context) {
    return driver->drained_poll(job);
  }
  return true;
}

static void child_job_drained_end(BdrvChild *edge)
{
  job_resume(edge->opaque);
}

/* ------------------------------------------------------------------ change of context */

typedef struct JobContextChange {
  BlockJob *job;
  AioContext *ctx;
} JobContextChange;

/* The drained section keeps the job at its pause point, or it has ended. */
static void change_job_context_commit(void *opaque)
{
  JobContextChange *move = opaque;
  job_set_aio_context(&move->job->job, move->ctx);
}

static const TransactionActionDrv change_job_context = {
    .commit = change_job_context_commit,
    .clean = free,
};

/* A job works on all of its nodes in one context: they come along. */
static bool child_job_change_aio_ctx(BdrvChild *edge, AioContextChange *change)
{
  BlockJob *job = edge->opaque;

  if (!bdrv_change_visits(change, job)) {
    return true;
  }
  for (unsigned i = 0; i < job->node_count; i++) {
    if (!bdrv_change_aio_context(job->nodes[i]->bs, change)) {
      return false;
    }
  }
  JobContextChange *move = qemu_malloc(sizeof(*move));
  *move = (JobContextChange){.job = job, .ctx = change->ctx};
  tran_add(change->tran, &change_job_context, move);
  return true;
}

static AioContext *child_job_get_parent_aio_context(BdrvChild *edge)
{
  const Job *job = edge->opaque;
  return job->aio_context;
}

const BdrvChildClass child_job = {
    .stay_at_node = true,
    .drained_begin = child_job_drained_begin,
    .drained_poll = child_job_drained_poll,
    .drained_end = child_job_drained_end,
    .change_aio_ctx = child_job_change_aio_ctx,
    .get_parent_aio_context = child_job_get_parent_aio_context,
};
