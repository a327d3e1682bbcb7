/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Behaviours of a backend's requests. Of synchronous ones: the main thread asks for them, the
 * medium is in an IOThread. Without a medium each one refuses, and returns or calls back all the
 * same.
 */
#include "behaviours.h"

#include "aio/co_sleep.h"
#include "aio/iothread.h"
#include "block/block.h"
#include "block/block_backend.h"

#include <errno.h>

enum { BYTES = 512, HELD_NS = 2000 };

/* How often the medium's driver was asked; its context's. */
typedef struct TestMedium {
  int requests;
} TestMedium;

static int coroutine_fn medium_request(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
  (void)offset, (void)bytes;
  AioContext *ctx = bdrv_get_aio_context(bs);

  assert(qemu_get_current_aio_context() == ctx);
  ((TestMedium *)bs->opaque)->requests++;
  aio_co_schedule(ctx, qemu_coroutine_self());
  qemu_coroutine_yield();
  return 0;
}

static int coroutine_fn medium_flush(BlockDriverState *bs)
{
  return medium_request(bs, 0, 0);
}

static const BlockDriver medium_driver = {
    .name = "medium",
    .bdrv_co_preadv = medium_request,
    .bdrv_co_pwritev = medium_request,
    .bdrv_co_flush = medium_flush,
    .bdrv_co_pdiscard = medium_request,
};

typedef struct Fixture {
  IOThread *iothread;
  AioContext *ctx;
  TestMedium medium;
  BlockDriverState *bs;
  BlockBackend *blk;
} Fixture;

static void set_up(Fixture *fixture)
{
  qemu_init_main_loop();
  *fixture = (Fixture){.iothread = iothread_create()};
  fixture->ctx = iothread_get_aio_context(fixture->iothread);
  fixture->bs = bdrv_new_open_driver(&medium_driver, &fixture->medium);
  fixture->blk = blk_new(fixture->ctx);
  int ret = blk_insert_bs(fixture->blk, fixture->bs);
  assert(ret == 0);
}

static void tear_down(Fixture *fixture)
{
  blk_unref(fixture->blk);
  bdrv_unref(fixture->bs);
  iothread_stop(fixture->iothread);
  iothread_destroy(fixture->iothread);
  qemu_cleanup_main_loop();
}

/* ------------------------------------------------------------------ sync-op */

typedef int SyncOp(BlockBackend *blk, int64_t offset, int64_t bytes);

static int asked(const Fixture *fixture)
{
  return fixture->medium.requests;
}

/* In range, out of range, without a medium. `asks`: of its driver, by the first. */
static void check(SyncOp *op, int ret, int out_of_range, int asks)
{
  Fixture fixture;

  set_up(&fixture);
  assert(op(fixture.blk, 0, BYTES) == ret);
  assert(asked(&fixture) == asks);
  assert(op(fixture.blk, -2, BYTES) == out_of_range);
  assert(asked(&fixture) == asks);
  blk_remove_bs(fixture.blk);
  assert(op(fixture.blk, 0, BYTES) == -ENOMEDIUM);
  tear_down(&fixture);
}

void blk_pread_returns(void)
{
  check(blk_pread, 0, -EIO, 1);
}

void blk_pwrite_returns(void)
{
  check(blk_pwrite, 0, -EIO, 1);
}

void blk_preadv_returns(void)
{
  check(blk_preadv, 0, -EIO, 1);
}

void blk_pwritev_returns(void)
{
  check(blk_pwritev, 0, -EIO, 1);
}

/* The second half of a vector that is twice as long, and what goes beyond its end. */
static void check_part(int (*op)(BlockBackend *, int64_t, int64_t, int64_t, int64_t))
{
  Fixture fixture;

  set_up(&fixture);
  assert(op(fixture.blk, 0, BYTES, 2 * BYTES, BYTES) == 0);
  assert(op(fixture.blk, 0, BYTES, 2 * BYTES, BYTES + 1) == -EINVAL);
  assert(op(fixture.blk, -2, BYTES, BYTES, 0) == -EIO);
  assert(asked(&fixture) == 1);
  blk_remove_bs(fixture.blk);
  assert(op(fixture.blk, 0, BYTES, BYTES, 0) == -ENOMEDIUM);
  tear_down(&fixture);
}

void blk_preadv_part_returns(void)
{
  check_part(blk_preadv_part);
}

void blk_pwritev_part_returns(void)
{
  check_part(blk_pwritev_part);
}

void blk_pwrite_compressed_returns(void)
{
  check(blk_pwrite_compressed, -ENOTSUP, -EIO, 0);
}

void blk_pwrite_zeroes_returns(void)
{
  check(blk_pwrite_zeroes, 0, -EIO, 1);
}

void blk_pdiscard_returns(void)
{
  check(blk_pdiscard, 0, -EIO, 1);
}

static int truncate_op(BlockBackend *blk, int64_t offset, int64_t bytes)
{
  return blk_truncate(blk, offset < 0 ? offset : bytes);
}

void blk_truncate_returns(void)
{
  check(truncate_op, -ENOTSUP, -EINVAL, 0);
}

/* Nothing was written: the second one asks nobody. */
void blk_flush_returns(void)
{
  Fixture fixture;

  set_up(&fixture);
  assert(blk_pwrite(fixture.blk, 0, BYTES) == 0);
  assert(blk_flush(fixture.blk) == 0);
  assert(asked(&fixture) == 2);
  assert(blk_flush(fixture.blk) == 0);
  assert(asked(&fixture) == 2);
  blk_remove_bs(fixture.blk);
  assert(blk_flush(fixture.blk) == -ENOMEDIUM);
  tear_down(&fixture);
}

/* ------------------------------------------------------------------ in somebody's section */

typedef struct Holder {
  BlockDriverState *bs;
  _Atomic bool inside, has_left;
} Holder;

static void coroutine_fn hold(void *opaque)
{
  Holder *holder = opaque;

  bdrv_drained_begin(holder->bs);
  atomic_store(&holder->inside, true);
  aio_wait_kick();
  qemu_co_sleep_ns(HELD_NS);
  atomic_store(&holder->has_left, true);
  bdrv_drained_end(holder->bs);
}

/* A coroutine keeps the medium quiet: the request waits for its end. */
void blk_request_waits_for_a_section(void)
{
  Fixture fixture;
  Holder holder = {0};

  set_up(&fixture);
  holder.bs = fixture.bs;
  aio_co_schedule(fixture.ctx, qemu_coroutine_create(hold, &holder));
  AIO_WAIT_WHILE(NULL, !atomic_load(&holder.inside));
  assert(blk_pread(fixture.blk, 0, BYTES) == 0);
  assert(atomic_load(&holder.has_left));
  assert(asked(&fixture) == 1);
  tear_down(&fixture);
}

/* ------------------------------------------------------------------ asynchronous requests */

/* A write and then a flush in the IOThread; its callbacks are that thread's. */
typedef struct AioCall {
  Fixture fixture;
  int expected;
  bool in_call; /* no callback before it has returned */
  int writes;
  _Atomic int flushes;
} AioCall;

static void aio_flushed(void *opaque, int ret)
{
  AioCall *call = opaque;

  assert(!call->in_call && ret == call->expected);
  atomic_fetch_add(&call->flushes, 1);
  aio_wait_kick();
}

static void aio_flush_bh(void *opaque)
{
  AioCall *call = opaque;

  call->in_call = true;
  blk_aio_flush(call->fixture.blk, aio_flushed, call);
  call->in_call = false;
}

static void aio_written(void *opaque, int ret)
{
  AioCall *call = opaque;

  assert(!call->in_call && ret == call->expected);
  call->writes++;
  aio_bh_schedule_oneshot(call->fixture.ctx, aio_flush_bh, call);
}

static void aio_write_bh(void *opaque)
{
  AioCall *call = opaque;

  call->in_call = true;
  blk_aio_pwritev(call->fixture.blk, 0, BYTES, BDRV_REQ_NONE, aio_written, call);
  call->in_call = false;
}

static void aio_write_and_flush(AioCall *call, int expected)
{
  int before = atomic_load(&call->flushes);

  call->expected = expected;
  aio_bh_schedule_oneshot(call->fixture.ctx, aio_write_bh, call);
  AIO_WAIT_WHILE(NULL, atomic_load(&call->flushes) == before);
  assert(call->writes == before + 1 && atomic_load(&call->flushes) == before + 1);
}

void blk_aio_requests_call_back_once(void)
{
  AioCall call = {0};

  set_up(&call.fixture);
  aio_write_and_flush(&call, 0);
  assert(asked(&call.fixture) == 2); /* to write, and to flush what was written */
  blk_remove_bs(call.fixture.blk);
  aio_write_and_flush(&call, -ENOMEDIUM);
  assert(asked(&call.fixture) == 2);
  blk_drain(call.fixture.blk); /* the callback that we have seen may not have returned yet */
  tear_down(&call.fixture);
}
