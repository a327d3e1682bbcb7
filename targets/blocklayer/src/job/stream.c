/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pulls what a node below holds, the base, up into a node; then the node stands on the base, and
 * does without what lay between. Besides the copying that is one change of the graph (modify.c).
 */
#include "job/copy_job.h"

#include "aio/code_category.h"
#include "block/block.h"

#include <errno.h>

static int coroutine_fn stream_run(Job *job)
{
  return copy_job_run((CopyJob *)job);
}

/* The edge down that leads to the base; NULL if none does any more. */
static BdrvChild *edge_to_base(const BlockDriverState *top, const BlockDriverState *base)
{
  BdrvChild *edge = top->children;
  while (edge && !bdrv_is_below(edge->bs, base)) {
    edge = edge->next_sibling;
  }
  return edge;
}

/* What lies between is looked up now and not at the start: other jobs may have changed it since. If
 * it changes again while we drain, nothing is replaced. */
static int stream_prepare(Job *job)
{
  const BlockJob *stream = (const BlockJob *)job;
  BlockDriverState *base = stream->nodes[COPY_SOURCE]->bs;
  BlockDriverState *top = stream->nodes[COPY_TARGET]->bs;

  GLOBAL_STATE_CODE();
  const BdrvChild *edge = edge_to_base(top, base);
  if (!edge) {
    return -EPERM;
  }
  return edge->bs == base || bdrv_replace_child_bs(top, edge->bs, base) ? 0 : -EPERM;
}

static void stream_clean(Job *job)
{
  GLOBAL_STATE_CODE();
  block_job_remove_all_bdrv((BlockJob *)job);
}

const BlockJobDriver stream_job_driver = {
    .job_driver =
        {
            .instance_size = sizeof(CopyJob),
            .run = stream_run,
            .prepare = stream_prepare,
            .clean = stream_clean,
        },
};
