/* SPDX-License-Identifier: Apache-2.0 */
/* Finding nodes and edges: intrusive lists, no index; walking costs nodes times edges. */
#include "graph/graph.h"

#include "aio/code_category.h"
#include "graph/graph_lock.h"

static BlockDriverState *all_nodes; /* main thread */

static void bdrv_add_node(BdrvNodeList *list, BlockDriverState *bs);
static bool bdrv_knows_parent_edge(const BlockDriverState *bs, const BdrvChild *edge);

/* ------------------------------------------------------------------ the list of all */

BlockDriverState *bdrv_first_node(void)
{
  GLOBAL_STATE_CODE();
  return all_nodes;
}

void bdrv_list_add(BlockDriverState *bs)
{
  GLOBAL_STATE_CODE();
  bs->next_node = all_nodes;
  all_nodes = bs;
}

void bdrv_list_remove(BlockDriverState *bs)
{
  GLOBAL_STATE_CODE();
  BlockDriverState **link = &all_nodes;
  while (*link != bs) {
    link = &(*link)->next_node;
  }
  *link = bs->next_node;
}

void bdrv_ref(BlockDriverState *bs)
{
  GLOBAL_STATE_CODE();
  bs->refcnt++;
}

/* ------------------------------------------------------------------ reading */

AioContext *bdrv_get_aio_context(const BlockDriverState *bs)
{
  IO_CODE();
  /* Relaxed: who moves a node does so while nobody uses it, and lets its users go on afterwards,
   * through the end of a drained section. */
  return atomic_load_explicit(&bs->aio_context, memory_order_relaxed);
}

bool bdrv_is_child(const BlockDriverState *parent, const BlockDriverState *child)
{
  IO_CODE();
  return bdrv_find_child(parent, child) != NULL;
}

BdrvChild *bdrv_find_child(const BlockDriverState *parent, const BlockDriverState *child)
{
  IO_CODE();
  assert_bdrv_graph_readable();
  BdrvChild *edge = parent->children;
  while (edge && edge->bs != child) {
    edge = edge->next_sibling;
  }
  return edge;
}

bool bdrv_is_below(BlockDriverState *top, const BlockDriverState *bs)
{
  IO_CODE();
  BdrvNodeList list = {0};

  bdrv_walk(top, &list);
  for (size_t i = 0; i < list.count; i++) {
    if (list.nodes[i] == bs) {
      return true;
    }
  }
  return false;
}

void bdrv_walk(BlockDriverState *bs, BdrvNodeList *list)
{
  IO_CODE();
  assert_bdrv_graph_readable();
  size_t next = list->count; /* `list` is also what is still to be expanded */

  bdrv_add_node(list, bs);
  for (; next < list->count; next++) {
    BlockDriverState *node = list->nodes[next];
    for (BdrvChild *edge = node->children; edge; edge = edge->next_sibling) {
      assert(edge->klass->parent_is_bds);
      assert(edge->opaque == node);
      assert(bdrv_knows_parent_edge(edge->bs, edge));
      bdrv_add_node(list, edge->bs);
    }
  }
}

static void bdrv_add_node(BdrvNodeList *list, BlockDriverState *bs)
{
  for (size_t i = 0; i < list->count; i++) {
    if (list->nodes[i] == bs) {
      return;
    }
  }
  assert(list->count < BDRV_WALK_MAX);
  list->nodes[list->count++] = bs;
}

static bool bdrv_knows_parent_edge(const BlockDriverState *bs, const BdrvChild *edge)
{
  const BdrvChild *parent = bs->parents;
  while (parent && parent != edge) {
    parent = parent->next_of_parents;
  }
  return parent != NULL;
}
