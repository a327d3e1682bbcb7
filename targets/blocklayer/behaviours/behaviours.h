/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Behaviours of the block layer: one function each, run by the main thread before there is a main
 * context. It asserts what must be seen and leaves nothing behind: no thread, no context, no byte.
 * They are code of the target like any other: what two threads touch has to be synchronised.
 *
 * A room of src/ has one file; its list stands here, in the order of BEHAVIOURS.md.
 */
#ifndef BEHAVIOURS_H
#define BEHAVIOURS_H

/* X(OPERATION, function) */
#define AIO_BEHAVIOURS(X)                                                                          \
  X(AIO_BH_SCHEDULE, aio_bh_schedule_runs_once)                                                    \
  X(AIO_BH_CANCEL, aio_bh_cancel_keeps_it_from_running)

#define JOB_BEHAVIOURS(X)                                                                          \
  X(JOB_DRAIN_ALL, job_drain_all)                                                                  \
  X(JOB_DRAIN, job_drain)                                                                          \
  X(JOB_DRAIN_SUBTREE, job_drain_subtree)                                                          \
  X(JOB_IOTHREAD_DRAIN_ALL, job_iothread_drain_all)                                                \
  X(JOB_IOTHREAD_DRAIN, job_iothread_drain)                                                        \
  X(JOB_IOTHREAD_DRAIN_SUBTREE, job_iothread_drain_subtree)                                        \
  X(JOB_FAILS_IN_RUN, job_fails_in_run)                                                            \
  X(JOB_FAILS_IN_PREPARE, job_fails_in_prepare)

#define BEHAVIOURS(X) AIO_BEHAVIOURS(X) JOB_BEHAVIOURS(X)

#define BEHAVIOUR_DECLARE(operation, function) void function(void);
BEHAVIOURS(BEHAVIOUR_DECLARE)
#undef BEHAVIOUR_DECLARE

#endif
