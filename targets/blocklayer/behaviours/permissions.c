/* SPDX-License-Identifier: Apache-2.0 */
/* Behaviours of permissions when the graph changes: computed for the new graph as a whole. */
#include "nodes.h"

/* ------------------------------------------------------------------ drivers */

/* Wants of its child what its users want, and shares what they share. */
static void pass_through_perm(BlockDriverState *bs, const BdrvChild *edge, uint64_t perm,
                              uint64_t shared, uint64_t *child_perm, uint64_t *child_shared)
{
  (void)bs, (void)edge;
  *child_perm = perm;
  *child_shared = shared;
}

/* Writes, and lets nobody else write. */
static void exclusive_writer_perm(BlockDriverState *bs, const BdrvChild *edge, uint64_t perm,
                                  uint64_t shared, uint64_t *child_perm, uint64_t *child_shared)
{
  (void)bs, (void)edge, (void)perm, (void)shared;
  *child_perm = BLK_PERM_WRITE;
  *child_shared = BLK_PERM_ALL & ~BLK_PERM_WRITE;
}

/* The same for the one child that bs->opaque points to. */
static void write_to_selected_perm(BlockDriverState *bs, const BdrvChild *edge, uint64_t perm,
                                   uint64_t shared, uint64_t *child_perm, uint64_t *child_shared)
{
  bool selected = edge->bs == bs->opaque;

  (void)perm, (void)shared;
  *child_perm = selected ? BLK_PERM_WRITE : 0;
  *child_shared = selected ? BLK_PERM_ALL & ~BLK_PERM_WRITE : BLK_PERM_ALL;
}

static const BlockDriver plain = {.name = "plain"};
static const BlockDriver pass_through = {.name = "pass-through",
                                         .bdrv_child_perm = pass_through_perm};
static const BlockDriver exclusive_writer = {.name = "exclusive-writer",
                                             .bdrv_child_perm = exclusive_writer_perm};
static const BlockDriver write_to_selected = {.name = "write-to-selected",
                                              .bdrv_child_perm = write_to_selected_perm};

static BlockDriverState *new_node(const BlockDriver *driver)
{
  return bdrv_new_open_driver(driver, NULL);
}

static BdrvChild *attach(BlockDriverState *parent, BlockDriverState *child)
{
  bdrv_graph_wrlock();
  BdrvChild *edge = bdrv_attach_child(parent, child);
  bdrv_graph_wrunlock();
  return edge;
}

static bool writes(const BlockDriverState *parent, const BlockDriverState *child)
{
  return bdrv_find_child(parent, child)->perm & BLK_PERM_WRITE;
}

/* Is it what users of nodes without permissions have? */
static bool is_untouched(const BdrvChild *edge)
{
  return edge->perm == 0 && edge->shared_perm == BLK_PERM_ALL;
}

/* ------------------------------------------------------------------ update-perm-tree */

/* blk writes to node and shares no writing. With the filter in between it would write twice:
 * through the filter's own edge, and through middle. */
void permissions_that_conflict_deep_down_are_rolled_back(void)
{
  qemu_init_main_loop();
  BlockDriverState *node = new_node(&plain);
  BlockDriverState *filter = new_node(&pass_through);
  BlockDriverState *middle = new_node(&pass_through);
  BlockBackend *blk = blk_new(qemu_get_aio_context());
  assert(blk_set_perm(blk, BLK_PERM_WRITE | BLK_PERM_CONSISTENT_READ,
                      BLK_PERM_ALL & ~BLK_PERM_WRITE) == 0);
  blk_insert_bs(blk, node);
  assert(attach(filter, middle) && attach(middle, node));

  assert(!bdrv_append(filter, node));
  assert(blk_bs(blk) == node);
  assert(blk->root->perm == (BLK_PERM_WRITE | BLK_PERM_CONSISTENT_READ));
  assert(!bdrv_is_child(filter, node) && bdrv_is_child(middle, node));
  assert(is_untouched(bdrv_find_child(filter, middle)));
  assert(is_untouched(bdrv_find_child(middle, node)));
  assert(node->refcnt == 3 && filter->refcnt == 1 && middle->refcnt == 2);
  assert(node->quiesce_counter == 0 && filter->quiesce_counter == 0);

  blk_unref(blk);
  bdrv_unref(filter);
  bdrv_unref(middle);
  bdrv_unref(node);
  qemu_cleanup_main_loop();
}

/* A second exclusive writer is refused, wherever it comes from. */
void permissions_refuse_a_second_writer(void)
{
  qemu_init_main_loop();
  BlockDriverState *node = new_node(&plain);
  BlockDriverState *filter = new_node(&pass_through);
  BlockDriverState *writer = new_node(&exclusive_writer);
  BlockBackend *first = blk_new(qemu_get_aio_context());
  BlockBackend *second = blk_new(qemu_get_aio_context());
  assert(attach(filter, node));
  assert(blk_set_perm(first, BLK_PERM_WRITE, BLK_PERM_ALL & ~BLK_PERM_WRITE) == 0);
  blk_insert_bs(first, filter);
  assert(writes(filter, node));

  assert(!attach(writer, node));
  assert(node->refcnt == 2 && !writer->children);
  assert(blk_set_perm(second, BLK_PERM_WRITE, BLK_PERM_ALL) == 0);
  assert(blk_insert_bs(second, node) < 0);
  assert(!blk_bs(second) && node->refcnt == 2);
  assert(blk_set_perm(second, 0, BLK_PERM_ALL) == 0);
  assert(blk_insert_bs(second, node) == 0);
  assert(blk_set_perm(second, BLK_PERM_WRITE, BLK_PERM_ALL) < 0);
  assert(is_untouched(second->root));

  blk_remove_bs(first); /* and now it may */
  assert(!writes(filter, node));
  assert(blk_set_perm(second, BLK_PERM_WRITE, BLK_PERM_ALL) == 0);

  blk_unref(first);
  blk_unref(second);
  bdrv_unref(writer);
  bdrv_unref(filter);
  bdrv_unref(node);
  qemu_cleanup_main_loop();
}

/* ------------------------------------------------------------------ should-update-child */

/* filter -> target -> node: when the filter is put on the node, too, the target stays on the node.
 */
void replacing_a_node_keeps_the_edge_that_would_close_a_cycle(void)
{
  qemu_init_main_loop();
  BlockDriverState *node = new_node(&plain);
  BlockDriverState *target = new_node(&plain);
  BlockDriverState *filter = new_node(&pass_through);
  BlockBackend *blk = blk_new(qemu_get_aio_context());
  blk_insert_bs(blk, node);
  assert(attach(target, node) && attach(filter, target));

  assert(bdrv_append(filter, node));
  assert(bdrv_is_child(target, node));
  assert(bdrv_is_child(filter, node) && bdrv_is_child(filter, target));
  assert(blk_bs(blk) == filter);

  blk_unref(blk);
  bdrv_unref(filter);
  bdrv_unref(target);
  bdrv_unref(node);
  qemu_cleanup_main_loop();
}

/* ------------------------------------------------------------------ parallel-exclusive-write */

/* writer -> one -> base, two -> base: the writer moves from one to two. */
void an_exclusive_writer_moves_between_two_filters_of_one_node(void)
{
  qemu_init_main_loop();
  BlockDriverState *base = new_node(&plain);
  BlockDriverState *one = new_node(&pass_through);
  BlockDriverState *two = new_node(&pass_through);
  BlockDriverState *writer = new_node(&exclusive_writer);
  assert(attach(writer, one) && attach(one, base) && attach(two, base));
  assert(writes(one, base) && !writes(two, base));

  assert(bdrv_replace_node(one, two));
  assert(bdrv_is_child(writer, two) && writes(writer, two));
  assert(!writes(one, base) && writes(two, base));

  bdrv_unref(writer);
  bdrv_unref(one);
  bdrv_unref(two);
  bdrv_unref(base);
  qemu_cleanup_main_loop();
}

/* ------------------------------------------------------------------ parallel-perm-update */

static void select_child(BlockDriverState *top, BlockDriverState *selecting,
                         BlockDriverState *selected, const BlockDriverState *other)
{
  selecting->opaque = selected;
  bdrv_graph_wrlock();
  assert(bdrv_child_refresh_perms(top, top->children) == 0);
  bdrv_graph_wrunlock();
  assert(writes(selecting, selected) && writes(selected, selected->children->bs));
  assert(!writes(selecting, other) && !writes(other, other->children->bs));
}

/* top -> selecting -> one or two -> base: base comes after both, whatever the edges' order. */
void permissions_are_updated_in_topological_order(void)
{
  qemu_init_main_loop();
  BlockDriverState *top = new_node(&plain);
  BlockDriverState *selecting = new_node(&write_to_selected);
  BlockDriverState *one = new_node(&pass_through);
  BlockDriverState *two = new_node(&pass_through);
  BlockDriverState *base = new_node(&plain);
  assert(attach(top, selecting) && attach(selecting, one) && attach(selecting, two));
  assert(attach(one, base) && attach(two, base));

  select_child(top, selecting, one, two);
  select_child(top, selecting, two, one);
  select_child(top, selecting, one, two);

  bdrv_unref(top);
  bdrv_unref(selecting);
  bdrv_unref(one);
  bdrv_unref(two);
  bdrv_unref(base);
  qemu_cleanup_main_loop();
}

/* ------------------------------------------------------------------ append-greedy-filter */

void a_filter_that_writes_is_put_under_a_writer(void)
{
  qemu_init_main_loop();
  BlockDriverState *top = new_node(&exclusive_writer);
  BlockDriverState *base = new_node(&plain);
  BlockDriverState *filter = new_node(&exclusive_writer);
  assert(attach(top, base));

  assert(bdrv_append(filter, base));
  assert(writes(top, filter) && writes(filter, base));

  bdrv_unref(top);
  bdrv_unref(filter);
  bdrv_unref(base);
  qemu_cleanup_main_loop();
}
