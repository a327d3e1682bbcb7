/* SPDX-License-Identifier: Apache-2.0 */
/* Behaviours of jobs that drain, that change the graph when they end, and that move. */
#include "nodes.h"

#include "job/blockjob.h"

enum { ROUNDS = 3, YIELDS = 2, STEP_NS = 1000 };

/* A job that drains its source again and again, and says when it is inside. */
typedef struct SelfDrainJob {
  BlockJob common;
  _Atomic bool in_drain; /* as mirror's */
  _Atomic bool inside;   /* between begin and end */
  _Atomic bool main_inside;
  _Atomic int rounds;
  _Atomic bool should_end;
} SelfDrainJob;

static int coroutine_fn self_drain_run(Job *common)
{
  SelfDrainJob *job = (SelfDrainJob *)common;
  BlockDriverState *bs = job->common.nodes[0]->bs;

  while (!atomic_load(&job->should_end)) {
    atomic_store(&job->in_drain, true);
    aio_wait_kick();
    bdrv_drained_begin(bs);
    atomic_store(&job->inside, true);
    aio_wait_kick();
    for (int i = 0; i < YIELDS; i++) {
      assert(!atomic_load(&job->main_inside));
      aio_co_schedule(common->aio_context, common->co);
      qemu_coroutine_yield();
    }
    assert(!atomic_load(&job->main_inside));
    atomic_store(&job->inside, false);
    bdrv_drained_end(bs);
    atomic_fetch_add(&job->rounds, 1);
    atomic_store(&job->in_drain, false);
    aio_wait_kick();
    job_sleep_ns(common, 0);
  }
  return 0;
}

static bool self_drain_poll(BlockJob *common)
{
  SelfDrainJob *job = (SelfDrainJob *)common;
  return !atomic_load(&job->in_drain);
}

static void clean(Job *common)
{
  block_job_remove_all_bdrv((BlockJob *)common);
}

static const BlockJobDriver self_drain_driver = {
    .job_driver = {.instance_size = sizeof(SelfDrainJob), .run = self_drain_run, .clean = clean},
    .drained_poll = self_drain_poll,
};

typedef struct Fixture {
  IOThread *iothread;
  BlockDriverState *source;
  SelfDrainJob *job;
} Fixture;

static void set_up(Fixture *fixture)
{
  qemu_init_main_loop();
  fixture->iothread = iothread_create();
  fixture->source = bdrv_new();
  bdrv_set_aio_context(fixture->source, iothread_get_aio_context(fixture->iothread));
  fixture->job = (SelfDrainJob *)block_job_create(&self_drain_driver, NULL, fixture->source);
  job_start(&fixture->job->common.job);
}

static void tear_down(Fixture *fixture)
{
  Job *job = &fixture->job->common.job;

  AIO_WAIT_WHILE(NULL, atomic_load(&fixture->job->rounds) == 0);
  atomic_store(&fixture->job->should_end, true);
  assert(job_finish_sync(job) == 0);
  AIO_WAIT_WHILE(NULL, job->status != JOB_CONCLUDED);
  job_unref(job);
  assert(fixture->source->quiesce_counter == 0);
  bdrv_set_aio_context(fixture->source, qemu_get_aio_context());
  iothread_stop(fixture->iothread);
  iothread_destroy(fixture->iothread);
  bdrv_unref(fixture->source);
  qemu_cleanup_main_loop();
}

/* The main thread's section, in which the job must not be. */
static void main_section(Fixture *fixture, TestSection section)
{
  SelfDrainJob *job = fixture->job;

  test_section_begin(section, IN_MAIN, fixture->source);
  assert(!atomic_load(&job->inside));
  assert(!job_is_active(&job->common.job));
  atomic_store(&job->main_inside, true);
  assert(!atomic_load(&job->inside));
  atomic_store(&job->main_inside, false);
  test_section_end(section, IN_MAIN, fixture->source);
}

/* It comes to the end of a round at all. */
void job_self_drain_succeeds(void)
{
  Fixture fixture;

  set_up(&fixture);
  tear_down(&fixture);
}

void job_self_drain_keeps_main_waiting(void)
{
  Fixture fixture;

  set_up(&fixture);
  AIO_WAIT_WHILE(NULL, !atomic_load(&fixture.job->inside) && !atomic_load(&fixture.job->rounds));
  main_section(&fixture, TEST_SUBTREE);
  tear_down(&fixture);
}

void job_self_drain_never_both_inside(void)
{
  Fixture fixture;

  set_up(&fixture);
  for (int i = 0; i < ROUNDS; i++) {
    main_section(&fixture, i % 2 ? TEST_NODE : TEST_SUBTREE);
  }
  tear_down(&fixture);
}

/* ------------------------------------------------------------------ at the end of a section */

/* Three parents of one child; a job on the third. When it commits it takes the child from the
 * other two. */
typedef struct CommitJob {
  BlockJob common;
  BlockDriverState **parents;
  bool should_end;
  bool completed;
} CommitJob;

static int coroutine_fn commit_run(Job *common)
{
  const CommitJob *job = (const CommitJob *)common;

  while (!job->should_end) {
    job_yield(common);
  }
  return 0;
}

static void commit_commit(Job *common)
{
  CommitJob *job = (CommitJob *)common;

  bdrv_graph_wrlock();
  bdrv_unref_child(job->parents[0]->children);
  bdrv_unref_child(job->parents[1]->children);
  bdrv_graph_wrunlock();
  job->completed = true;
}

static const BlockJobDriver commit_driver = {
    .job_driver = {.instance_size = sizeof(CommitJob),
                   .run = commit_run,
                   .commit = commit_commit,
                   .clean = clean},
};

void job_commit_by_drained_end(void)
{
  enum { PARENTS = 3 };
  BlockDriverState *parents[PARENTS];

  qemu_init_main_loop();
  BlockDriverState *child = bdrv_new();
  for (int i = 0; i < PARENTS; i++) {
    parents[i] = bdrv_new();
    bdrv_attach_child_unshared(parents[i], child);
  }
  CommitJob *job = (CommitJob *)block_job_create(&commit_driver, NULL, parents[PARENTS - 1]);
  job->parents = parents;
  job_start(&job->common.job);

  bdrv_drained_begin(child);
  assert(job->common.job.pause_count == 1);
  job->should_end = true;
  assert(!job->completed);
  bdrv_drained_end(child);
  assert(!job->completed); /* not inside the end */
  assert(job->common.job.pause_count == 0);
  aio_poll(qemu_get_aio_context(), false);
  assert(job->completed);
  assert(!parents[0]->children && !parents[1]->children && parents[2]->children);
  for (int i = 0; i < PARENTS; i++) {
    assert(parents[i]->quiesce_counter == 0);
  }

  AIO_WAIT_WHILE(NULL, job->common.job.status != JOB_CONCLUDED);
  job_unref(&job->common.job);
  for (int i = 0; i < PARENTS; i++) {
    bdrv_unref(parents[i]);
  }
  bdrv_unref(child);
  qemu_cleanup_main_loop();
}

/* ------------------------------------------------------------------ where it runs */

typedef struct MovingJob {
  BlockJob common;
  _Atomic int steps;
  _Atomic bool should_end;
} MovingJob;

static int coroutine_fn moving_run(Job *common)
{
  MovingJob *job = (MovingJob *)common;

  while (!atomic_load(&job->should_end)) {
    assert(qemu_get_current_aio_context() == common->aio_context);
    atomic_fetch_add(&job->steps, 1);
    aio_wait_kick();
    job_sleep_ns(common, STEP_NS);
  }
  return 0;
}

static int moving_prepare(Job *common)
{
  (void)common;
  assert(qemu_in_main_thread());
  return 0;
}

static const BlockJobDriver moving_driver = {
    .job_driver = {.instance_size = sizeof(MovingJob),
                   .run = moving_run,
                   .prepare = moving_prepare,
                   .clean = clean},
};

/* The backend moves, and the job with it, which then works there. */
static void move_to(BlockBackend *blk, MovingJob *job, AioContext *ctx)
{
  int before = atomic_load(&job->steps);

  assert(blk_set_aio_context(blk, ctx) == 0);
  assert(job->common.job.aio_context == ctx);
  AIO_WAIT_WHILE(NULL, atomic_load(&job->steps) - before < 2);
}

void job_follows_its_backend(void)
{
  qemu_init_main_loop();
  IOThread *iothread = iothread_create();
  AioContext *there = iothread_get_aio_context(iothread);
  BlockBackend *blk = blk_new(qemu_get_aio_context());
  BlockDriverState *bs = bdrv_new();
  blk_insert_bs(blk, bs);
  MovingJob *job = (MovingJob *)block_job_create(&moving_driver, NULL, bs);
  job_start(&job->common.job);

  move_to(blk, job, there);
  move_to(blk, job, qemu_get_aio_context());
  move_to(blk, job, there);

  atomic_store(&job->should_end, true);
  assert(job_finish_sync(&job->common.job) == 0);
  AIO_WAIT_WHILE(NULL, job->common.job.status != JOB_CONCLUDED);
  job_unref(&job->common.job);
  assert(blk_set_aio_context(blk, qemu_get_aio_context()) == 0);
  blk_unref(blk);
  bdrv_unref(bs);
  iothread_stop(iothread);
  iothread_destroy(iothread);
  qemu_cleanup_main_loop();
}
