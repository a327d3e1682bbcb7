/* SPDX-License-Identifier: Apache-2.0 */
/* Behaviours of block jobs: what a drain does to them, and how they end. */
#include "behaviours.h"

#include "aio/aio_wait.h"
#include "aio/iothread.h"
#include "aio/main_loop.h"
#include "block/block.h"
#include "graph/graph_lock.h"
#include "job/blockjob.h"
#include "job/job_int.h"

#include <errno.h>

enum { STEP_NS = 1000 };

typedef enum Section { SECTION_NODE, SECTION_ALL, SECTION_SUBTREE } Section;
typedef enum Failure { FAIL_NOWHERE, FAIL_IN_RUN, FAIL_IN_PREPARE } Failure;

/* A job that reads nothing but is busy until it is told to end. */
typedef struct TestJob {
  BlockJob common;
  Failure failure;
  _Atomic bool should_end;
  _Atomic bool runs;
  int commits, aborts, cleans;
} TestJob;

/* source -> backing, and a target; the job is a parent of source and target. */
typedef struct Fixture {
  IOThread *iothread; /* NULL: everything in the main context */
  BlockDriverState *source, *backing, *target;
  TestJob *job;
} Fixture;

static int coroutine_fn test_job_run(Job *common)
{
  TestJob *job = (TestJob *)common;

  assert(qemu_get_current_aio_context() == common->aio_context);
  atomic_store(&job->runs, true);
  aio_wait_kick();
  while (!atomic_load(&job->should_end)) {
    /* Busy for a while, as if a request were in flight; then a place where it may be paused. */
    aio_co_schedule(common->aio_context, common->co);
    qemu_coroutine_yield();
    job_sleep_ns(common, STEP_NS);
  }
  return job->failure == FAIL_IN_RUN ? -EIO : 0;
}

/* It is paused no longer. */
static void coroutine_fn test_job_resume(Job *common)
{
  (void)common;
  aio_wait_kick();
}

static void poll_once(void)
{
  aio_poll(qemu_get_aio_context(), false);
}

static int test_job_prepare(Job *common)
{
  poll_once();
  return ((TestJob *)common)->failure == FAIL_IN_PREPARE ? -EIO : 0;
}

static void test_job_commit(Job *common)
{
  poll_once();
  ((TestJob *)common)->commits++;
}

static void test_job_abort(Job *common)
{
  poll_once();
  ((TestJob *)common)->aborts++;
}

static void test_job_clean(Job *common)
{
  poll_once();
  ((TestJob *)common)->cleans++;
  block_job_remove_all_bdrv((BlockJob *)common);
}

static const BlockJobDriver test_job_driver = {
    .job_driver =
        {
            .instance_size = sizeof(TestJob),
            .run = test_job_run,
            .resume = test_job_resume,
            .prepare = test_job_prepare,
            .commit = test_job_commit,
            .abort = test_job_abort,
            .clean = test_job_clean,
        },
};

/* ------------------------------------------------------------------ fixture */

static void set_up(Fixture *fixture, bool in_iothread, Failure failure)
{
  qemu_init_main_loop();
  *fixture = (Fixture){.iothread = in_iothread ? iothread_create() : NULL};
  fixture->source = bdrv_new();
  fixture->backing = bdrv_new();
  fixture->target = bdrv_new();
  bdrv_attach_child_unshared(fixture->source, fixture->backing);

  TestJob *job = (TestJob *)block_job_create(&test_job_driver, NULL, fixture->source);
  block_job_add_bdrv(&job->common, fixture->target);
  job->failure = failure;
  if (in_iothread) {
    job_set_aio_context(&job->common.job, iothread_get_aio_context(fixture->iothread));
  }
  fixture->job = job;
  job_start(&job->common.job);
  AIO_WAIT_WHILE(NULL, !atomic_load(&job->runs));
}

static void tear_down(Fixture *fixture, int expected)
{
  TestJob *job = fixture->job;

  atomic_store(&job->should_end, true);
  assert(job_finish_sync(&job->common.job) == expected);
  AIO_WAIT_WHILE(NULL, job->cleans == 0); /* prepared, committed or aborted, cleaned up: once */
  assert(job->commits == (expected == 0));
  assert(job->aborts == (expected != 0));
  assert(job->cleans == 1);
  job_unref(&job->common.job);
  if (fixture->iothread) {
    iothread_stop(fixture->iothread);
    iothread_destroy(fixture->iothread);
  }
  bdrv_unref(fixture->target);
  bdrv_unref(fixture->source);
  bdrv_unref(fixture->backing);
  qemu_cleanup_main_loop();
}

/* ------------------------------------------------------------------ sections */

static void section_begin(Section section, BlockDriverState *bs)
{
  switch (section) {
  case SECTION_NODE:
    bdrv_drained_begin(bs);
    break;
  case SECTION_ALL:
    bdrv_drain_all_begin();
    break;
  case SECTION_SUBTREE:
    bdrv_subtree_drained_begin(bs);
    break;
  }
}

static void section_end(Section section, BlockDriverState *bs)
{
  switch (section) {
  case SECTION_NODE:
    bdrv_drained_end(bs);
    break;
  case SECTION_ALL:
    bdrv_drain_all_end();
    break;
  case SECTION_SUBTREE:
    bdrv_subtree_drained_end(bs);
    break;
  }
}

static void check_paused(Job *job, int pause_count)
{
  qemu_mutex_lock(&job_mutex);
  assert(job->pause_count == pause_count);
  assert(!job->busy);
  qemu_mutex_unlock(&job_mutex);
  assert(!job_is_active(job));
}

static bool is_paused(Job *job)
{
  qemu_mutex_lock(&job_mutex);
  bool paused = job->paused;
  qemu_mutex_unlock(&job_mutex);
  return paused;
}

static void check_section(Job *job, Section section, BlockDriverState *bs)
{
  assert(job->pause_count == 0);
  section_begin(section, bs);
  check_paused(job, section == SECTION_ALL ? 2 : 1);
  section_end(section, bs);
  assert(job->pause_count == 0);
  AIO_WAIT_WHILE(NULL, is_paused(job)); /* it goes on in its own time */
}

static void job_through_sections(Section section, bool in_iothread)
{
  Fixture fixture;

  set_up(&fixture, in_iothread, FAIL_NOWHERE);
  Job *job = &fixture.job->common.job;
  check_section(job, section, fixture.source);
  check_section(job, section, fixture.backing);
  check_section(job, section, fixture.target);
  tear_down(&fixture, 0);
}

void job_drain_all(void)
{
  job_through_sections(SECTION_ALL, false);
}

void job_drain(void)
{
  job_through_sections(SECTION_NODE, false);
}

void job_drain_subtree(void)
{
  job_through_sections(SECTION_SUBTREE, false);
}

void job_iothread_drain_all(void)
{
  job_through_sections(SECTION_ALL, true);
}

void job_iothread_drain(void)
{
  job_through_sections(SECTION_NODE, true);
}

void job_iothread_drain_subtree(void)
{
  job_through_sections(SECTION_SUBTREE, true);
}

/* ------------------------------------------------------------------ failures */

static void job_that_fails(Failure failure, bool in_iothread)
{
  Fixture fixture;

  set_up(&fixture, in_iothread, failure);
  check_section(&fixture.job->common.job, SECTION_NODE, fixture.source);
  tear_down(&fixture, -EIO);
}

void job_fails_in_run(void)
{
  job_that_fails(FAIL_IN_RUN, true);
}

void job_fails_in_prepare(void)
{
  job_that_fails(FAIL_IN_PREPARE, true);
}
