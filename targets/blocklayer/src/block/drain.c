/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drained sections: quiesce (graph/quiesce.c), then wait. There is one wait per section, at the
 * top: nothing that is called on the way up or down the graph polls, because the graph may change
 * in every poll. The main thread polls while it waits, a coroutine sleeps.
 *
 * A look at whether the wait is over costs a visit of each node that the section reaches upwards
 * (of a subtree also downwards, of all nodes: all), after each poll. A coroutine pays a bottom half
 * and a wakeup at each end.
 */
#include "block/block_global_state.h"

#include "aio/code_category.h"
#include "block/block_io.h"
#include "graph/graph_lock.h"

/* What a section covers. Main thread; none of these waits. */
typedef struct DrainScope {
  void (*begin)(BlockDriverState *bs);
  bool (*busy)(BlockDriverState *bs);
  void (*end)(BlockDriverState *bs);
} DrainScope;

static bool begin_by_main_thread(const DrainScope *scope, BlockDriverState *bs);
static bool end_by_main_thread(const DrainScope *scope, BlockDriverState *bs);

/* ------------------------------------------------------------------ one node */

static bool node_busy(BlockDriverState *bs)
{
  return bdrv_drain_poll(bs, false, NULL, false);
}

static const DrainScope one_node = {
    .begin = bdrv_do_drained_begin_quiesce,
    .busy = node_busy,
    .end = bdrv_do_drained_end_quiesce,
};

void bdrv_drained_begin(BlockDriverState *bs)
{
  IO_OR_GS_CODE();
  assert_bdrv_graph_unlocked();
  if (!begin_by_main_thread(&one_node, bs)) {
    GLOBAL_STATE_CODE();
    one_node.begin(bs);
    BDRV_POLL_WHILE(bs, one_node.busy(bs));
  }
}

void bdrv_drained_end(BlockDriverState *bs)
{
  IO_OR_GS_CODE();
  if (!end_by_main_thread(&one_node, bs)) {
    GLOBAL_STATE_CODE();
    one_node.end(bs);
  }
}

void bdrv_drain(BlockDriverState *bs)
{
  IO_OR_GS_CODE();
  bdrv_drained_begin(bs);
  bdrv_drained_end(bs);
}

/* ------------------------------------------------------------------ a subtree */

static void subtree_begin(BlockDriverState *bs)
{
  bdrv_do_subtree_begin_quiesce(bs, NULL);
}

static bool subtree_busy(BlockDriverState *bs)
{
  return bdrv_drain_poll(bs, true, NULL, false);
}

static void subtree_end(BlockDriverState *bs)
{
  bdrv_do_subtree_end_quiesce(bs, NULL);
}

static const DrainScope subtree = {
    .begin = subtree_begin, .busy = subtree_busy, .end = subtree_end};

void bdrv_subtree_drained_begin(BlockDriverState *bs)
{
  IO_OR_GS_CODE();
  assert_bdrv_graph_unlocked();
  if (!begin_by_main_thread(&subtree, bs)) {
    GLOBAL_STATE_CODE();
    subtree.begin(bs);
    BDRV_POLL_WHILE(bs, subtree.busy(bs));
  }
}

void bdrv_subtree_drained_begin_unlocked(BlockDriverState *bs)
{
  IO_OR_GS_CODE();
  assert_bdrv_graph_unlocked();
  if (!begin_by_main_thread(&subtree, bs)) {
    GLOBAL_STATE_CODE();
    subtree.begin(bs);
    BDRV_POLL_WHILE_UNLOCKED(bs, subtree.busy(bs));
  }
}

void bdrv_subtree_drained_end(BlockDriverState *bs)
{
  IO_OR_GS_CODE();
  if (!end_by_main_thread(&subtree, bs)) {
    GLOBAL_STATE_CODE();
    subtree.end(bs);
  }
}

void bdrv_subtree_drained_end_unlocked(BlockDriverState *bs)
{
  IO_OR_GS_CODE();
  bdrv_subtree_drained_end(bs);
}

/* ------------------------------------------------------------------ all */

static void all_begin(BlockDriverState *unused)
{
  (void)unused;
  bdrv_drain_all_begin_nopoll();
}

static bool all_busy(BlockDriverState *unused)
{
  (void)unused;
  return bdrv_drain_all_busy();
}

static void all_end(BlockDriverState *unused)
{
  (void)unused;
  bdrv_do_drain_all_end();
}

static const DrainScope all_nodes = {.begin = all_begin, .busy = all_busy, .end = all_end};

void bdrv_drain_all_begin(void)
{
  IO_OR_GS_CODE();
  assert_bdrv_graph_unlocked();
  if (!begin_by_main_thread(&all_nodes, NULL)) {
    GLOBAL_STATE_CODE();
    all_nodes.begin(NULL);
    AIO_WAIT_WHILE(NULL, all_nodes.busy(NULL));
  }
}

void bdrv_drain_all_end(void)
{
  IO_OR_GS_CODE();
  if (!end_by_main_thread(&all_nodes, NULL)) {
    GLOBAL_STATE_CODE();
    all_nodes.end(NULL);
  }
}

void bdrv_drain_all(void)
{
  IO_OR_GS_CODE();
  bdrv_drain_all_begin();
  bdrv_drain_all_end();
}

/* ------------------------------------------------------------------ coroutines */

/* On the coroutine's stack: gone once it is woken. */
typedef struct BdrvCoDrain {
  Coroutine *co;
  AioContext *ctx; /* where it runs */
  const DrainScope *scope;
  BlockDriverState *bs; /* NULL: all */
  AioWaiter waiter;
  bool done;
} BdrvCoDrain;

static bool co_drain_busy(void *opaque)
{
  const BdrvCoDrain *drain = opaque;

  bdrv_set_drainer(drain->ctx);
  bool busy = drain->scope->busy(drain->bs);
  bdrv_set_drainer(NULL);
  return busy;
}

static void co_drain_done(void *opaque)
{
  BdrvCoDrain *drain = opaque;

  drain->done = true;
  aio_co_wake(drain->co);
}

static void co_drain_begin_bh(void *opaque)
{
  BdrvCoDrain *drain = opaque;

  if (drain->bs) {
    bdrv_dec_in_flight(drain->bs);
  }
  drain->scope->begin(drain->bs);
  drain->waiter = (AioWaiter){.cond = co_drain_busy, .go_on = co_drain_done, .opaque = drain};
  aio_wait_then(&drain->waiter);
}

static void co_drain_end_bh(void *opaque)
{
  BdrvCoDrain *drain = opaque;

  if (drain->bs) {
    bdrv_dec_in_flight(drain->bs);
  }
  drain->scope->end(drain->bs);
  co_drain_done(drain);
}

/*
 * A coroutine must not poll: it may hold what others need to go on, the coroutines that it has
 * woken and that run when it yields. So it yields, and the main thread does it. Until that has come
 * to it the node counts us as in flight, so that it is not deleted. False: the caller is no
 * coroutine.
 *
 * The main thread does not poll for it either. On its stack the drains of several coroutines, and
 * its own, would wait for each other in the order in which they began: a job that drains for itself
 * could go on only after a drain that began later, and that one waits for the job.
 */
static bool run_in_main_thread(QEMUBHFunc *bh, const DrainScope *scope, BlockDriverState *bs)
{
  if (!qemu_in_coroutine()) {
    return false;
  }
  BdrvCoDrain drain = {
      .co = qemu_coroutine_self(), .ctx = qemu_get_current_aio_context(), .scope = scope, .bs = bs};

  assert_bdrv_graph_unlocked();
  if (bs) {
    bdrv_inc_in_flight(bs);
  }
  aio_bh_schedule_oneshot(qemu_get_aio_context(), bh, &drain);
  qemu_coroutine_yield();
  assert(drain.done); /* nobody else may wake us */
  return true;
}

static bool begin_by_main_thread(const DrainScope *scope, BlockDriverState *bs)
{
  return run_in_main_thread(co_drain_begin_bh, scope, bs);
}

static bool end_by_main_thread(const DrainScope *scope, BlockDriverState *bs)
{
  return run_in_main_thread(co_drain_end_bh, scope, bs);
}
