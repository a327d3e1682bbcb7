/* SPDX-License-Identifier: Apache-2.0 */
/* Behaviours of drained sections: whom they quiesce, how often, whom they wait for. */
#include "nodes.h"

/* blk -> node -> backing */
typedef struct Chain {
  TestNode node, backing;
  BlockDriverState *node_bs, *backing_bs;
  BlockBackend *blk;
} Chain;

static void set_up(Chain *chain)
{
  qemu_init_main_loop();
  *chain = (Chain){.node = {.slow_read = true}};
  chain->node_bs = test_node_new(&chain->node);
  chain->backing_bs = test_node_new(&chain->backing);
  bdrv_attach_child_unshared(chain->node_bs, chain->backing_bs);
  chain->blk = blk_new(qemu_get_aio_context());
  blk_insert_bs(chain->blk, chain->node_bs);
}

static void tear_down(Chain *chain)
{
  blk_unref(chain->blk);
  bdrv_unref(chain->node_bs);
  assert(chain->node.closed);
  bdrv_unref(chain->backing_bs);
  assert(chain->backing.closed);
  qemu_cleanup_main_loop();
}

static void check_counts(const Chain *chain, int node, int backing)
{
  assert(chain->node.drain_count == node);
  assert(chain->backing.drain_count == backing);
}

static void check_sections(const Chain *chain, unsigned node, unsigned backing)
{
  assert(chain->node_bs->quiesce_counter == node);
  assert(chain->backing_bs->quiesce_counter == backing);
}

/* ------------------------------------------------------------------ driver-cb */

static void driver_cb(TestSection section, TestPlace place)
{
  Chain chain;
  TestRead read;
  int backing = section != TEST_NODE;

  set_up(&chain);
  check_counts(&chain, 0, 0);
  test_section_begin(section, place, chain.node_bs);
  check_counts(&chain, 1, backing);
  test_section_end(section, place, chain.node_bs);
  check_counts(&chain, 0, 0);

  test_read_begin(&read, chain.blk);
  assert(!test_read_is_over(&read));
  test_section_begin(section, place, chain.node_bs);
  assert(test_read_is_over(&read));
  check_counts(&chain, 1, backing);
  test_section_end(section, place, chain.node_bs);
  check_counts(&chain, 0, 0);
  tear_down(&chain);
}

void drain_tells_the_driver_all(void)
{
  driver_cb(TEST_ALL, IN_MAIN);
}

void drain_tells_the_driver(void)
{
  driver_cb(TEST_NODE, IN_MAIN);
}

void drain_tells_the_driver_subtree(void)
{
  driver_cb(TEST_SUBTREE, IN_MAIN);
}

void drain_co_tells_the_driver_all(void)
{
  driver_cb(TEST_ALL, IN_COROUTINE);
}

void drain_co_tells_the_driver(void)
{
  driver_cb(TEST_NODE, IN_COROUTINE);
}

void drain_co_tells_the_driver_subtree(void)
{
  driver_cb(TEST_SUBTREE, IN_COROUTINE);
}

/* ------------------------------------------------------------------ quiesce, nested */

/* A section of all tells the node a second time, through its backing. */
static const unsigned node_sections[TEST_SECTIONS] = {
    [TEST_NODE] = 1, [TEST_ALL] = 2, [TEST_SUBTREE] = 1};
static const unsigned backing_sections[TEST_SECTIONS] = {
    [TEST_NODE] = 0, [TEST_ALL] = 1, [TEST_SUBTREE] = 1};

static void quiesce(TestSection section, TestPlace place)
{
  Chain chain;

  set_up(&chain);
  check_sections(&chain, 0, 0);
  test_section_begin(section, place, chain.node_bs);
  check_sections(&chain, node_sections[section], backing_sections[section]);
  test_section_end(section, place, chain.node_bs);
  check_sections(&chain, 0, 0);
  tear_down(&chain);
}

void drain_counts_all(void)
{
  quiesce(TEST_ALL, IN_MAIN);
}

void drain_counts(void)
{
  quiesce(TEST_NODE, IN_MAIN);
}

void drain_counts_subtree(void)
{
  quiesce(TEST_SUBTREE, IN_MAIN);
}

void drain_co_counts_all(void)
{
  quiesce(TEST_ALL, IN_COROUTINE);
}

void drain_co_counts(void)
{
  quiesce(TEST_NODE, IN_COROUTINE);
}

void drain_co_counts_subtree(void)
{
  quiesce(TEST_SUBTREE, IN_COROUTINE);
}

/* Two sections count twice, what the backing tells its parent only once, drivers are told once. */
static void nest(Chain *chain, TestSection outer, TestSection inner, TestPlace place)
{
  unsigned all = (outer == TEST_ALL) + (inner == TEST_ALL);
  unsigned backing = backing_sections[outer] + backing_sections[inner];

  test_section_begin(outer, place, chain->node_bs);
  test_section_begin(inner, place, chain->node_bs);
  check_sections(chain, 2 + (all > 0), backing);
  check_counts(chain, 1, backing > 0);
  test_section_end(inner, place, chain->node_bs);
  check_sections(chain, node_sections[outer], backing_sections[outer]);
  check_counts(chain, 1, backing_sections[outer] > 0);
  test_section_end(outer, place, chain->node_bs);
  check_sections(chain, 0, 0);
  check_counts(chain, 0, 0);
}

static void nest_all_pairs(TestPlace place)
{
  Chain chain;

  set_up(&chain);
  for (TestSection outer = 0; outer < TEST_SECTIONS; outer++) {
    for (TestSection inner = 0; inner < TEST_SECTIONS; inner++) {
      nest(&chain, outer, inner, place);
    }
  }
  tear_down(&chain);
}

void drain_nests(void)
{
  nest_all_pairs(IN_MAIN);
}

void drain_co_nests(void)
{
  nest_all_pairs(IN_COROUTINE);
}

/* ------------------------------------------------------------------ several parents */

/* a -> x, b -> x or not; each with a backend. */
typedef struct Fork {
  TestNode a, b, x;
  BlockDriverState *a_bs, *b_bs, *x_bs;
  BlockBackend *blk_a, *blk_b;
} Fork;

static void fork_set_up(Fork *fork)
{
  qemu_init_main_loop();
  *fork = (Fork){0};
  fork->a_bs = test_node_new(&fork->a);
  fork->b_bs = test_node_new(&fork->b);
  fork->x_bs = test_node_new(&fork->x);
  bdrv_attach_child_unshared(fork->a_bs, fork->x_bs);
  fork->blk_a = blk_new(qemu_get_aio_context());
  fork->blk_b = blk_new(qemu_get_aio_context());
  blk_insert_bs(fork->blk_a, fork->a_bs);
  blk_insert_bs(fork->blk_b, fork->b_bs);
}

static void fork_tear_down(Fork *fork)
{
  blk_unref(fork->blk_a);
  blk_unref(fork->blk_b);
  bdrv_unref(fork->a_bs);
  bdrv_unref(fork->b_bs);
  bdrv_unref(fork->x_bs);
  qemu_cleanup_main_loop();
}

static void fork_check(const Fork *fork, unsigned a, unsigned b, unsigned x)
{
  assert(fork->a_bs->quiesce_counter == a);
  assert(fork->b_bs->quiesce_counter == b);
  assert(fork->x_bs->quiesce_counter == x);
  assert(fork->a.drain_count == (a > 0));
  assert(fork->b.drain_count == (b > 0));
  assert(fork->x.drain_count == (x > 0));
}

static void fork_attach(Fork *fork)
{
  bdrv_graph_wrlock();
  bdrv_attach_child(fork->b_bs, fork->x_bs);
  bdrv_graph_wrunlock();
}

static void fork_detach(Fork *fork)
{
  bdrv_graph_wrlock();
  bdrv_unref_child(bdrv_find_child(fork->b_bs, fork->x_bs));
  bdrv_graph_wrunlock();
}

void drain_subtree_of_one_parent_quiesces_the_other(void)
{
  Fork fork;

  fork_set_up(&fork);
  fork_attach(&fork);
  fork_check(&fork, 0, 0, 0);
  bdrv_subtree_drained_begin(fork.a_bs);
  fork_check(&fork, 1, 1, 1);
  bdrv_subtree_drained_begin(fork.b_bs);
  fork_check(&fork, 2, 2, 2);
  bdrv_subtree_drained_end(fork.b_bs);
  fork_check(&fork, 1, 1, 1);
  bdrv_subtree_drained_end(fork.a_bs);
  fork_check(&fork, 0, 0, 0);
  fork_tear_down(&fork);
}

void drain_subtree_follows_the_graph(void)
{
  enum { OF_A = 3, OF_B = 2, BOTH = OF_A + OF_B };
  Fork fork;

  fork_set_up(&fork);
  for (unsigned i = 0; i < OF_A; i++) {
    bdrv_subtree_drained_begin(fork.a_bs);
  }
  for (unsigned i = 0; i < OF_B; i++) {
    bdrv_subtree_drained_begin(fork.b_bs);
  }
  fork_check(&fork, OF_A, OF_B, OF_A);
  fork_attach(&fork);
  fork_check(&fork, BOTH, BOTH, BOTH);
  fork_detach(&fork);
  fork_check(&fork, OF_A, OF_B, OF_A);
  fork_attach(&fork);
  fork_check(&fork, BOTH, BOTH, BOTH);
  for (unsigned i = OF_B; i-- > 0;) {
    bdrv_subtree_drained_end(fork.b_bs);
    fork_check(&fork, OF_A + i, OF_A + i, OF_A + i);
  }
  for (unsigned i = OF_A; i-- > 0;) {
    bdrv_subtree_drained_end(fork.a_bs);
    fork_check(&fork, i, i, i);
  }
  fork_tear_down(&fork);
}

void drain_all_covers_nodes_that_come_and_go(void)
{
  TestNode old = {0}, new = {0};

  qemu_init_main_loop();
  BlockDriverState *old_bs = test_node_new(&old);
  BlockBackend *blk = blk_new(qemu_get_aio_context());
  blk_insert_bs(blk, old_bs);
  bdrv_drain_all_begin();
  assert(old_bs->quiesce_counter == 1 && old.drain_count == 1);

  BlockDriverState *new_bs = test_node_new(&new);
  assert(new_bs->quiesce_counter == 1 && new.drain_count == 1);
  blk_remove_bs(blk);
  blk_insert_bs(blk, new_bs);
  assert(new_bs->quiesce_counter == 1 && new.drain_count == 1);
  bdrv_unref(old_bs);
  assert(old.closed && old.drain_count == 0);

  bdrv_drain_all_end();
  assert(new_bs->quiesce_counter == 0 && new.drain_count == 0);
  blk_unref(blk);
  bdrv_unref(new_bs);
  qemu_cleanup_main_loop();
}

/* ------------------------------------------------------------------ attach/drain */

void drain_covers_an_overlay_of_a_drained_node(void)
{
  TestNode base = {0}, overlay = {0};

  qemu_init_main_loop();
  BlockDriverState *base_bs = test_node_new(&base);
  BlockBackend *blk = blk_new(qemu_get_aio_context());
  blk_insert_bs(blk, base_bs);
  bdrv_drained_begin(base_bs);
  BlockDriverState *overlay_bs = test_node_new(&overlay);
  bdrv_append(overlay_bs, base_bs);
  assert(blk_bs(blk) == overlay_bs);
  assert(base_bs->quiesce_counter == 1 && base.drain_count == 1);
  assert(overlay_bs->quiesce_counter == 1 && overlay.drain_count == 1);
  assert(test_in_flight(base_bs) == 0 && test_in_flight(overlay_bs) == 0);
  bdrv_drained_end(base_bs);
  assert(base_bs->quiesce_counter == 0 && base.drain_count == 0);
  assert(overlay_bs->quiesce_counter == 0 && overlay.drain_count == 0);
  blk_unref(blk);
  bdrv_unref(overlay_bs);
  bdrv_unref(base_bs);
  qemu_cleanup_main_loop();
}

/* ------------------------------------------------------------------ set_aio_context */

void node_that_nobody_uses_changes_its_context(void)
{
  TestNode node = {0};

  qemu_init_main_loop();
  IOThread *a = iothread_create();
  IOThread *b = iothread_create();
  BlockDriverState *bs = test_node_new(&node);
  AioContext *contexts[] = {iothread_get_aio_context(a), iothread_get_aio_context(b),
                            qemu_get_aio_context()};

  for (unsigned i = 0; i < sizeof(contexts) / sizeof(*contexts); i++) {
    assert(bdrv_try_change_aio_context(bs, contexts[i], NULL) == 0);
    assert(bdrv_get_aio_context(bs) == contexts[i]);
    assert(bs->quiesce_counter == 0 && node.drain_count == 0);
  }
  bdrv_unref(bs);
  iothread_stop(a);
  iothread_stop(b);
  iothread_destroy(a);
  iothread_destroy(b);
  qemu_cleanup_main_loop();
}

/* ------------------------------------------------------------------ begun and ended at once */

typedef void DrainCall(BlockBackend *blk, BlockDriverState *bs);

static void drain_node(BlockBackend *blk, BlockDriverState *bs)
{
  (void)blk;
  bdrv_drain(bs);
}

static void drain_all_nodes(BlockBackend *blk, BlockDriverState *bs)
{
  (void)blk, (void)bs;
  bdrv_drain_all();
}

static void drain_backend(BlockBackend *blk, BlockDriverState *bs)
{
  (void)bs;
  blk_drain(blk);
}

static void drain_subtree(BlockBackend *blk, BlockDriverState *bs)
{
  (void)blk;
  bdrv_subtree_drained_begin_unlocked(bs);
  assert(bs->quiesce_counter == 1 && bs->children->bs->quiesce_counter == 1);
  bdrv_subtree_drained_end_unlocked(bs);
}

/* A request that was on its way is over, and nobody stays quiet. */
void drain_at_once_lets_everybody_go_on(void)
{
  static DrainCall *const calls[] = {drain_node, drain_all_nodes, drain_backend, drain_subtree};
  Chain chain;
  TestRead read;

  set_up(&chain);
  for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
    test_read_begin(&read, chain.blk);
    assert(!test_read_is_over(&read));
    calls[i](chain.blk, chain.node_bs);
    assert(test_read_is_over(&read));
    assert(!blk_in_drain(chain.blk));
    check_sections(&chain, 0, 0);
    check_counts(&chain, 0, 0);
  }
  tear_down(&chain);
}
