/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes of context, of nodes and of backends, and a request that follows its nodes: in each it
 * goes to the node's context and works there before it goes on to the children.
 */
#include "aio_contexts.h"
#include "jobs.h"

#include "aio/main_loop.h"
#include "coroutine/coroutine_int.h"

GhostMoves moves;

bool nodes_live_in(unsigned context)
{
  bool any = false;
  for (unsigned i = 0; i < NODES; i++) {
    any |= context != MAIN_CONTEXT && moves.node_home[i] == context;
  }
  for (unsigned i = 0; i < BLKS; i++) {
    any |= context != MAIN_CONTEXT && moves.blk_home[i] == context;
  }
  return any;
}

/* ------------------------------------------------------------------ who moves together */

/* A job takes all of its nodes along. */
static uint32_t nodes_of(const BlockJob *job)
{
  uint32_t mask = 0;
  for (unsigned i = 0; i < job->node_count; i++) {
    mask |= 1u << node_of(job->nodes[i]->bs);
  }
  return mask;
}

static uint32_t neighbours(unsigned node)
{
  uint32_t mask = 0;
  const BlockDriverState *bs = ghost.graph.nodes[node];

  for (const BdrvChild *edge = bs->children; edge; edge = edge->next_sibling) {
    mask |= 1u << node_of(edge->bs);
  }
  for (const BdrvChild *edge = bs->parents; edge; edge = edge->next_of_parents) {
    mask |= edge->klass->parent_is_bds ? 1u << node_of(edge->opaque) : 0;
    mask |= edge->klass == &child_job ? nodes_of(edge->opaque) : 0;
  }
  return mask;
}

uint32_t connected_with(unsigned node)
{
  uint32_t mask = 1u << node;
  for (uint32_t before = 0; before != mask;) {
    before = mask;
    for (unsigned i = 0; i < NODES; i++) {
      mask |= mask >> i & 1 ? neighbours(i) : 0;
    }
  }
  return mask;
}

/* Backends with a root among `nodes`. */
static uint32_t users_of(uint32_t nodes)
{
  uint32_t mask = 0;
  for (unsigned i = 0; i < BLKS; i++) {
    const BlockBackend *blk = blocks.blks[i].blk;
    bool uses = blk && blk->root && nodes >> node_of(blk->root->bs) & 1;
    mask |= (uint32_t)uses << i;
  }
  return mask;
}

/* ------------------------------------------------------------------ operations */

static bool may_move(unsigned actor)
{
  return may_wait_for_requests(actor) && !blocks.restructuring;
}

static void change_begins(unsigned context)
{
  blocks.used = moves.used = true;
  blocks.changing++;
  blocks.draining++;
  meet_sections();
  context_enter(context);
}

static void change_ends(unsigned context)
{
  context_leave(context);
  blocks.draining--;
  blocks.changing--;
  rule_homes();
  rule_settled();
}

/* From here to the end of the change nobody has polled, so the graph is as it was in the middle. */
static void nodes_have_moved(uint32_t nodes, unsigned context)
{
  if (blocks.sent) {
    ds_mark(MOVES_MARK);
  }
  for (unsigned i = 0; i < NODES; i++) {
    if (nodes >> i & 1) {
      moves.node_home[i] = (uint8_t)context;
      moves.expected[i]++;
    }
  }
  uint32_t users = users_of(nodes);
  for (unsigned i = 0; i < BLKS; i++) {
    if (users >> i & 1) {
      moves.blk_home[i] = (uint8_t)context;
    }
  }
  jobs_have_moved(nodes, context);
  notifiers_expect(nodes);
}

/* `except`: a mask of backends that do not refuse. */
static void judge_change(unsigned node, unsigned context, bool granted, uint32_t except)
{
  uint32_t nodes = connected_with(node);
  bool stays = moves.node_home[node] == context;

  rule_change_granted(node, granted, stays || !(users_of(nodes) & ~(moves.allowing | except)));
  if (granted && !stays) {
    nodes_have_moved(nodes, context);
  }
}

bool op_set_context(unsigned actor, const ds_operation *op)
{
  unsigned node = op->a % NODES;
  unsigned where = context_choose(op->b, NO_CONTEXT);

  if (!may_move(actor)) {
    return false;
  }
  if (where != op->b) {
    ds_note("set_context node%u ctx%u", node, where);
  }
  change_begins(where);
  int ret = bdrv_try_change_aio_context(ghost.graph.nodes[node], ghost.contexts[where].ctx, NULL);
  judge_change(node, where, ret == 0, 0);
  change_ends(where);
  return true;
}

bool op_blk_set_context(unsigned actor, const ds_operation *op)
{
  unsigned index = blk_choose(op->a);
  unsigned where = context_choose(op->b, NO_CONTEXT);

  if (index == NO_BLK || !may_move(actor) || blocks.blks[index].in_change) {
    return false;
  }
  if (index != op->a || where != op->b) {
    ds_note("blk_set_context blk%u ctx%u", index, where);
  }
  BlockBackend *blk = blocks.blks[index].blk;
  change_begins(where);
  int ret = blk_set_aio_context(blk, ghost.contexts[where].ctx);
  if (blk->root) {
    judge_change(node_of(blk->root->bs), where, ret == 0, 1u << index);
  }
  if (ret == 0) {
    moves.blk_home[index] = (uint8_t)where;
  }
  change_ends(where);
  return true;
}

/* An odd number: the backend follows its root. */
bool op_allow_change(unsigned actor, const ds_operation *op)
{
  unsigned index = blk_choose(op->a);

  (void)actor;
  if (index == NO_BLK) {
    return false;
  }
  moves.used = true;
  moves.allowing &= (uint8_t)~(1u << index);
  moves.allowing |= (uint8_t)((op->b & 1u) << index);
  blk_set_allow_aio_context_change(blocks.blks[index].blk, op->b & 1);
  return true;
}

/* ------------------------------------------------------------------ what nodes and requests see */

void node_detach(BlockDriverState *bs)
{
  unsigned node = node_of(bs);

  rule_detached(node);
  moves.detached |= 1u << node;
}

void node_attach(BlockDriverState *bs, AioContext *ctx)
{
  unsigned node = node_of(bs);

  rule_attached(node, ctx);
  moves.detached &= ~(1u << node);
  moves.changes[node]++;
}

/* The request is in flight in the node, so neither the node nor its context goes away. */
void visit_home(BlockDriverState *bs)
{
  AioContext *back = qemu_get_current_aio_context();
  AioContext *home = bdrv_get_aio_context(bs);
  unsigned node = node_of(bs);

  aio_co_reschedule_self(home);
  rule_at_home(node);
  aio_co_schedule(home, qemu_coroutine_self());
  qemu_coroutine_yield();
  rule_at_home(node);
  aio_co_reschedule_self(back);
}

/* ------------------------------------------------------------------ the end */

void moves_close(void)
{
  AioContext *home = ghost.contexts[MAIN_CONTEXT].ctx;

  if (!moves.used) {
    return;
  }
  notifiers_close();
  for (unsigned i = 0; i < BLKS; i++) {
    BlockBackend *blk = blocks.blks[i].blk;
    if (blk) {
      blk_set_allow_aio_context_change(blk, true);
      moves.allowing |= (uint8_t)(1u << i);
    }
  }
  for (unsigned i = 0; i < NODES; i++) {
    int ret = bdrv_try_change_aio_context(ghost.graph.nodes[i], home, NULL);
    judge_change(i, MAIN_CONTEXT, ret == 0, 0);
  }
  rule_homes();
}
