/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of the graph that drain by themselves. Only one at a time: its poll may run others. */
#include "aio_contexts.h"

bool may_restructure(unsigned actor)
{
  return may_wait_for_requests(actor) && !blocks.restructuring && blocks.changing == 0;
}

void restructure_begin(void)
{
  blocks.used = true;
  blocks.restructuring = true;
  blocks.changing++;
  blocks.draining++;
  meet_requests();
  meet_sections();
}

void restructure_end(void)
{
  blocks.draining--;
  blocks.changing--;
  blocks.restructuring = false;
  rule_settled();
}

void move_ghost_edge(unsigned parent, unsigned from, unsigned to)
{
  ghost.graph.children[parent] &= (uint16_t)~(1u << from);
  ghost.graph.children[parent] |= (uint16_t)(1u << to);
}

/* As bdrv_replace_node(): all users of `from` but those that `to` is, or stands on. */
void move_ghost_parents(unsigned from, unsigned to)
{
  uint32_t below_to = nodes_below(to);

  for (unsigned parent = 0; parent < ALL_NODES; parent++) {
    uint16_t children = ghost.graph.children[parent];
    if (children >> from & 1 && !(children >> to & 1) && !(below_to >> parent & 1)) {
      move_ghost_edge(parent, from, to);
    }
  }
  for (unsigned i = 0; i < BLKS; i++) {
    if (blocks.blks[i].blk && blocks.blks[i].root == from) {
      blocks.blks[i].root = (uint8_t)to;
    }
  }
}

bool replace_first_child(unsigned actor, unsigned parent, unsigned to)
{
  uint16_t children = ghost.graph.children[parent];

  if (!may_restructure(actor) || !children || !nodes_attachable(parent, to)) {
    return false;
  }
  unsigned from = (unsigned)__builtin_ctz(children);
  restructure_begin();
  if (bdrv_replace_child_bs(ghost.graph.nodes[parent], ghost.graph.nodes[from],
                            ghost.graph.nodes[to])) {
    move_ghost_edge(parent, from, to);
  }
  restructure_end();
  return true;
}

bool op_replace(unsigned actor, const ds_operation *op)
{
  return replace_first_child(actor, op->a % NODES, op->b % NODES);
}

bool append(unsigned actor, unsigned filter, unsigned top)
{
  bool alone = ghost.graph.children[filter] == 0 && !ghost.graph.nodes[filter]->parents;

  if (!may_restructure(actor) || filter == top || !alone) {
    return false;
  }
  restructure_begin();
  if (bdrv_append(ghost.graph.nodes[filter], ghost.graph.nodes[top])) {
    ghost.graph.children[filter] |= (uint16_t)(1u << top);
    move_ghost_parents(top, filter);
  }
  restructure_end();
  return true;
}

bool op_append(unsigned actor, const ds_operation *op)
{
  return append(actor, op->a % NODES, op->b % NODES);
}

bool drop(unsigned actor, unsigned top, unsigned base)
{
  if (!may_restructure(actor) || top == base || !(nodes_below(top) >> base & 1)) {
    return false;
  }
  restructure_begin();
  if (bdrv_drop_intermediate(ghost.graph.nodes[top], ghost.graph.nodes[base])) {
    move_ghost_parents(top, base);
  }
  restructure_end();
  return true;
}

bool op_drop(unsigned actor, const ds_operation *op)
{
  return drop(actor, op->a % NODES, op->b % NODES);
}

/* A child that is quiet needs a parent that is; a parent whose subtree is quiet, a child that is.
 */
bool quiet_enough_to_attach(unsigned parent, unsigned child)
{
  if (!blocks.used) {
    return true;
  }
  bool all_are = true;
  for (unsigned node = 0; node < ALL_NODES; node++) {
    all_are &= !(nodes_below(child) >> node & 1) || waited_for(node, OF_NODE, false);
  }
  bool needs_quiet_parent = waited_for(child, OF_NODE, true) && !waited_for(parent, OF_NODE, false);
  bool needs_quiet_children = waited_for(parent, OF_SUBTREE, true) && !all_are;
  return !needs_quiet_parent && !needs_quiet_children;
}
