/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Block jobs that copy one node to another, a chunk at a time. What differs is what they do when
 * everything has been copied:
 *
 *   backup   nothing
 *   mirror   keeps the source quiet until the job is over, with a drained section that the job
 *            begins from its coroutine: target and source are the same then
 *   commit   has the users of the source use the target, which is below it
 *   stream   puts the target, which is above the source, right on top of it
 *
 * The main thread.
 */
#ifndef BLOCK_COPY_JOB_H
#define BLOCK_COPY_JOB_H

#include "job/blockjob.h"

/* The node that is read, the one that is written. */
enum { COPY_SOURCE, COPY_TARGET };

typedef struct CopyJob {
  BlockJob common;

  /* Set before it is started. */
  int64_t length;
  int64_t granularity; /* of a chunk; bytes */
  int64_t delay_ns;    /* between two chunks: the limit of its rate */

  _Atomic unsigned in_flight; /* chunks */
} CopyJob;

typedef struct MirrorJob {
  CopyJob common;
  _Atomic bool in_drain; /* it has a section of the source, or is about to */
} MirrorJob;

extern const BlockJobDriver backup_job_driver;
extern const BlockJobDriver mirror_job_driver;
extern const BlockJobDriver commit_job_driver;
extern const BlockJobDriver stream_job_driver;

/* A job of one of the drivers above, or of one made out of it, that is not yet started. It runs in
 * the context of the source. Takes the write lock, so it polls; the caller holds references. */
CopyJob *copy_job_create(const BlockJobDriver *driver, JobTxn *txn, BlockDriverState *source,
                         BlockDriverState *target);

/* For these drivers, in the job's coroutine: copy everything, with a pause point after each chunk.
 * 0, or the error of the first request that failed. Ends early if the job is cancelled. */
int coroutine_fn copy_job_run(CopyJob *job);

#endif
