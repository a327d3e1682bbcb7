/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs as parents of nodes. A section of a node is one job_pause() of the job for each of its edges
 * that is told of it; the drain goes on when the job is idle, at its pause point or anywhere else
 * where it has said so.
 */
#include "job/blockjob.h"

#include "aio/code_category.h"
#include "block/block.h"
#include "graph/graph_lock.h"

BlockJob *block_job_create(const JobDriver *driver, JobTxn *txn, BlockDriverState *bs)
{
  GLOBAL_STATE_CODE();
  assert(driver->instance_size >= sizeof(BlockJob));
  BlockJob *job = (BlockJob *)job_create(driver, txn, bdrv_get_aio_context(bs));

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

/* A job that has not come to its pause point may still send requests. */
static bool child_job_drained_poll(BdrvChild *edge)
{
  return job_is_active(edge->opaque);
}

static void child_job_drained_end(BdrvChild *edge)
{
  job_resume(edge->opaque);
}

static AioContext *child_job_get_parent_aio_context(BdrvChild *edge)
{
  const Job *job = edge->opaque;
  return job->aio_context;
}

const BdrvChildClass child_job = {
    .parent_is_bds = false,
    .drained_begin = child_job_drained_begin,
    .drained_poll = child_job_drained_poll,
    .drained_end = child_job_drained_end,
    .get_parent_aio_context = child_job_get_parent_aio_context,
};
