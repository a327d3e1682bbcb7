/* SPDX-License-Identifier: Apache-2.0 */
/* Behaviours of a graph that changes while an IOThread's client keeps reading from it. */
#include "behaviours.h"

#include "aio/iothread.h"
#include "block/block.h"
#include "block/block_backend.h"
#include "job/copy_job.h"

#include <errno.h>

enum { BYTES = 16, READS = 6, TIMES = 2, CHUNKS = 2 };

/* ------------------------------------------------------------------ nodes */

static void coroutine_fn give_way(void)
{
  aio_co_schedule(qemu_get_current_aio_context(), qemu_coroutine_self());
  qemu_coroutine_yield();
}

static int coroutine_fn layer_preadv(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
  assert(qemu_get_current_aio_context() == bdrv_get_aio_context(bs));
  give_way();
  return bdrv_co_preadv_children(bs, offset, bytes);
}

static int coroutine_fn layer_pwritev(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
  (void)bs, (void)offset, (void)bytes;
  give_way();
  return 0;
}

static const BlockDriver layer_driver = {
    .name = "layer",
    .bdrv_co_preadv = layer_preadv,
    .bdrv_co_pwritev = layer_pwritev,
};

enum { TOP, MIDDLE, BASE, LAYERS };

/* top -> middle -> base, with a client of the top. */
typedef struct Chain {
  BlockDriverState *layers[LAYERS];
  BlockBackend *blk;
  _Atomic unsigned reads; /* that are over */
} Chain;

static void coroutine_fn client(void *opaque)
{
  Chain *chain = opaque;

  for (unsigned i = 0; i < READS; i++) {
    int ret = blk_co_preadv(chain->blk, 0, BYTES, BDRV_REQ_NONE);
    assert(ret == 0);
    atomic_fetch_add(&chain->reads, 1);
    aio_wait_kick();
  }
}

static void chain_begin(Chain *chain, AioContext *ctx)
{
  *chain = (Chain){.blk = blk_new(ctx)};
  for (unsigned i = 0; i < LAYERS; i++) {
    chain->layers[i] = bdrv_new_open_driver(&layer_driver, NULL);
  }
  bdrv_attach_child_unshared(chain->layers[TOP], chain->layers[MIDDLE]);
  bdrv_attach_child_unshared(chain->layers[MIDDLE], chain->layers[BASE]);
  int ret = blk_insert_bs(chain->blk, chain->layers[TOP]);
  assert(ret == 0);
  aio_co_schedule(ctx, qemu_coroutine_create(client, chain));
}

static void chain_end(Chain *chain)
{
  AIO_WAIT_WHILE(NULL, atomic_load(&chain->reads) < READS);
  blk_unref(chain->blk);
  for (unsigned i = 0; i < LAYERS; i++) {
    bdrv_unref(chain->layers[i]);
  }
}

/* ------------------------------------------------------------------ jobs */

static CopyJob *job_begin(const BlockJobDriver *driver, BlockDriverState *source,
                          BlockDriverState *target)
{
  CopyJob *job = copy_job_create(driver, NULL, source, target);

  job->granularity = BYTES;
  job->length = CHUNKS * BYTES;
  job_start(&job->common.job);
  return job;
}

static void job_end(CopyJob *job, int expected)
{
  int ret = job_finish_sync(&job->common.job);

  assert(ret == expected);
  AIO_WAIT_WHILE(NULL, job->common.job.status != JOB_CONCLUDED);
  job_unref(&job->common.job);
}

/* Everything that one of the behaviours needs. */
typedef struct Fixture {
  IOThread *iothread;
  AioContext *ctx;
} Fixture;

static Fixture set_up(void)
{
  qemu_init_main_loop();
  Fixture fixture = {.iothread = iothread_create()};
  fixture.ctx = iothread_get_aio_context(fixture.iothread);
  return fixture;
}

static void tear_down(const Fixture *fixture)
{
  iothread_stop(fixture->iothread);
  iothread_destroy(fixture->iothread);
  qemu_cleanup_main_loop();
}

/* ------------------------------------------------------------------ changes under load */

void overlay_comes_and_goes_under_load(void)
{
  Fixture fixture = set_up();
  Chain chain;

  chain_begin(&chain, fixture.ctx);
  for (unsigned i = 0; i < TIMES; i++) {
    BlockDriverState *overlay = bdrv_new_open_driver(&layer_driver, NULL);
    bool done = bdrv_append(overlay, chain.layers[TOP]);
    assert(done && blk_bs(chain.blk) == overlay);
    assert(bdrv_get_aio_context(overlay) == fixture.ctx);
    done = bdrv_drop_intermediate(overlay, chain.layers[TOP]);
    assert(done && blk_bs(chain.blk) == chain.layers[TOP]);
    bdrv_unref(overlay);
  }
  chain_end(&chain);
  tear_down(&fixture);
}

void commits_are_cancelled_and_completed_under_load(void)
{
  Fixture fixture = set_up();
  Chain chain;

  chain_begin(&chain, fixture.ctx);
  CopyJob *job = job_begin(&commit_job_driver, chain.layers[MIDDLE], chain.layers[BASE]);
  job_cancel(&job->common.job);
  job_end(job, -ECANCELED);
  assert(bdrv_is_child(chain.layers[TOP], chain.layers[MIDDLE]));
  job_end(job_begin(&commit_job_driver, chain.layers[MIDDLE], chain.layers[BASE]), 0);
  assert(bdrv_is_child(chain.layers[TOP], chain.layers[BASE]));
  chain_end(&chain);
  tear_down(&fixture);
}

void snapshot_below_is_removed_under_load(void)
{
  Fixture fixture = set_up();
  Chain chain;

  chain_begin(&chain, fixture.ctx);
  job_end(job_begin(&stream_job_driver, chain.layers[BASE], chain.layers[TOP]), 0);
  assert(bdrv_is_child(chain.layers[TOP], chain.layers[BASE]));
  assert(!bdrv_is_child(chain.layers[TOP], chain.layers[MIDDLE]));
  chain_end(&chain);
  tear_down(&fixture);
}

/* ------------------------------------------------------------------ jobs beside each other */

void two_streams_end_in_one_iothread(void)
{
  Fixture fixture = set_up();
  Chain chains[2];
  CopyJob *jobs[2];

  for (unsigned i = 0; i < 2; i++) {
    chain_begin(&chains[i], fixture.ctx);
  }
  for (unsigned i = 0; i < 2; i++) {
    jobs[i] = job_begin(&stream_job_driver, chains[i].layers[BASE], chains[i].layers[TOP]);
  }
  for (unsigned i = 0; i < 2; i++) {
    job_end(jobs[i], 0);
    assert(bdrv_is_child(chains[i].layers[TOP], chains[i].layers[BASE]));
  }
  for (unsigned i = 0; i < 2; i++) {
    chain_end(&chains[i]);
  }
  tear_down(&fixture);
}

/* Of the layer that is read; the mirror drains for itself meanwhile, in the same context. */
void active_layer_is_committed_beside_a_mirror(void)
{
  Fixture fixture = set_up();
  Chain chain;
  BlockDriverState *source = bdrv_new_open_driver(&layer_driver, NULL);
  BlockDriverState *target = bdrv_new_open_driver(&layer_driver, NULL);

  bdrv_set_aio_context(source, fixture.ctx);
  bdrv_set_aio_context(target, fixture.ctx);
  chain_begin(&chain, fixture.ctx);
  CopyJob *mirror = job_begin(&mirror_job_driver, source, target);
  job_end(job_begin(&commit_job_driver, chain.layers[TOP], chain.layers[BASE]), 0);
  assert(blk_bs(chain.blk) == chain.layers[BASE]);
  job_end(mirror, 0);
  chain_end(&chain);
  bdrv_set_aio_context(source, qemu_get_aio_context());
  bdrv_set_aio_context(target, qemu_get_aio_context());
  bdrv_unref(source);
  bdrv_unref(target);
  tear_down(&fixture);
}

/* One in the lower part of a chain, one in the upper part. */
void commit_and_stream_in_one_chain(void)
{
  Fixture fixture = set_up();
  Chain chain;
  BlockDriverState *overlay = bdrv_new_open_driver(&layer_driver, NULL);

  chain_begin(&chain, fixture.ctx);
  bool done = bdrv_append(overlay, chain.layers[TOP]);
  assert(done);
  CopyJob *commit = job_begin(&commit_job_driver, chain.layers[MIDDLE], chain.layers[BASE]);
  CopyJob *stream = job_begin(&stream_job_driver, chain.layers[TOP], overlay);
  job_end(commit, 0);
  job_end(stream, 0);
  assert(bdrv_is_child(overlay, chain.layers[TOP]));
  assert(bdrv_is_child(chain.layers[TOP], chain.layers[BASE]));
  chain_end(&chain);
  bdrv_unref(overlay);
  tear_down(&fixture);
}
