/* SPDX-License-Identifier: Apache-2.0 */
/* Behaviours of block jobs: what a drain does to them, and how they end. */
#include "nodes.h"

#include "aio/co_sleep.h"
#include "job/blockjob.h"
#include "job/job_int.h"

#include <errno.h>

enum { STEP_NS = 1000 };

typedef enum Failure { FAIL_NOWHERE, FAIL_IN_RUN, FAIL_IN_PREPARE } Failure;

/* A job that reads nothing but is busy, except at its pause points, until it is told to end. */
typedef struct TestJob {
  BlockJob common;
  Failure failure;
  _Atomic bool should_end;
  _Atomic bool runs;
  int commits, aborts, cleans;
} TestJob;

/* overlay -> source -> backing, and a target; the job is a parent of source and target. */
typedef struct Fixture {
  IOThread *iothread; /* NULL: everything in the main context */
  BlockDriverState *overlay, *source, *backing, *target;
  BlockBackend *blk; /* of the overlay */
  TestJob *job;
} Fixture;

static int coroutine_fn test_job_run(Job *common)
{
  TestJob *job = (TestJob *)common;

  assert(qemu_get_current_aio_context() == common->aio_context);
  atomic_store(&job->runs, true);
  aio_wait_kick();
  while (!atomic_load(&job->should_end) && !job_is_cancelled(common)) {
    qemu_co_sleep_ns(STEP_NS); /* as if a request were in flight */
    job_pause_point(common);
    assert(qemu_get_current_aio_context() == common->aio_context);
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
  assert(qemu_in_main_thread());
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
  fixture->overlay = bdrv_new();
  fixture->source = bdrv_new();
  fixture->backing = bdrv_new();
  fixture->target = bdrv_new();
  bdrv_attach_child_unshared(fixture->overlay, fixture->source);
  bdrv_attach_child_unshared(fixture->source, fixture->backing);
  fixture->blk = blk_new(qemu_get_aio_context());
  blk_insert_bs(fixture->blk, fixture->overlay);
  if (in_iothread) {
    AioContext *ctx = iothread_get_aio_context(fixture->iothread);
    assert(blk_set_aio_context(fixture->blk, ctx) == 0);
    bdrv_set_aio_context(fixture->target, ctx);
  }

  TestJob *job = (TestJob *)block_job_create(&test_job_driver, NULL, fixture->source);
  block_job_add_bdrv(&job->common, fixture->target);
  job->failure = failure;
  fixture->job = job;
  job_start(&job->common.job);
  AIO_WAIT_WHILE(NULL, !atomic_load(&job->runs));
}

static void tear_down(Fixture *fixture, int expected)
{
  TestJob *job = fixture->job;

  if (fixture->iothread) {
    /* Everybody who is connected comes back, the target through the job. */
    assert(blk_set_aio_context(fixture->blk, qemu_get_aio_context()) == 0);
    assert(bdrv_get_aio_context(fixture->target) == qemu_get_aio_context());
    assert(job->common.job.aio_context == qemu_get_aio_context());
  }
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
  blk_unref(fixture->blk);
  bdrv_unref(fixture->overlay);
  bdrv_unref(fixture->target);
  bdrv_unref(fixture->source);
  bdrv_unref(fixture->backing);
  qemu_cleanup_main_loop();
}

/* ------------------------------------------------------------------ sections */

static void check_state(Job *job, int pause_count, bool paused)
{
  qemu_mutex_lock(&job_mutex);
  assert(job->pause_count == pause_count);
  assert(job->paused == paused);
  assert(job->busy == !paused);
  qemu_mutex_unlock(&job_mutex);
}

static bool is_paused(Job *job)
{
  qemu_mutex_lock(&job_mutex);
  bool paused = job->paused;
  qemu_mutex_unlock(&job_mutex);
  return paused;
}

static void check_section(Job *job, TestSection section, BlockDriverState *bs)
{
  check_state(job, 0, false);
  test_section_begin(section, IN_MAIN, bs);
  check_state(job, section == TEST_ALL ? 2 : 1, true);
  test_section_end(section, IN_MAIN, bs);
  AIO_WAIT_WHILE(NULL, is_paused(job)); /* it goes on in its own time */
  check_state(job, 0, false);
}

static void job_through_sections(TestSection section, bool in_iothread)
{
  Fixture fixture;

  set_up(&fixture, in_iothread, FAIL_NOWHERE);
  Job *job = &fixture.job->common.job;
  check_section(job, section, fixture.source);
  check_section(job, section, fixture.backing);
  if (section != TEST_NODE) { /* a section of one node does not reach its children */
    check_section(job, section, fixture.overlay);
  }
  check_section(job, section, fixture.target);
  tear_down(&fixture, 0);
}

void job_drain_all(void)
{
  job_through_sections(TEST_ALL, false);
}

void job_drain(void)
{
  job_through_sections(TEST_NODE, false);
}

void job_drain_subtree(void)
{
  job_through_sections(TEST_SUBTREE, false);
}

void job_iothread_drain_all(void)
{
  job_through_sections(TEST_ALL, true);
}

void job_iothread_drain(void)
{
  job_through_sections(TEST_NODE, true);
}

void job_iothread_drain_subtree(void)
{
  job_through_sections(TEST_SUBTREE, true);
}

/* ------------------------------------------------------------------ cancelling */

void job_cancelled_is_over_when_the_call_returns(void)
{
  Fixture fixture;

  set_up(&fixture, false, FAIL_NOWHERE);
  assert(job_cancel_sync(&fixture.job->common.job) == -ECANCELED);
  assert(job_is_completed(&fixture.job->common.job));
  tear_down(&fixture, -ECANCELED);
}

/* ------------------------------------------------------------------ failures */

static void job_that_fails(TestSection section, bool in_iothread)
{
  static const Failure failures[] = {FAIL_IN_RUN, FAIL_IN_PREPARE};

  for (int i = 0; i < 2; i++) {
    Fixture fixture;
    set_up(&fixture, in_iothread, failures[i]);
    check_section(&fixture.job->common.job, section, fixture.source);
    tear_down(&fixture, -EIO);
  }
}

void job_error_drain_all(void)
{
  job_that_fails(TEST_ALL, false);
}

void job_error_drain(void)
{
  job_that_fails(TEST_NODE, false);
}

void job_error_drain_subtree(void)
{
  job_that_fails(TEST_SUBTREE, false);
}

void job_error_iothread_drain_all(void)
{
  job_that_fails(TEST_ALL, true);
}

void job_error_iothread_drain(void)
{
  job_that_fails(TEST_NODE, true);
}

void job_error_iothread_drain_subtree(void)
{
  job_that_fails(TEST_SUBTREE, true);
}
