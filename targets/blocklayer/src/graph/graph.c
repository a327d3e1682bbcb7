/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes and edges: intrusive lists, no index; walking costs nodes times edges. */
#include "graph/graph.h"

#include "graph/graph_lock.h"
#include "util/util.h"

static void bdrv_unlink(BdrvChild *edge);
static BdrvChild *bdrv_find_edge(const BlockDriverState *parent, const BlockDriverState *child);
static void bdrv_add_node(BdrvNodeList *list, BlockDriverState *bs);
static bool bdrv_knows_parent_edge(const BlockDriverState *bs, const BdrvChild *edge);

/* ------------------------------------------------------------------ changing */

BlockDriverState *bdrv_new(void)
{
  BlockDriverState *bs = qemu_malloc(sizeof(*bs));
  *bs = (BlockDriverState){0};
  return bs;
}

void bdrv_delete(BlockDriverState *bs)
{
  assert(!bs->parents);
  while (bs->children) {
    bdrv_unlink(bs->children);
  }
  free(bs);
}

void bdrv_attach_child(BlockDriverState *parent, BlockDriverState *child)
{
  assert_bdrv_graph_writable();
  bdrv_attach_child_unshared(parent, child);
}

void bdrv_attach_child_unshared(BlockDriverState *parent, BlockDriverState *child)
{
  BdrvChild *edge = qemu_malloc(sizeof(*edge));

  assert(parent != child);
  assert(!bdrv_is_child(parent, child));
  *edge = (BdrvChild){.parent = parent,
                      .bs = child,
                      .next_sibling = parent->children,
                      .next_of_parents = child->parents};
  parent->children = edge;
  child->parents = edge;
}

void bdrv_detach_child(BlockDriverState *parent, BlockDriverState *child)
{
  assert_bdrv_graph_writable();
  BdrvChild *edge = bdrv_find_edge(parent, child);
  assert(edge);
  bdrv_unlink(edge);
}

static void bdrv_unlink(BdrvChild *edge)
{
  BdrvChild **link = &edge->parent->children;
  while (*link != edge) {
    link = &(*link)->next_sibling;
  }
  *link = edge->next_sibling;

  link = &edge->bs->parents;
  while (*link != edge) {
    link = &(*link)->next_of_parents;
  }
  *link = edge->next_of_parents;
  free(edge);
}

/* ------------------------------------------------------------------ reading */

bool bdrv_is_child(const BlockDriverState *parent, const BlockDriverState *child)
{
  return bdrv_find_edge(parent, child) != NULL;
}

static BdrvChild *bdrv_find_edge(const BlockDriverState *parent, const BlockDriverState *child)
{
  BdrvChild *edge = parent->children;
  while (edge && edge->bs != child) {
    edge = edge->next_sibling;
  }
  return edge;
}

void bdrv_walk(BlockDriverState *bs, BdrvNodeList *list)
{
  size_t next = list->count; /* `list` is also what is still to be expanded */

  bdrv_add_node(list, bs);
  for (; next < list->count; next++) {
    BlockDriverState *node = list->nodes[next];
    for (BdrvChild *edge = node->children; edge; edge = edge->next_sibling) {
      assert(edge->parent == node);
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
