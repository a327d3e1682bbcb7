/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of jobs: their one mutex, and the step from work to completion. */
#ifndef BLOCK_JOB_INT_H
#define BLOCK_JOB_INT_H

#include "job/job.h"
#include "util/thread.h"

/* Protects every field of every job that changes. A leaf: nothing is waited for under it. */
extern QemuMutex job_mutex;

struct JobTxn {
  uint32_t refs;
  Job *jobs; /* in the order in which they joined; each holds a reference to the transaction */
  bool aborting;
};

void job_txn_add(JobTxn *txn, Job *job);

/* Under the mutex. */
bool job_is_completed_locked(const Job *job);

/* The job has ended with `job->ret`: conclude it, now or when its transaction can. Main thread,
 * without the mutex; polls. */
void job_completed(Job *job);

#endif
