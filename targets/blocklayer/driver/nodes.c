/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small graph that the program changes and walks, and its ghost: what a reader must see.
 *
 * It starts as 0 -> 1 -> 2 and 0 -> 3, with four loose nodes.
 */
#include "aio_contexts.h"
#include "rules.h"

static const uint16_t first_children[NODES] = {[0] = 1 << 1 | 1 << 3, [1] = 1 << 2};

static unsigned pair_of(const ds_operation *op);

void nodes_init(void)
{
  for (unsigned i = 0; i < NODES; i++) {
    ghost.graph.nodes[i] = bdrv_new_open_driver(&watching_driver, (void *)(uintptr_t)(i + 1));
    ds_name(ghost.graph.nodes[i], sizeof(BlockDriverState), "node%u", i);
  }
  for (unsigned parent = 0; parent < NODES; parent++) {
    for (unsigned child = 0; child < NODES; child++) {
      if (first_children[parent] >> child & 1) {
        bdrv_attach_child_unshared(ghost.graph.nodes[parent], ghost.graph.nodes[child]);
        ghost.graph.children[parent] |= (uint16_t)(1u << child);
      }
    }
  }
}

void nodes_close(void)
{
  /* Parents first: a node with parents does not go. */
  for (unsigned left = NODES; left > 0;) {
    for (unsigned i = 0; i < NODES; i++) {
      BlockDriverState *bs = ghost.graph.nodes[i];
      if (bs && !bs->parents) {
        bdrv_delete_unshared(bs);
        ghost.graph.nodes[i] = NULL;
        left--;
      }
    }
  }
}

/* ------------------------------------------------------------------ operations */

/* The operands if they will do, else the next pair that will. */
bool op_attach(unsigned actor, const ds_operation *op)
{
  unsigned pair = pair_of(op);

  if (ghost.lock.writer != actor || blocks.restructuring) {
    return false;
  }
  for (unsigned i = 0; i < NODES * NODES; i++, pair = (pair + 1) % (NODES * NODES)) {
    unsigned parent = pair / NODES;
    unsigned child = pair % NODES;
    bool one_context = moves.node_home[parent] == moves.node_home[child];
    if (one_context && nodes_attachable(parent, child) && quiet_enough_to_attach(parent, child)) {
      if (i > 0) {
        ds_note("attach node%u node%u", parent, child);
      }
      meet_sections();
      bdrv_attach_child(ghost.graph.nodes[parent], ghost.graph.nodes[child]);
      ghost.graph.children[parent] |= (uint16_t)(1u << child);
      return true;
    }
  }
  return false;
}

/* No cycle, no second edge. */
bool nodes_attachable(unsigned parent, unsigned child)
{
  return !(ghost.graph.children[parent] >> child & 1) && !(nodes_below(child) >> parent & 1);
}

/* The edge if there is one, else the next edge that there is. */
bool op_detach(unsigned actor, const ds_operation *op)
{
  unsigned pair = pair_of(op);

  if (ghost.lock.writer != actor || blocks.restructuring) {
    return false;
  }
  for (unsigned i = 0; i < NODES * NODES; i++, pair = (pair + 1) % (NODES * NODES)) {
    unsigned parent = pair / NODES;
    unsigned child = pair % NODES;
    if (ghost.graph.children[parent] >> child & 1) {
      if (i > 0) {
        ds_note("detach node%u node%u", parent, child);
      }
      meet_sections();
      bdrv_unref_child(bdrv_find_child(ghost.graph.nodes[parent], ghost.graph.nodes[child]));
      ghost.graph.children[parent] &= (uint16_t)~(1u << child);
      return true;
    }
  }
  return false;
}

static unsigned pair_of(const ds_operation *op)
{
  return (unsigned)(op->a % NODES * NODES + op->b % NODES);
}

/* What is there at this moment: nobody changes it while we read. */
uint32_t nodes_below_by_edges(unsigned node)
{
  uint32_t mask = 1u << node;
  const BdrvChild *edge = ghost.graph.nodes[node]->children;

  for (; edge; edge = edge->next_sibling) {
    for (unsigned child = 0; child < ALL_NODES; child++) {
      if (edge->bs == ghost.graph.nodes[child]) {
        mask |= nodes_below_by_edges(child);
      }
    }
  }
  return mask;
}

void walk_node(unsigned operand)
{
  unsigned top = operand % NODES;
  BdrvNodeList list = {0};
  uint32_t seen = 0;

  bdrv_walk(ghost.graph.nodes[top], &list);
  for (size_t i = 0; i < list.count; i++) {
    for (unsigned node = 0; node < ALL_NODES; node++) {
      seen |= (uint32_t)(list.nodes[i] == ghost.graph.nodes[node]) << node;
    }
  }
  /* Who restructures drains, and lets readers in, before it can tell us what it has changed. */
  uint32_t expected = blocks.restructuring ? nodes_below_by_edges(top) : nodes_below(top);
  rule_walked(top, seen, expected);
}

/* A mask of `node` and everything below it, by the ghost graph. */
uint32_t nodes_below(unsigned node)
{
  uint32_t mask = 1u << node;
  for (uint32_t before = 0; before != mask;) {
    before = mask;
    for (unsigned i = 0; i < ALL_NODES; i++) {
      if (mask >> i & 1) {
        mask |= ghost.graph.children[i];
      }
    }
  }
  return mask;
}
