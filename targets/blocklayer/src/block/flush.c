/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flushing a node, then all below it: one flush of each at a time, and none if nothing was written
 * since the last one that succeeded. Writes are counted when they are over; what a flush makes
 * lasting is what was counted before it began, whatever comes to be counted meanwhile. The mutex of
 * a node's requests is taken twice.
 */
#include "block/block_io.h"

#include "aio/code_category.h"
#include "graph/graph_lock.h"

#include <errno.h>

static int flush_node(BlockDriverState *bs);
static int flush_children(BlockDriverState *bs);

int coroutine_fn bdrv_co_flush(BdrvChild *child)
{
  IO_CODE();
  BlockDriverState *bs = child->bs;

  assert_bdrv_graph_readable();
  bdrv_inc_in_flight(bs);
  int ret = bs->drv ? flush_node(bs) : -ENOMEDIUM;
  if (ret == 0) {
    ret = flush_children(bs); /* whatever came to them without us, before we were above */
  }
  bdrv_dec_in_flight(bs);
  return ret;
}

static int coroutine_fn flush_node(BlockDriverState *bs)
{
  int ret = 0;

  qemu_mutex_lock(&bs->reqs_lock);
  while (bs->flush_is_active) {
    qemu_co_queue_wait(&bs->flush_queue, &bs->reqs_lock);
  }
  unsigned gen = bs->write_gen;
  if (gen != bs->flushed_gen) {
    bs->flush_is_active = true;
    qemu_mutex_unlock(&bs->reqs_lock);
    ret = bs->drv->bdrv_co_flush ? bs->drv->bdrv_co_flush(bs) : 0;
    qemu_mutex_lock(&bs->reqs_lock);
    bs->flush_is_active = false;
    bs->flushed_gen = ret == 0 ? gen : bs->flushed_gen;
  }
  /* The next one, also if we had nothing to do: nobody else would wake it. */
  qemu_co_queue_next(&bs->flush_queue);
  qemu_mutex_unlock(&bs->reqs_lock);
  return ret;
}

/* One after the other, until one fails. */
static int coroutine_fn flush_children(BlockDriverState *bs)
{
  int ret = 0;

  for (BdrvChild *edge = bs->children; edge && ret >= 0; edge = edge->next_sibling) {
    ret = bdrv_co_flush(edge);
  }
  return ret;
}
