/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Life and death of a node. Closing one drains it and takes the write lock, so the last reference
 * is never dropped under that lock: who has to puts it off (bdrv_schedule_unref()), and the unlock
 * runs it. So the last reference costs a drain and a write lock, the others a decrement.
 */
#include "block/block_global_state.h"

#include "aio/code_category.h"
#include "graph/graph_lock.h"

static void bdrv_delete(BlockDriverState *bs);

/* ------------------------------------------------------------------ birth */

BlockDriverState *bdrv_new(void)
{
  GLOBAL_STATE_CODE();
  return bdrv_new_open_driver(NULL, NULL);
}

BlockDriverState *bdrv_new_open_driver(const BlockDriver *drv, void *opaque)
{
  GLOBAL_STATE_CODE();
  BlockDriverState *bs = qemu_malloc(sizeof(*bs));

  *bs = (BlockDriverState){.drv = drv,
                           .opaque = opaque,
                           .refcnt = 1,
                           .aio_context = qemu_get_aio_context(),
                           .reqs_lock = QEMU_MUTEX_INITIALIZER};
  bdrv_list_add(bs);
  for (unsigned i = 0; i < bdrv_drain_all_sections(); i++) {
    bdrv_do_drained_begin_quiesce(bs);
  }
  return bs;
}

/* ------------------------------------------------------------------ references */

void bdrv_unref(BlockDriverState *bs)
{
  GLOBAL_STATE_CODE();
  assert_bdrv_graph_unlocked();
  assert(bs->refcnt > 0);
  if (--bs->refcnt == 0) {
    bdrv_delete(bs);
  }
}

static void bdrv_unref_bh(void *opaque)
{
  bdrv_unref(opaque);
}

void bdrv_schedule_unref(BlockDriverState *bs)
{
  GLOBAL_STATE_CODE();
  assert(bs->refcnt > 0);
  if (bs->refcnt > 1) {
    bs->refcnt--; /* nothing happens that would need the lock to be free */
  } else {
    aio_bh_schedule_oneshot(qemu_get_aio_context(), bdrv_unref_bh, bs);
  }
}

void bdrv_unref_child(BdrvChild *edge)
{
  GLOBAL_STATE_CODE();
  bdrv_schedule_unref(bdrv_unlink_child(edge));
}

/* ------------------------------------------------------------------ death */

static void bdrv_close(BlockDriverState *bs)
{
  bdrv_drained_begin(bs);
  if (bs->drv && bs->drv->bdrv_close) {
    bs->drv->bdrv_close(bs);
  }
  if (bs->children) {
    bdrv_graph_wrlock();
    while (bs->children) {
      bdrv_unref_child(bs->children);
    }
    bdrv_graph_wrunlock();
  }
  bdrv_drained_end(bs);

  /* Sections of all nodes that are still open end for this one now: when they do, it will not be
   * there. */
  for (unsigned i = 0; i < bdrv_drain_all_sections(); i++) {
    bdrv_do_drained_end_quiesce(bs);
  }
}

static void bdrv_delete(BlockDriverState *bs)
{
  bdrv_close(bs);
  assert(bs->refcnt == 0);
  assert(bs->quiesce_counter == 0);
  bdrv_delete_unshared(bs);
}

void bdrv_delete_unshared(BlockDriverState *bs)
{
  GLOBAL_STATE_CODE();
  assert(!bs->parents);
  assert(!bs->tracked_requests);
  assert(!bs->aio_notifiers);
  /* Relaxed: nobody else knows the node. */
  assert(!atomic_load_explicit(&bs->in_flight, memory_order_relaxed));
  bdrv_list_remove(bs);
  while (bs->children) {
    BlockDriverState *child = bdrv_unlink_child_unshared(bs->children);
    assert(child->refcnt > 1);
    child->refcnt--;
  }
  free(bs);
}
