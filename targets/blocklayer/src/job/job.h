/* SPDX-License-Identifier: Apache-2.0 */
/* All about jobs. */
#ifndef BLOCK_JOB_H
#define BLOCK_JOB_H

#include "job/job_common.h"
#include "job/job_global_state.h"
#include "job/job_io.h"

#endif
