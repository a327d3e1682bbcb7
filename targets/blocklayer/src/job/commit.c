/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes what a node holds down into a node below it, its base; then the users of the node use the
 * base, and what lay between is theirs no more. Besides the copying that is one change of the graph
 * (modify.c).
 */
#include "job/copy_job.h"

#include "aio/code_category.h"
#include "block/block.h"

#include <errno.h>

static int coroutine_fn commit_run(Job *job)
{
  return copy_job_run((CopyJob *)job);
}

/* The base may have left the chain since, or leave it while we drain. */
static int commit_prepare(Job *job)
{
  const BlockJob *commit = (const BlockJob *)job;

  GLOBAL_STATE_CODE();
  bool dropped =
      bdrv_drop_intermediate(commit->nodes[COPY_SOURCE]->bs, commit->nodes[COPY_TARGET]->bs);
  return dropped ? 0 : -EPERM;
}

static void commit_clean(Job *job)
{
  GLOBAL_STATE_CODE();
  block_job_remove_all_bdrv((BlockJob *)job);
}

const BlockJobDriver commit_job_driver = {
    .job_driver =
        {
            .instance_size = sizeof(CopyJob),
            .run = commit_run,
            .prepare = commit_prepare,
            .clean = commit_clean,
        },
};
