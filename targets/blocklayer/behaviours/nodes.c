/* SPDX-License-Identifier: Apache-2.0 */
/* See nodes.h. */
#include "nodes.h"

#include "aio/co_sleep.h"

#include <errno.h>

enum { READ_NS = 100000, READ_BYTES = 4 };

/* ------------------------------------------------------------------ the driver */

static void test_drain_begin(BlockDriverState *bs)
{
  TestNode *node = bs->opaque;
  node->drain_count++;
  node->drain_begins++;
}

static void test_drain_end(BlockDriverState *bs)
{
  TestNode *node = bs->opaque;
  assert(node->drain_count > 0);
  node->drain_count--;
  node->drain_ends++;
}

static void test_close(BlockDriverState *bs)
{
  TestNode *node = bs->opaque;
  assert(node->drain_count > 0);
  assert(test_in_flight(bs) == 0);
  node->closed = true;
}

static void nothing_bh(void *opaque)
{
  (void)opaque;
}

static int coroutine_fn test_preadv(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
  TestNode *node = bs->opaque;
  int ret = 0;

  assert(!node->quiet);
  if (node->slow_read) {
    qemu_co_sleep_ns(READ_NS);
  }
  if (node->bounce) {
    aio_co_call_bh(node->bounce, nothing_bh, NULL);
  }
  if (node->reads_down) {
    ret = bdrv_co_preadv_children(bs, offset, bytes);
  }
  assert(!node->quiet);
  node->reads++;
  return ret;
}

static const BlockDriver test_driver = {
    .name = "test",
    .bdrv_drain_begin = test_drain_begin,
    .bdrv_drain_end = test_drain_end,
    .bdrv_close = test_close,
    .bdrv_co_preadv = test_preadv,
};

BlockDriverState *test_node_new(TestNode *node)
{
  return bdrv_new_open_driver(&test_driver, node);
}

unsigned test_in_flight(const BlockDriverState *bs)
{
  return atomic_load_explicit(&bs->in_flight, memory_order_relaxed);
}

/* ------------------------------------------------------------------ requests */

static void read_cb(void *opaque, int ret)
{
  TestRead *read = opaque;
  atomic_store(&read->ret, ret);
  aio_wait_kick();
}

void test_read_begin(TestRead *read, BlockBackend *blk)
{
  atomic_store(&read->ret, -EINPROGRESS);
  blk_aio_preadv(blk, 0, READ_BYTES, BDRV_REQ_NONE, read_cb, read);
}

bool test_read_is_over(TestRead *read)
{
  int ret = atomic_load(&read->ret);
  assert(ret == 0 || ret == -EINPROGRESS);
  return ret == 0;
}

/* ------------------------------------------------------------------ coroutines */

typedef struct Call {
  CoroutineEntry *entry;
  void *opaque;
  bool done;
} Call;

static void coroutine_fn call_entry(void *opaque)
{
  Call *call = opaque;
  call->entry(call->opaque);
  call->done = true;
  aio_wait_kick();
}

void test_in_coroutine(CoroutineEntry *entry, void *opaque)
{
  Call call = {.entry = entry, .opaque = opaque};

  aio_co_schedule(qemu_get_aio_context(), qemu_coroutine_create(call_entry, &call));
  AIO_WAIT_WHILE(NULL, !call.done);
}

/* ------------------------------------------------------------------ sections */

typedef struct SectionCall {
  TestSection section;
  BlockDriverState *bs;
} SectionCall;

static void begin(void *opaque)
{
  const SectionCall *call = opaque;

  switch (call->section) {
  case TEST_NODE:
    bdrv_drained_begin(call->bs);
    break;
  case TEST_ALL:
    bdrv_drain_all_begin();
    break;
  case TEST_SUBTREE:
    bdrv_subtree_drained_begin(call->bs);
    break;
  case TEST_SECTIONS:
    abort();
  }
}

static void end(void *opaque)
{
  const SectionCall *call = opaque;

  switch (call->section) {
  case TEST_NODE:
    bdrv_drained_end(call->bs);
    break;
  case TEST_ALL:
    bdrv_drain_all_end();
    break;
  case TEST_SUBTREE:
    bdrv_subtree_drained_end(call->bs);
    break;
  case TEST_SECTIONS:
    abort();
  }
}

static void run(CoroutineEntry *entry, TestSection section, TestPlace place, BlockDriverState *bs)
{
  SectionCall call = {.section = section, .bs = bs};

  if (place == IN_COROUTINE) {
    test_in_coroutine(entry, &call);
  } else {
    entry(&call);
  }
}

void test_section_begin(TestSection section, TestPlace place, BlockDriverState *bs)
{
  run(begin, section, place, bs);
}

void test_section_end(TestSection section, TestPlace place, BlockDriverState *bs)
{
  run(end, section, place, bs);
}
