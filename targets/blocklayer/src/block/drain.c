/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drained sections: quiesce (graph/quiesce.c), then wait. There is one wait per section, at the
 * top: nothing that is called on the way up or down the graph polls, because the graph may change
 * in every poll.
 */
#include "block/block_global_state.h"

#include "aio/code_category.h"
#include "block/block_io.h"
#include "graph/graph_lock.h"

static bool run_in_main_thread(QEMUBHFunc *function, BlockDriverState *bs);

/* ------------------------------------------------------------------ coroutines */

typedef struct BdrvCoDrainData {
  Coroutine *co;
  QEMUBHFunc *function;
  BlockDriverState *bs; /* NULL: all */
  bool done;
} BdrvCoDrainData;

static void bdrv_co_drain_bh_cb(void *opaque)
{
  BdrvCoDrainData *data = opaque; /* on the coroutine's stack: gone once it is woken */

  if (data->bs) {
    bdrv_dec_in_flight(data->bs);
  }
  data->function(data->bs);
  data->done = true;
  aio_co_wake(data->co);
}

/*
 * A coroutine must not poll: it may hold what others need to go on, the coroutines that it has
 * woken and that run when it yields. So it yields, and the main thread polls. Until that has come
 * to it the node counts us as in flight, so that it is not deleted. False: the caller is no
 * coroutine.
 */
static bool run_in_main_thread(QEMUBHFunc *function, BlockDriverState *bs)
{
  if (!qemu_in_coroutine()) {
    return false;
  }
  BdrvCoDrainData data = {.co = qemu_coroutine_self(), .function = function, .bs = bs};

  assert_bdrv_graph_unlocked();
  if (bs) {
    bdrv_inc_in_flight(bs);
  }
  aio_bh_schedule_oneshot(qemu_get_aio_context(), bdrv_co_drain_bh_cb, &data);
  qemu_coroutine_yield();
  assert(data.done); /* nobody else may wake us */
  return true;
}

/* ------------------------------------------------------------------ one node */

static void drained_begin(void *opaque)
{
  BlockDriverState *bs = opaque;

  assert_bdrv_graph_unlocked();
  bdrv_do_drained_begin_quiesce(bs);
  BDRV_POLL_WHILE(bs, bdrv_drain_poll(bs, false, NULL, false));
}

static void drained_end(void *opaque)
{
  bdrv_do_drained_end_quiesce(opaque);
}

void bdrv_drained_begin(BlockDriverState *bs)
{
  IO_OR_GS_CODE();
  if (!run_in_main_thread(drained_begin, bs)) {
    GLOBAL_STATE_CODE();
    drained_begin(bs);
  }
}

void bdrv_drained_end(BlockDriverState *bs)
{
  IO_OR_GS_CODE();
  if (!run_in_main_thread(drained_end, bs)) {
    GLOBAL_STATE_CODE();
    drained_end(bs);
  }
}

void bdrv_drain(BlockDriverState *bs)
{
  IO_OR_GS_CODE();
  bdrv_drained_begin(bs);
  bdrv_drained_end(bs);
}

/* ------------------------------------------------------------------ a subtree */

static void subtree_drained_begin(void *opaque)
{
  BlockDriverState *bs = opaque;

  assert_bdrv_graph_unlocked();
  bdrv_do_subtree_begin_quiesce(bs, NULL);
  BDRV_POLL_WHILE(bs, bdrv_drain_poll(bs, true, NULL, false));
}

static void subtree_drained_begin_unlocked(void *opaque)
{
  BlockDriverState *bs = opaque;

  assert_bdrv_graph_unlocked();
  bdrv_do_subtree_begin_quiesce(bs, NULL);
  BDRV_POLL_WHILE_UNLOCKED(bs, bdrv_drain_poll(bs, true, NULL, false));
}

static void subtree_drained_end(void *opaque)
{
  bdrv_do_subtree_end_quiesce(opaque, NULL);
}

void bdrv_subtree_drained_begin(BlockDriverState *bs)
{
  IO_OR_GS_CODE();
  if (!run_in_main_thread(subtree_drained_begin, bs)) {
    GLOBAL_STATE_CODE();
    subtree_drained_begin(bs);
  }
}

void bdrv_subtree_drained_begin_unlocked(BlockDriverState *bs)
{
  IO_OR_GS_CODE();
  if (!run_in_main_thread(subtree_drained_begin_unlocked, bs)) {
    GLOBAL_STATE_CODE();
    subtree_drained_begin_unlocked(bs);
  }
}

void bdrv_subtree_drained_end(BlockDriverState *bs)
{
  IO_OR_GS_CODE();
  if (!run_in_main_thread(subtree_drained_end, bs)) {
    GLOBAL_STATE_CODE();
    subtree_drained_end(bs);
  }
}

void bdrv_subtree_drained_end_unlocked(BlockDriverState *bs)
{
  IO_OR_GS_CODE();
  bdrv_subtree_drained_end(bs);
}

/* ------------------------------------------------------------------ all */

static void drain_all_begin(void *unused)
{
  (void)unused;
  bdrv_do_drain_all_begin();
}

static void drain_all_end(void *unused)
{
  (void)unused;
  bdrv_do_drain_all_end();
}

void bdrv_drain_all_begin(void)
{
  IO_OR_GS_CODE();
  if (!run_in_main_thread(drain_all_begin, NULL)) {
    GLOBAL_STATE_CODE();
    drain_all_begin(NULL);
  }
}

void bdrv_drain_all_end(void)
{
  IO_OR_GS_CODE();
  if (!run_in_main_thread(drain_all_end, NULL)) {
    GLOBAL_STATE_CODE();
    drain_all_end(NULL);
  }
}

void bdrv_drain_all(void)
{
  IO_OR_GS_CODE();
  bdrv_drain_all_begin();
  bdrv_drain_all_end();
}
