/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes that come and go, in sections too, and what they do in between: they are put above and
 * below others, in the place of a child, and taken out again. Their numbers follow those of the
 * nodes that are there from the start (nodes.c), which operands name.
 */
#include "aio_contexts.h"

#include "graph/graph_lock.h"

static uint16_t goes;    /* bit i: the deletion of node i is in progress */
static uint16_t closing; /* ... and its driver has been told */

/* ------------------------------------------------------------------ life */

bool op_create_node(unsigned actor, const ds_operation *op)
{
  unsigned node = NODES;

  (void)actor, (void)op;
  while (node < ALL_NODES && ghost.graph.nodes[node]) {
    node++;
  }
  if (node == ALL_NODES) {
    return false;
  }
  blocks.used = true;
  meet_sections();
  moves.node_home[node] = MAIN_CONTEXT;
  blocks.written[node] = blocks.settled[node] = blocks.flushed[node] = 0;
  BlockDriverState *bs = bdrv_new_open_driver(&watching_driver, (void *)(uintptr_t)(node + 1));
  ghost.graph.nodes[node] = bs;
  ds_name(bs, sizeof(*bs), "node%u", node);
  rule_settled();
  return true;
}

void created_node_closes(BlockDriverState *bs)
{
  closing |= (uint16_t)(1u << node_of(bs));
}

/* Nobody polls any more before its memory is free. */
void created_node_undrained(unsigned node)
{
  if (closing >> node & 1) {
    ghost.graph.nodes[node] = NULL;
    ghost.graph.children[node] = 0;
  }
}

static void delete_node(unsigned node)
{
  goes |= (uint16_t)(1u << node);
  bdrv_unref(ghost.graph.nodes[node]);
  rule_driver_told_all(node);
  goes &= (uint16_t)~(1u << node);
  closing &= (uint16_t)~(1u << node);
}

/* One that is there and stays, or ALL_NODES. */
static unsigned created_choose(unsigned operand, const char *word)
{
  uint32_t usable = 0;

  for (unsigned i = 0; i < CREATED_NODES; i++) {
    usable |= (uint32_t)(ghost.graph.nodes[NODES + i] && !(goes >> (NODES + i) & 1)) << i;
  }
  unsigned index = choose(operand, usable, CREATED_NODES);
  if (index < CREATED_NODES && index != operand) {
    ds_note("%s node%u", word, NODES + index);
  }
  return NODES + index;
}

typedef enum { CREATED_FIRST, CREATED_LAST } Order;

/* Change something between a created node, operand a, and one of the others, operand b. */
static bool change_pair(unsigned actor, const ds_operation *op, const char *word,
                        bool (*change)(unsigned actor, unsigned first, unsigned last), Order order)
{
  unsigned node = created_choose(op->a, word);
  unsigned other = op->b % NODES;

  if (node == ALL_NODES) {
    return false;
  }
  return order == CREATED_FIRST ? change(actor, node, other) : change(actor, other, node);
}

/* Nobody uses it, and nobody is about to: its children may be as they are. */
bool op_delete_node(unsigned actor, const ds_operation *op)
{
  unsigned node = created_choose(op->a, "delete");

  if (node == ALL_NODES || !may_wait_for_requests(actor) || blocks.restructuring ||
      ghost.graph.nodes[node]->refcnt > 1) {
    return false;
  }
  meet_sections();
  blocks.changing++;
  blocks.draining++;
  delete_node(node);
  blocks.draining--;
  blocks.changing--;
  rule_settled();
  return true;
}

/* ------------------------------------------------------------------ under the write lock */

static bool attach(unsigned actor, unsigned parent, unsigned child)
{
  bool possible = ghost.lock.writer == actor && !blocks.restructuring &&
                  moves.node_home[parent] == moves.node_home[child] &&
                  nodes_attachable(parent, child) && quiet_enough_to_attach(parent, child);
  if (possible) {
    meet_sections();
    bdrv_attach_child(ghost.graph.nodes[parent], ghost.graph.nodes[child]);
    ghost.graph.children[parent] |= (uint16_t)(1u << child);
  }
  return possible;
}

bool op_attach_above(unsigned actor, const ds_operation *op)
{
  return change_pair(actor, op, "attach_above", attach, CREATED_FIRST);
}

bool op_attach_below(unsigned actor, const ds_operation *op)
{
  return change_pair(actor, op, "attach_below", attach, CREATED_LAST);
}

static bool detach(unsigned parent, unsigned child)
{
  bool possible = ghost.graph.children[parent] >> child & 1;

  if (possible) {
    meet_sections();
    bdrv_unref_child(bdrv_find_child(ghost.graph.nodes[parent], ghost.graph.nodes[child]));
    ghost.graph.children[parent] &= (uint16_t)~(1u << child);
  }
  return possible;
}

/* From the first of its parents, else of its children. */
static bool detach_from_any(unsigned node)
{
  for (unsigned other = 0; other < ALL_NODES; other++) {
    if (detach(other, node)) {
      return true;
    }
  }
  for (unsigned other = 0; other < ALL_NODES; other++) {
    if (detach(node, other)) {
      return true;
    }
  }
  return false;
}

/* The node if it has edges, else the next one that does. */
bool op_detach_node(unsigned actor, const ds_operation *op)
{
  unsigned node = created_choose(op->a, "detach");

  if (node == ALL_NODES || ghost.lock.writer != actor || blocks.restructuring) {
    return false;
  }
  for (unsigned i = 0; i < CREATED_NODES; i++) {
    unsigned next = NODES + (node - NODES + i) % CREATED_NODES;
    if (!(goes >> next & 1) && detach_from_any(next)) {
      return true;
    }
  }
  return false;
}

/* ------------------------------------------------------------------ changes that drain */

static bool add(unsigned actor, unsigned parent, unsigned child)
{
  if (!may_restructure(actor) || !nodes_attachable(parent, child)) {
    return false;
  }
  restructure_begin();
  if (bdrv_add_child(ghost.graph.nodes[parent], ghost.graph.nodes[child])) {
    ghost.graph.children[parent] |= (uint16_t)(1u << child);
  }
  restructure_end();
  return true;
}

bool op_add_above(unsigned actor, const ds_operation *op)
{
  return change_pair(actor, op, "add_above", add, CREATED_FIRST);
}

bool op_add_below(unsigned actor, const ds_operation *op)
{
  return change_pair(actor, op, "add_below", add, CREATED_LAST);
}

bool op_append_node(unsigned actor, const ds_operation *op)
{
  return change_pair(actor, op, "append", append, CREATED_FIRST);
}

bool op_swap_in(unsigned actor, const ds_operation *op)
{
  return change_pair(actor, op, "swap_in", replace_first_child, CREATED_LAST);
}

/* Its users use its first child instead. */
bool op_take_out(unsigned actor, const ds_operation *op)
{
  unsigned node = created_choose(op->a, "take_out");

  return node != ALL_NODES && ghost.graph.children[node] &&
         drop(actor, node, (unsigned)__builtin_ctz(ghost.graph.children[node]));
}

/* ------------------------------------------------------------------ the end */

/* No backend uses any, no job. */
void created_nodes_close(void)
{
  blocks.changing++;
  blocks.draining++;
  for (unsigned node = NODES; node < ALL_NODES; node++) {
    if (ghost.graph.nodes[node]) {
      bdrv_graph_wrlock();
      for (unsigned other = 0; other < ALL_NODES; other++) {
        detach(other, node);
      }
      bdrv_graph_wrunlock();
      delete_node(node);
    }
  }
  blocks.draining--;
  blocks.changing--;
}
