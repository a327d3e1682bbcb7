/* SPDX-License-Identifier: Apache-2.0 */
/* Behaviours of drained sections while requests of other threads run and the graph changes. */
#include "nodes.h"

/* ------------------------------------------------------------------ iothread */

/* blk -> node -> backing, in thread a; reads bounce through thread b. */
typedef struct Threads {
  IOThread *a, *b;
  TestNode node, backing;
  BlockDriverState *node_bs, *backing_bs;
  BlockBackend *blk;
  TestRead read;
  TestSection section;
  _Atomic bool begun;   /* the read, in thread a */
  _Atomic bool flushed; /* the node, there */
  _Atomic bool drained; /* by a coroutine there, and let go */
} Threads;

static void threads_set_up(Threads *threads, TestSection section)
{
  qemu_init_main_loop();
  *threads = (Threads){.a = iothread_create(), .b = iothread_create(), .section = section};
  threads->node = (TestNode){.slow_read = true, .bounce = iothread_get_aio_context(threads->b)};
  threads->node_bs = test_node_new(&threads->node);
  threads->backing_bs = test_node_new(&threads->backing);
  bdrv_attach_child_unshared(threads->node_bs, threads->backing_bs);
  assert(bdrv_try_change_aio_context(threads->node_bs, iothread_get_aio_context(threads->a),
                                     NULL) == 0);
  assert(bdrv_get_aio_context(threads->backing_bs) == iothread_get_aio_context(threads->a));
  threads->blk = blk_new(iothread_get_aio_context(threads->a));
  blk_insert_bs(threads->blk, threads->node_bs);
}

static void threads_tear_down(Threads *threads)
{
  blk_unref(threads->blk);
  bdrv_unref(threads->node_bs);
  bdrv_unref(threads->backing_bs);
  iothread_stop(threads->a);
  iothread_stop(threads->b);
  iothread_destroy(threads->a);
  iothread_destroy(threads->b);
  qemu_cleanup_main_loop();
}

static void read_bh(void *opaque)
{
  Threads *threads = opaque;

  test_read_begin(&threads->read, threads->blk);
  atomic_store(&threads->begun, true);
  aio_wait_kick();
}

static void coroutine_fn flush_entry(void *opaque)
{
  Threads *threads = opaque;

  bdrv_graph_co_rdlock();
  assert(bdrv_co_flush(threads->blk->root) == 0);
  bdrv_graph_co_rdunlock();
  atomic_store(&threads->flushed, true);
  bdrv_dec_in_flight(threads->node_bs);
}

/* The node has been told of us. */
static void flush_bh(void *opaque)
{
  qemu_coroutine_enter(qemu_coroutine_create(flush_entry, opaque));
}

static void main_drains(TestSection section)
{
  Threads threads;

  threads_set_up(&threads, section);
  AioContext *ctx = iothread_get_aio_context(threads.a);
  aio_bh_schedule_oneshot(ctx, read_bh, &threads);
  AIO_WAIT_WHILE(NULL, !atomic_load(&threads.begun));
  bdrv_inc_in_flight(threads.node_bs);
  aio_bh_schedule_oneshot(ctx, flush_bh, &threads);
  test_section_begin(section, IN_MAIN, threads.node_bs);
  assert(test_in_flight(threads.node_bs) == 0);
  assert(test_read_is_over(&threads.read));
  assert(atomic_load(&threads.flushed));
  test_section_end(section, IN_MAIN, threads.node_bs);
  threads_tear_down(&threads);
}

void drain_waits_for_other_threads_all(void)
{
  main_drains(TEST_ALL);
}

void drain_waits_for_other_threads(void)
{
  main_drains(TEST_NODE);
}

void drain_waits_for_other_threads_subtree(void)
{
  main_drains(TEST_SUBTREE);
}

static void coroutine_fn drain_entry(void *opaque)
{
  Threads *threads = opaque;

  if (threads->section == TEST_SUBTREE) {
    bdrv_subtree_drained_begin(threads->node_bs);
  } else {
    bdrv_drained_begin(threads->node_bs);
  }
  assert(test_read_is_over(&threads->read));
  if (threads->section == TEST_SUBTREE) {
    bdrv_subtree_drained_end(threads->node_bs);
  } else {
    bdrv_drained_end(threads->node_bs);
  }
  atomic_store(&threads->drained, true);
  aio_wait_kick();
}

static void read_and_drain_bh(void *opaque)
{
  Threads *threads = opaque;

  test_read_begin(&threads->read, threads->blk);
  qemu_coroutine_enter(qemu_coroutine_create(drain_entry, threads));
}

static void coroutine_of_a_thread_drains(TestSection section)
{
  Threads threads;

  threads_set_up(&threads, section);
  aio_bh_schedule_oneshot(iothread_get_aio_context(threads.a), read_and_drain_bh, &threads);
  AIO_WAIT_WHILE(NULL, !atomic_load(&threads.drained));
  threads_tear_down(&threads);
}

void drain_from_a_coroutine_of_another_thread(void)
{
  coroutine_of_a_thread_drains(TEST_NODE);
}

void drain_from_a_coroutine_of_another_thread_subtree(void)
{
  coroutine_of_a_thread_drains(TEST_SUBTREE);
}

/* ------------------------------------------------------------------ deletion, detach */

/* blk -> top -> drained, waited */
typedef struct Victim {
  TestNode top, drained, waited;
  BlockDriverState *top_bs, *drained_bs;
  BlockBackend *blk;
  bool only_detaches;
  bool done;
} Victim;

static void delete_bh(void *opaque)
{
  Victim *victim = opaque;
  blk_unref(victim->blk);
}

static void detach_bh(void *opaque)
{
  Victim *victim = opaque;

  bdrv_graph_wrlock_drained();
  while (victim->top_bs->children) {
    bdrv_unref_child(victim->top_bs->children);
  }
  bdrv_graph_wrunlock();
}

static void coroutine_fn read_then_change_entry(void *opaque)
{
  Victim *victim = opaque;

  assert(blk_co_preadv(victim->blk, 0, 1, BDRV_REQ_NONE) == 0);
  aio_co_call_bh(qemu_get_aio_context(), victim->only_detaches ? detach_bh : delete_bh, victim);
  victim->done = true;
  aio_wait_kick();
}

/* A section of one child waits for a request of the parent, whose coroutine then goes on and takes
 * the parent away while we still poll, or right after. */
static void changed_while_drained(TestSection section, bool only_detaches)
{
  Victim victim = {.top.reads_down = true, .waited.slow_read = true};

  qemu_init_main_loop();
  victim.only_detaches = only_detaches;
  victim.top_bs = test_node_new(&victim.top);
  victim.drained_bs = test_node_new(&victim.drained);
  BlockDriverState *waited_bs = test_node_new(&victim.waited);
  bdrv_attach_child_unshared(victim.top_bs, victim.drained_bs);
  bdrv_attach_child_unshared(victim.top_bs, waited_bs);
  bdrv_unref(waited_bs);
  victim.blk = blk_new(qemu_get_aio_context());
  blk_insert_bs(victim.blk, victim.top_bs);
  bdrv_unref(victim.top_bs);

  qemu_coroutine_enter(qemu_coroutine_create(read_then_change_entry, &victim));
  test_section_begin(section, IN_MAIN, victim.drained_bs);
  assert(victim.waited.reads == 1);
  AIO_WAIT_WHILE(NULL, !victim.done);
  test_section_end(section, IN_MAIN, victim.drained_bs);

  assert(victim.waited.closed);
  assert(victim.top.closed == !only_detaches);
  if (only_detaches) {
    blk_unref(victim.blk);
  }
  assert(victim.top.closed);
  assert(!victim.drained_bs->parents);
  assert(victim.drained_bs->quiesce_counter == 0 && victim.drained.drain_count == 0);
  bdrv_unref(victim.drained_bs);
  qemu_cleanup_main_loop();
}

void drain_survives_the_deletion_of_a_parent(void)
{
  changed_while_drained(TEST_NODE, false);
}

void drain_survives_that_a_parent_detaches_all(void)
{
  changed_while_drained(TEST_ALL, true);
}

void drain_survives_that_a_parent_detaches(void)
{
  changed_while_drained(TEST_NODE, true);
}

void drain_survives_that_a_parent_detaches_subtree(void)
{
  changed_while_drained(TEST_SUBTREE, true);
}

/* ------------------------------------------------------------------ detach by a callback */

/* pa -> a, pb -> a and b; pb's child b becomes c while pb is being drained. */
typedef struct Indirect {
  TestNode pa, pb, a, b, c; /* pa first: see the edge's callback */
  BlockDriverState *pa_bs, *pb_bs, *a_bs, *b_bs, *c_bs;
  BlockBackend *blk; /* of pb */
  bool scheduled;
  bool changed;
} Indirect;

static void change_bh(void *opaque)
{
  Indirect *indirect = opaque;

  bdrv_dec_in_flight(indirect->b_bs);
  bdrv_graph_wrlock_drained();
  bdrv_unref_child(bdrv_find_child(indirect->pb_bs, indirect->b_bs));
  bdrv_attach_child(indirect->pb_bs, indirect->c_bs);
  bdrv_graph_wrunlock();
  indirect->changed = true;
}

/* A drain of b waits for the bottom half. */
static void schedule_change(Indirect *indirect)
{
  if (!indirect->scheduled) {
    indirect->scheduled = true;
    bdrv_inc_in_flight(indirect->b_bs);
    aio_bh_schedule_oneshot(qemu_get_aio_context(), change_bh, indirect);
  }
}

static void read_changes_cb(void *opaque, int ret)
{
  assert(ret == 0);
  schedule_change(opaque);
}

static void edge_changes_drained_begin(BdrvChild *edge)
{
  const BlockDriverState *pa = edge->opaque;

  schedule_change(pa->opaque);
  child_of_bds.drained_begin(edge);
}

static void indirect_set_up(Indirect *indirect)
{
  qemu_init_main_loop();
  *indirect = (Indirect){.pb = {.slow_read = true}};
  indirect->pa_bs = test_node_new(&indirect->pa);
  indirect->pb_bs = test_node_new(&indirect->pb);
  indirect->a_bs = test_node_new(&indirect->a);
  indirect->b_bs = test_node_new(&indirect->b);
  indirect->c_bs = test_node_new(&indirect->c);
  bdrv_attach_child_unshared(indirect->pa_bs, indirect->a_bs);
  bdrv_attach_child_unshared(indirect->pb_bs, indirect->a_bs);
  bdrv_attach_child_unshared(indirect->pb_bs, indirect->b_bs);
  indirect->blk = blk_new(qemu_get_aio_context());
  blk_insert_bs(indirect->blk, indirect->pb_bs);
  bdrv_unref(indirect->pb_bs);
}

static void indirect_check(const Indirect *indirect)
{
  assert(indirect->changed);
  assert(indirect->pb_bs->quiesce_counter == 3); /* its own, and from a and c */
  assert(indirect->pa_bs->quiesce_counter == 1);
  assert(indirect->a_bs->quiesce_counter == 1);
  assert(indirect->b_bs->quiesce_counter == 1);
  assert(indirect->c_bs->quiesce_counter == 1);

  const BdrvChild *first = indirect->pb_bs->children;
  assert(first->bs == indirect->c_bs);
  assert(first->next_sibling->bs == indirect->a_bs);
  assert(!first->next_sibling->next_sibling);
  assert(!indirect->b_bs->parents);

  assert(indirect->pa_bs->refcnt == 1);
  assert(indirect->pb_bs->refcnt == 1);
  assert(indirect->a_bs->refcnt == 3);
  assert(indirect->b_bs->refcnt == 1);
  assert(indirect->c_bs->refcnt == 2);
}

static void indirect_drain(Indirect *indirect)
{
  bdrv_drained_begin(indirect->pb_bs);
  bdrv_drained_begin(indirect->a_bs);
  bdrv_drained_begin(indirect->b_bs);
  bdrv_drained_begin(indirect->c_bs);
  indirect_check(indirect);
  bdrv_drained_end(indirect->pb_bs);
  bdrv_drained_end(indirect->a_bs);
  bdrv_drained_end(indirect->b_bs);
  bdrv_drained_end(indirect->c_bs);
  assert(indirect->pb_bs->quiesce_counter == 0 && indirect->pa_bs->quiesce_counter == 0);
}

static void indirect_tear_down(Indirect *indirect)
{
  blk_unref(indirect->blk);
  assert(indirect->pb.closed);
  bdrv_unref(indirect->pa_bs);
  bdrv_unref(indirect->a_bs);
  bdrv_unref(indirect->b_bs);
  bdrv_unref(indirect->c_bs);
  qemu_cleanup_main_loop();
}

void drain_while_a_requests_callback_changes_edges(void)
{
  Indirect indirect;

  indirect_set_up(&indirect);
  blk_aio_preadv(indirect.blk, 0, 1, BDRV_REQ_NONE, read_changes_cb, &indirect);
  assert(!indirect.scheduled);
  indirect_drain(&indirect);
  indirect_tear_down(&indirect);
}

void drain_while_an_edges_callback_changes_edges(void)
{
  Indirect indirect;
  BdrvChildClass changes = child_of_bds;

  indirect_set_up(&indirect);
  changes.drained_begin = edge_changes_drained_begin;
  BdrvChild *edge = bdrv_find_child(indirect.pa_bs, indirect.a_bs);
  edge->klass = &changes;
  indirect_drain(&indirect);
  assert(indirect.scheduled);
  edge->klass = &child_of_bds;
  indirect_tear_down(&indirect);
}
