/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job that works on nodes. It is a parent of each: whoever drains one of them pauses the job and
 * waits until it is idle. The main thread only.
 */
#ifndef BLOCK_BLOCKJOB_H
#define BLOCK_BLOCKJOB_H

#include "graph/graph.h"
#include "job/job.h"

enum { BLOCK_JOB_NODES_MAX = 4 };

typedef struct BlockJob BlockJob;

/* What a kind of block job does. */
typedef struct BlockJobDriver {
  JobDriver job_driver;

  /*
   * Must a drain still wait for the job, which has not yet paused? NULL: yes. Asked in the main
   * thread, but only about drains that were begun in the job's own context, as the job's own are,
   * which would wait for themselves otherwise. For all others a job is busy until it has paused.
   * Who makes the answer false calls aio_wait_kick().
   */
  bool (*drained_poll)(BlockJob *job);
} BlockJobDriver;

/* Begins the instance of a job's driver. */
struct BlockJob {
  Job job;
  BdrvChild *nodes[BLOCK_JOB_NODES_MAX];
  unsigned node_count;
};

/* As job_create(), for a driver whose instance begins with a BlockJob. It runs in the context of
 * `bs`, which becomes its first node. Takes the write lock, so it polls. */
BlockJob *block_job_create(const BlockJobDriver *driver, JobTxn *txn, BlockDriverState *bs);

/* One more node, of which it is a parent until the job is over. Not while it is at work: before it
 * is started, or paused and idle. Takes the write lock, so it polls. */
void block_job_add_bdrv(BlockJob *job, BlockDriverState *bs);

/* Let go of all nodes; to be called by the driver's clean(). Takes the write lock, so it polls. */
void block_job_remove_all_bdrv(BlockJob *job);

/* The class of a job's edges. */
extern const BdrvChildClass child_job;

#endif
