/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job: a long piece of work in a coroutine of its own, which pauses where it says so, can be
 * cancelled, follows its AioContext, and ends in the main thread, alone or together with others.
 *
 *   created -> running <-> paused -> waiting -> concluded
 *                                 -> aborting -> concluded
 *
 * "waiting": its own work succeeded, and others of its transaction are still at work.
 */
#ifndef BLOCK_JOB_COMMON_H
#define BLOCK_JOB_COMMON_H

#include "aio/aio.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct Job Job;
typedef struct JobTxn JobTxn;

typedef enum JobStatus {
  JOB_CREATED,
  JOB_RUNNING,
  JOB_PAUSED,
  JOB_WAITING,
  JOB_ABORTING,
  JOB_CONCLUDED,
} JobStatus;

/* What a kind of job does. Callbacks may be NULL, but for run(). */
typedef struct JobDriver {
  size_t instance_size; /* of a structure that begins with a Job */

  /* The work, in the job's coroutine and in the home thread of its context; 0 or a negative errno
   * value. Calls job_pause_point() often, and never while it holds anything that others need. */
  int coroutine_fn (*run)(Job *job);

  /* Around a pause, in the job's coroutine: nothing of the job is in flight after pause(). */
  void coroutine_fn (*pause)(Job *job);
  void coroutine_fn (*resume)(Job *job);

  /* The end, in the main thread, outside of coroutines; may poll. All jobs of a transaction are
   * prepared before the first is committed. A result other than 0 makes all of them abort. Each
   * job gets exactly one of commit() and abort(), and then clean(). */
  int (*prepare)(Job *job);
  void (*commit)(Job *job);
  void (*abort)(Job *job);
  void (*clean)(Job *job);
} JobDriver;

/* Protected by the jobs' mutex, but for what is set once. */
struct Job {
  const JobDriver *driver;
  Coroutine *co; /* NULL until it is started */
  JobTxn *txn;
  Job *next_in_txn;
  uint32_t refs;

  AioContext *aio_context; /* where the coroutine is to run; the main thread changes it */
  QEMUTimer sleep_timer;   /* of that context; armed only while the job is not busy */
  JobStatus status;
  int pause_count; /* who wants it paused; starts at 1 and is dropped by job_start() */
  int ret;

  bool busy;   /* the coroutine runs, is on its way, or waits for something inside its work */
  bool paused; /* the coroutine has stopped at a pause point */
  bool cancelled;
  bool deferred_to_main_loop; /* the coroutine has done its work */
};

#endif
