/* SPDX-License-Identifier: Apache-2.0 */
/* Behaviours of nodes in an IOThread: what the main thread asks of them, and how they move. */
#include "behaviours.h"

#include "aio/iothread.h"
#include "block/block.h"
#include "block/block_backend.h"
#include "graph/graph_lock.h"
#include "job/blockjob.h"

#include <errno.h>

enum { BYTES = 512 };

/* What a node's driver counts: how often it was asked, and told of another context. The context's
 * home thread, or the main thread while nothing is in flight. */
typedef struct TestDisk {
  int requests;
  int attached;
} TestDisk;

static int coroutine_fn disk_request(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
  (void)offset, (void)bytes;
  AioContext *ctx = bdrv_get_aio_context(bs);

  assert(qemu_get_current_aio_context() == ctx);
  ((TestDisk *)bs->opaque)->requests++;
  aio_co_schedule(ctx, qemu_coroutine_self());
  qemu_coroutine_yield();
  return 0;
}

static int coroutine_fn disk_flush(BlockDriverState *bs)
{
  return disk_request(bs, 0, 0);
}

static void disk_attach(BlockDriverState *bs, AioContext *ctx)
{
  (void)ctx;
  ((TestDisk *)bs->opaque)->attached++;
}

static const BlockDriver disk_driver = {
    .name = "disk",
    .bdrv_co_preadv = disk_request,
    .bdrv_co_pwritev = disk_request,
    .bdrv_co_flush = disk_flush,
    .bdrv_co_pdiscard = disk_request,
    .bdrv_co_block_status = disk_request,
    .bdrv_attach_aio_context = disk_attach,
};

/* One that can do nothing. */
static const BlockDriver bare_driver = {.name = "bare", .bdrv_attach_aio_context = disk_attach};

/* blk -> disk, in the IOThread */
typedef struct Fixture {
  IOThread *iothread;
  AioContext *home, *ctx; /* the main one, the IOThread's */
  TestDisk disk;
  BlockDriverState *bs;
  BlockBackend *blk;
} Fixture;

static void set_up(Fixture *fixture, bool in_iothread)
{
  qemu_init_main_loop();
  *fixture = (Fixture){.iothread = iothread_create(), .home = qemu_get_aio_context()};
  fixture->ctx = iothread_get_aio_context(fixture->iothread);
  fixture->bs = bdrv_new_open_driver(&disk_driver, &fixture->disk);
  fixture->blk = blk_new(in_iothread ? fixture->ctx : fixture->home);
  int ret = blk_insert_bs(fixture->blk, fixture->bs);
  assert(ret == 0);
}

static void blk_move(BlockBackend *blk, AioContext *ctx)
{
  int ret = blk_set_aio_context(blk, ctx);
  assert(ret == 0);
}

static void tear_down(Fixture *fixture)
{
  blk_unref(fixture->blk);
  assert(bdrv_get_aio_context(fixture->bs) == fixture->home);
  bdrv_unref(fixture->bs);
  iothread_stop(fixture->iothread);
  iothread_destroy(fixture->iothread);
  qemu_cleanup_main_loop();
}

/* ------------------------------------------------------------------ sync-op */

typedef void SyncOp(BdrvChild *child);

static void in_iothread(SyncOp *op)
{
  Fixture fixture;

  set_up(&fixture, true);
  op(fixture.blk->root);
  tear_down(&fixture);
}

static int asked(const BdrvChild *child)
{
  return ((TestDisk *)child->bs->opaque)->requests;
}

static void check(int ret, int expected)
{
  assert(ret == expected);
}

static void pread_op(BdrvChild *child)
{
  check(bdrv_pread(child, 0, BYTES), 0);
  check(bdrv_pread(child, -2, BYTES), -EIO);
  assert(asked(child) == 1);
}

static void pwrite_op(BdrvChild *child)
{
  check(bdrv_pwrite(child, 0, BYTES), 0);
  check(bdrv_pwrite(child, -2, BYTES), -EIO);
  assert(asked(child) == 1);
}

static void preadv_op(BdrvChild *child)
{
  check(bdrv_preadv(child, 0, BYTES), 0);
  check(bdrv_preadv(child, BDRV_MAX_LENGTH, BYTES), -EIO);
  assert(asked(child) == 1);
}

static void pwritev_op(BdrvChild *child)
{
  check(bdrv_pwritev(child, 0, BYTES), 0);
  check(bdrv_pwritev(child, BDRV_MAX_LENGTH, BYTES), -EIO);
  assert(asked(child) == 1);
}

static void preadv_part_op(BdrvChild *child)
{
  check(bdrv_preadv_part(child, 0, BYTES, 2 * BYTES, BYTES), 0);
  check(bdrv_preadv_part(child, 0, BYTES, 2 * BYTES, BYTES + 1), -EINVAL);
  check(bdrv_preadv_part(child, -2, BYTES, BYTES, 0), -EIO);
  assert(asked(child) == 1);
}

static void pwritev_part_op(BdrvChild *child)
{
  check(bdrv_pwritev_part(child, 0, BYTES, 2 * BYTES, BYTES), 0);
  check(bdrv_pwritev_part(child, 0, BYTES, 2 * BYTES, BYTES + 1), -EINVAL);
  check(bdrv_pwritev_part(child, -2, BYTES, BYTES, 0), -EIO);
  assert(asked(child) == 1);
}

static void pwrite_compressed_op(BdrvChild *child)
{
  check(bdrv_pwrite_compressed(child, 0, BYTES), -ENOTSUP);
  check(bdrv_pwrite_compressed(child, -2, BYTES), -EIO);
  assert(asked(child) == 0);
}

static void pwrite_zeroes_op(BdrvChild *child)
{
  check(bdrv_pwrite_zeroes(child, 0, BYTES), 0);
  check(bdrv_pwrite_zeroes(child, -2, BYTES), -EIO);
  assert(asked(child) == 1);
}

static void load_vmstate_op(BdrvChild *child)
{
  check(bdrv_load_vmstate(child, 0, BYTES), -ENOTSUP);
  check(bdrv_load_vmstate(child, -2, BYTES), -EIO);
}

static void save_vmstate_op(BdrvChild *child)
{
  check(bdrv_save_vmstate(child, 0, BYTES), -ENOTSUP);
  check(bdrv_save_vmstate(child, -2, BYTES), -EIO);
}

static void pdiscard_op(BdrvChild *child)
{
  check(bdrv_pdiscard(child, 0, BYTES), 0);
  child->bs->ignore_discard = true;
  check(bdrv_pdiscard(child, 0, BYTES), 0);
  check(bdrv_pdiscard(child, -2, BYTES), -EIO);
  assert(asked(child) == 1);
}

static void truncate_op(BdrvChild *child)
{
  check(bdrv_truncate(child, BYTES), -ENOTSUP);
  check(bdrv_truncate(child, -2), -EINVAL);
  child->bs->read_only = true;
  check(bdrv_truncate(child, BYTES), -EACCES);
}

static void block_status_op(BdrvChild *child)
{
  check(bdrv_block_status(child, 0, BYTES), 0);
  check(bdrv_block_status(child, -2, BYTES), -EIO);
  child->bs->drv = &bare_driver; /* then all is allocated */
  check(bdrv_block_status(child, 0, BYTES), 1);
  assert(asked(child) == 1);
}

static void flush_op(BdrvChild *child)
{
  check(bdrv_pwrite(child, 0, BYTES), 0);
  check(bdrv_flush(child), 0);
  assert(asked(child) == 2);
  check(bdrv_flush(child), 0); /* nothing has been written since */
  child->bs->drv = &bare_driver;
  check(bdrv_flush(child), 0);
  assert(asked(child) == 2);
}

static void check_op(BdrvChild *child)
{
  check(bdrv_check(child), -ENOTSUP);
  child->bs->drv = NULL;
  check(bdrv_check(child), -ENOMEDIUM);
}

static void activate_op(BdrvChild *child)
{
  check(bdrv_activate(child), 0);
  child->bs->drv = NULL;
  check(bdrv_activate(child), -ENOMEDIUM);
}

#define SYNC_OP(name)                                                                              \
  void sync_##name(void)                                                                           \
  {                                                                                                \
    in_iothread(name##_op);                                                                        \
  }

SYNC_OP(pread)
SYNC_OP(pwrite)
SYNC_OP(preadv)
SYNC_OP(pwritev)
SYNC_OP(preadv_part)
SYNC_OP(pwritev_part)
SYNC_OP(pwrite_compressed)
SYNC_OP(pwrite_zeroes)
SYNC_OP(load_vmstate)
SYNC_OP(save_vmstate)
SYNC_OP(pdiscard)
SYNC_OP(truncate)
SYNC_OP(block_status)
SYNC_OP(flush)
SYNC_OP(check)
SYNC_OP(activate)

/* ------------------------------------------------------------------ attach */

void attach_second_node(void)
{
  Fixture fixture;
  TestDisk counts = {0};

  set_up(&fixture, true);
  BlockDriverState *filter = bdrv_new_open_driver(&disk_driver, &counts);
  bool done = bdrv_append(filter, fixture.bs);
  assert(done);
  assert(blk_bs(fixture.blk) == filter);
  assert(bdrv_get_aio_context(filter) == fixture.ctx);
  assert(bdrv_get_aio_context(fixture.bs) == fixture.ctx);
  blk_move(fixture.blk, fixture.home);
  assert(bdrv_get_aio_context(filter) == fixture.home);
  assert(bdrv_get_aio_context(fixture.bs) == fixture.home);
  blk_remove_bs(fixture.blk);
  bdrv_unref(filter);
  tear_down(&fixture);
}

void attach_preserve_blk_ctx(void)
{
  Fixture fixture;

  set_up(&fixture, true);
  assert(bdrv_get_aio_context(fixture.bs) == fixture.ctx);
  blk_remove_bs(fixture.blk);
  assert(blk_get_aio_context(fixture.blk) == fixture.ctx);
  assert(bdrv_get_aio_context(fixture.bs) == fixture.home);
  check(blk_insert_bs(fixture.blk, fixture.bs), 0);
  assert(blk_get_aio_context(fixture.blk) == fixture.ctx);
  assert(bdrv_get_aio_context(fixture.bs) == fixture.ctx);
  tear_down(&fixture);
}

/* ------------------------------------------------------------------ jobs that follow */

typedef struct FollowingJob {
  BlockJob common;
  _Atomic(AioContext *) seen; /* where it has worked last */
  _Atomic bool should_end;
  bool prepared;
} FollowingJob;

static int coroutine_fn follow(Job *common)
{
  FollowingJob *job = (FollowingJob *)common;

  while (!atomic_load(&job->should_end)) {
    AioContext *ctx = qemu_get_current_aio_context();
    assert(ctx == common->aio_context);
    atomic_store(&job->seen, ctx);
    aio_wait_kick();
    aio_co_schedule(ctx, common->co);
    qemu_coroutine_yield();
    assert(qemu_get_current_aio_context() == ctx);
    job_yield(common); /* until it has been paused and resumed, or entered */
  }
  return 0;
}

static int follow_prepare(Job *common)
{
  assert(qemu_get_current_aio_context() == qemu_get_aio_context());
  ((FollowingJob *)common)->prepared = true;
  return 0;
}

static void follow_clean(Job *common)
{
  block_job_remove_all_bdrv((BlockJob *)common);
}

static const JobDriver following_driver = {
    .instance_size = sizeof(FollowingJob),
    .run = follow,
    .prepare = follow_prepare,
    .clean = follow_clean,
};

static FollowingJob *job_begin(BlockDriverState *bs, BlockDriverState *target)
{
  FollowingJob *job = (FollowingJob *)block_job_create(&following_driver, NULL, bs);

  if (target) {
    block_job_add_bdrv(&job->common, target);
  }
  job_start(&job->common.job);
  return job;
}

/* It works there, now that it has been told. */
static void check_follows(FollowingJob *job, AioContext *ctx)
{
  AIO_WAIT_WHILE(NULL, atomic_load(&job->seen) != ctx);
}

static void job_end(FollowingJob *job)
{
  atomic_store(&job->should_end, true);
  job_enter(&job->common.job);
  check(job_finish_sync(&job->common.job), 0);
  AIO_WAIT_WHILE(NULL, job->common.job.status != JOB_CONCLUDED);
  assert(job->prepared);
  job_unref(&job->common.job);
}

/* ------------------------------------------------------------------ propagate */

enum { NODES = 4 };

static void check_homes(BlockDriverState *const nodes[], unsigned count, AioContext *ctx)
{
  for (unsigned i = 0; i < count; i++) {
    assert(bdrv_get_aio_context(nodes[i]) == ctx);
  }
}

/* blk -> bs -> two children, which share one, or not. */
static void propagate(bool diamond)
{
  Fixture fixture;
  TestDisk counts[NODES] = {0};
  BlockDriverState *nodes[NODES];

  set_up(&fixture, false);
  nodes[0] = fixture.bs;
  for (unsigned i = 1; i < NODES; i++) {
    nodes[i] = bdrv_new_open_driver(&disk_driver, &counts[i]);
  }
  bdrv_attach_child_unshared(nodes[1], nodes[3]);
  if (diamond) {
    bdrv_attach_child_unshared(nodes[2], nodes[3]);
  }
  bdrv_graph_wrlock();
  bdrv_attach_child(nodes[0], nodes[1]);
  bdrv_attach_child(nodes[0], nodes[2]);
  bdrv_graph_wrunlock();

  blk_move(fixture.blk, fixture.ctx);
  check_homes(nodes, NODES, fixture.ctx);
  check(bdrv_try_change_aio_context(nodes[3], fixture.home, NULL), -EPERM);
  check_homes(nodes, NODES, fixture.ctx);
  blk_set_allow_aio_context_change(fixture.blk, true);
  check(bdrv_try_change_aio_context(nodes[3], fixture.home, NULL), 0);
  check_homes(nodes, NODES, fixture.home);
  assert(blk_get_aio_context(fixture.blk) == fixture.home);
  assert(fixture.disk.attached == 2);
  for (unsigned i = 1; i < NODES; i++) {
    assert(counts[i].attached == 2);
  }

  blk_remove_bs(fixture.blk);
  bdrv_graph_wrlock();
  while (nodes[0]->children) {
    bdrv_unref_child(nodes[0]->children);
  }
  bdrv_graph_wrunlock();
  bdrv_unref(nodes[1]);
  bdrv_unref(nodes[2]);
  bdrv_unref(nodes[3]);
  tear_down(&fixture);
}

void propagate_basic(void)
{
  propagate(false);
}

void propagate_diamond(void)
{
  propagate(true);
}

/* A job between two disks, a filter on the first. */
void propagate_mirror(void)
{
  Fixture fixture;
  TestDisk counts[2] = {0};

  set_up(&fixture, false);
  blk_remove_bs(fixture.blk);
  BlockDriverState *target = bdrv_new_open_driver(&disk_driver, &counts[0]);
  BlockDriverState *filter = bdrv_new_open_driver(&disk_driver, &counts[1]);
  BlockDriverState *nodes[] = {fixture.bs, target, filter};
  bool done = bdrv_append(filter, fixture.bs);
  assert(done);
  FollowingJob *job = job_begin(filter, target);

  check(bdrv_try_change_aio_context(fixture.bs, fixture.ctx, NULL), 0);
  check_homes(nodes, 3, fixture.ctx);
  check_follows(job, fixture.ctx);
  check(bdrv_try_change_aio_context(target, fixture.home, NULL), 0);
  check_homes(nodes, 3, fixture.home);
  check_follows(job, fixture.home);

  check(blk_insert_bs(fixture.blk, fixture.bs), 0);
  check(bdrv_try_change_aio_context(target, fixture.ctx, NULL), -EPERM);
  check_homes(nodes, 3, fixture.home);
  assert(blk_get_aio_context(fixture.blk) == fixture.home);
  blk_set_allow_aio_context_change(fixture.blk, true);
  check(bdrv_try_change_aio_context(target, fixture.ctx, NULL), 0);
  check_homes(nodes, 3, fixture.ctx);
  check_follows(job, fixture.ctx);
  blk_move(fixture.blk, fixture.home);

  job_end(job);
  blk_remove_bs(fixture.blk);
  bdrv_unref(filter);
  bdrv_unref(target);
  tear_down(&fixture);
}
