/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How jobs end: in the main thread, all of a transaction together. The last one that succeeds
 * prepares and commits all; the first one that fails cancels all others, waits for them, and
 * aborts all.
 *
 * Callbacks may poll, so any job may complete inside of another one's end: what is looked at is
 * looked at again, and a job that is worked on is kept alive by a reference. Each job that ends
 * looks at all of its transaction, so n of them cost n*n looks; an abort polls until all have
 * ended.
 */
#include "job/job_int.h"

#include "aio/aio_wait.h"
#include "aio/code_category.h"

#include <errno.h>

static void job_txn_succeed(JobTxn *txn);
static void job_txn_abort(JobTxn *txn, Job *culprit);
static void job_conclude(Job *job);
static void job_set_status(Job *job, JobStatus status);
static int job_result(const Job *job);

/* ------------------------------------------------------------------ membership */

JobTxn *job_txn_new(void)
{
  GLOBAL_STATE_CODE();
  JobTxn *txn = qemu_malloc(sizeof(*txn));
  *txn = (JobTxn){.refs = 1};
  return txn;
}

void job_txn_unref(JobTxn *txn)
{
  GLOBAL_STATE_CODE();
  assert(txn->refs > 0);
  if (--txn->refs == 0) {
    assert(!txn->jobs);
    free(txn);
  }
}

void job_txn_add(JobTxn *txn, Job *job)
{
  Job **last = &txn->jobs;

  GLOBAL_STATE_CODE();
  assert(!job->txn && !txn->aborting);
  while (*last) {
    last = &(*last)->next_in_txn;
  }
  *last = job;
  job->txn = txn;
  txn->refs++;
}

static void job_txn_remove(JobTxn *txn, Job *job)
{
  Job **link = &txn->jobs;
  while (*link != job) {
    link = &(*link)->next_in_txn;
  }
  *link = job->next_in_txn;
  job->next_in_txn = NULL;
  job->txn = NULL;
  job_txn_unref(txn);
}

/* ------------------------------------------------------------------ the end */

void job_completed(Job *job)
{
  JobTxn *txn = job->txn;

  GLOBAL_STATE_CODE();
  assert(txn && !job_is_completed(job));
  txn->refs++;
  if (job_result(job) == 0) {
    job_set_status(job, JOB_WAITING);
    job_txn_succeed(txn);
  } else {
    job_set_status(job, JOB_ABORTING);
    if (!txn->aborting) {
      job_txn_abort(txn, job);
    } /* else somebody further out on our stack, or in the loop, waits for us and does the rest */
  }
  job_txn_unref(txn);
}

/* If all have succeeded: prepare all, then commit all. */
static void job_txn_succeed(JobTxn *txn)
{
  for (Job *job = txn->jobs; job; job = job->next_in_txn) {
    if (!job_is_completed(job)) {
      return;
    }
  }
  if (txn->aborting) {
    return;
  }
  for (Job *job = txn->jobs; job; job = job->next_in_txn) {
    int ret = job->driver->prepare ? job->driver->prepare(job) : 0;
    if (ret != 0) {
      job->ret = ret;
      job_txn_abort(txn, job);
      return;
    }
  }
  while (txn->jobs) {
    job_conclude(txn->jobs);
  }
}

/* Nobody of this transaction succeeds any more. */
static void job_txn_abort(JobTxn *txn, Job *culprit)
{
  txn->aborting = true;
  for (Job *job = txn->jobs; job; job = job->next_in_txn) {
    if (job != culprit) {
      job_cancel(job);
    }
  }
  while (txn->jobs) {
    Job *job = txn->jobs;
    AIO_WAIT_WHILE(NULL, !job_is_completed(job));
    job_conclude(job);
  }
}

/* The job's last callbacks. */
static void job_conclude(Job *job)
{
  const JobDriver *driver = job->driver;

  job_ref(job);
  job->ret = job_result(job);
  if (job->ret == 0) {
    if (driver->commit) {
      driver->commit(job);
    }
  } else {
    job_set_status(job, JOB_ABORTING);
    if (driver->abort) {
      driver->abort(job);
    }
  }
  if (driver->clean) {
    driver->clean(job);
  }
  job_txn_remove(job->txn, job);
  job_set_status(job, JOB_CONCLUDED);
  if (job->co) {
    job_unref(job); /* job_start()'s */
  }
  job_unref(job);
}

static int job_result(const Job *job)
{
  return job->ret == 0 && job->cancelled ? -ECANCELED : job->ret;
}

static void job_set_status(Job *job, JobStatus status)
{
  qemu_mutex_lock(&job_mutex);
  job->status = status;
  qemu_mutex_unlock(&job_mutex);
  aio_wait_kick();
}
