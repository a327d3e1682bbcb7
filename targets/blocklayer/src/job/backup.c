/* SPDX-License-Identifier: Apache-2.0 */
/* The plainest of block jobs: copies, which is all that it costs (copy_job.c), and is over. */
#include "job/copy_job.h"

#include "aio/code_category.h"

static int coroutine_fn backup_run(Job *job)
{
  return copy_job_run((CopyJob *)job);
}

static void backup_clean(Job *job)
{
  GLOBAL_STATE_CODE();
  block_job_remove_all_bdrv((BlockJob *)job);
}

const BlockJobDriver backup_job_driver = {
    .job_driver =
        {
            .instance_size = sizeof(CopyJob),
            .run = backup_run,
            .clean = backup_clean,
        },
};
