/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes of context, of nodes and of backends, and a request that follows its nodes: in each it
 * goes to the node's context and works there before it goes on to the children.
 */
#include "aio_contexts.h"
#include "jobs.h"

#include "aio/main_loop.h"
#include "coroutine/coroutine_int.h"

#include <string.h>

GhostMoves moves;

AioContext *context_of_blk(const BlockBackend *blk)
{
  return atomic_load_explicit(&blk->ctx, memory_order_relaxed); /* ghost code */
}

bool nodes_live_in(unsigned context)
{
  bool any = false;
  for (unsigned i = 0; i < ALL_NODES; i++) {
    any |= ghost.graph.nodes[i] && context != MAIN_CONTEXT && moves.node_home[i] == context;
  }
  for (unsigned i = 0; i < BLKS; i++) {
    const BlockBackend *blk = blocks.blks[i].blk;
    any |= blk && context_of_blk(blk) == ghost.contexts[context].ctx;
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
    for (unsigned i = 0; i < ALL_NODES; i++) {
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

typedef struct Change {
  unsigned where;
  uint8_t homes_before[ALL_NODES];
  unsigned granted_before;
} Change;

static Change change_begins(unsigned where)
{
  Change change = {.where = where, .granted_before = moves.granted};

  memcpy(change.homes_before, moves.node_home, sizeof(change.homes_before));
  blocks.used = moves.used = true;
  blocks.changing++;
  blocks.draining++;
  meet_sections();
  context_enter(where);
  return change;
}

/*
 * Since the target has decided nobody has polled, so the graph is as it was then. `except`: a mask
 * of backends that do not refuse. Another change that was granted in the polls before may have done
 * what this one would not have been allowed to.
 */
static void judge_change(const Change *change, unsigned node, bool granted, uint32_t except)
{
  uint32_t refusing = users_of(connected_with(node)) & ~(moves.allowing | except);
  bool alone = change->granted_before == moves.granted;

  if (granted) {
    rule_change_granted(node, granted, moves.node_home[node] == change->where);
  }
  if (alone) {
    bool due = !refusing || change->homes_before[node] == change->where;
    bool unmoved = !memcmp(change->homes_before, moves.node_home, sizeof(moves.node_home));
    rule_change_granted(node, granted, due && (granted || unmoved));
  }
}

static void change_ends(const Change *change, bool granted)
{
  context_leave(change->where);
  blocks.draining--;
  blocks.changing--;
  moves.granted += granted;
  if (granted && blocks.sent) {
    ds_mark(MOVES_MARK);
  }
  rule_settled();
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
  Change change = change_begins(where);
  int ret = bdrv_try_change_aio_context(ghost.graph.nodes[node], ghost.contexts[where].ctx, NULL);
  judge_change(&change, node, ret == 0, 0);
  change_ends(&change, ret == 0);
  return true;
}

bool op_blk_set_context(unsigned actor, const ds_operation *op)
{
  unsigned index = blk_choose(op->a);
  unsigned where = context_choose(op->b, NO_CONTEXT);

  if (index == NO_BLK || !may_move(actor) || blocks.blks[index].in_change) {
    return false;
  }
  BlockBackend *blk = blocks.blks[index].blk;
  if (index != op->a || where != op->b) {
    ds_note("blk_set_context blk%u ctx%u", index, where);
  }
  Change change = change_begins(where);
  int ret = blk_set_aio_context(blk, ghost.contexts[where].ctx);
  if (blk->root) {
    judge_change(&change, node_of(blk->root->bs), ret == 0, 1u << index);
  }
  change_ends(&change, ret == 0);
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
  moves.detached |= (uint16_t)(1u << node);
}

unsigned context_number(const AioContext *ctx)
{
  unsigned i = 0;
  while (i < ghost.created && ghost.contexts[i].ctx != ctx) {
    i++;
  }
  return i;
}

void node_attach(BlockDriverState *bs, AioContext *ctx)
{
  unsigned node = node_of(bs);

  rule_attached(node, ctx);
  moves.detached &= (uint16_t)~(1u << node);
  moves.node_home[node] = (uint8_t)context_number(ctx);
  notifiers_expect(node);
  jobs_have_moved(1u << node, moves.node_home[node]);
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
  for (unsigned i = 0; i < ALL_NODES; i++) {
    if (!ghost.graph.nodes[i]) {
      continue;
    }
    Change change = change_begins(MAIN_CONTEXT);
    int ret = bdrv_try_change_aio_context(ghost.graph.nodes[i], home, NULL);
    judge_change(&change, i, ret == 0, 0);
    change_ends(&change, ret == 0);
  }
}
