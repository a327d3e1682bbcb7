/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting for what is in flight, without a section that stays: of a node, of all, of one user; and
 * asking the users of a node where they are.
 */
#include "aio_contexts.h"
#include "jobs.h"

#include "graph/graph_lock.h"

static void drain_begins(unsigned actor)
{
  blocks.used = true;
  blocks.changing++;
  blocks.draining++;
  meet_requests();
  actor_waits(actor, "bdrv_drain: requests in flight");
}

static void drain_ends(unsigned actor)
{
  actor_waits(actor, NULL);
  blocks.draining--;
  blocks.changing--;
  rule_settled();
}

/* A section that is over when it has begun: whoever is on the way there is in flight meanwhile. */
bool op_drain(unsigned actor, const ds_operation *op)
{
  bool all = op->b % 2;
  GhostSection *section = section_add(actor, all ? OF_ALL : OF_NODE, op->a % NODES);

  if (!section) {
    return false;
  }
  drain_begins(actor);
  if (all) {
    bdrv_drain_all();
  } else {
    bdrv_drain(ghost.graph.nodes[op->a % NODES]);
  }
  *section = (GhostSection){0};
  drain_ends(actor);
  return true;
}

bool op_blk_drain(unsigned actor, const ds_operation *op)
{
  unsigned index = blk_choose(op->a);

  if (index == NO_BLK || !may_wait_for_requests(actor)) {
    return false;
  }
  if (index != op->a) {
    ds_note("blk_drain blk%u", index);
  }
  drain_begins(actor);
  blk_drain(blocks.blks[index].blk);
  drain_ends(actor);
  return true;
}

/* A job that somebody moves need not be where its nodes are. */
bool op_ask_users(unsigned actor, const ds_operation *op)
{
  const BlockDriverState *bs = ghost.graph.nodes[op->a % NODES];

  if (blocks.changing > 0 || !may_wait_for_requests(actor)) {
    return false;
  }
  bdrv_graph_rdlock_main_loop();
  for (BdrvChild *edge = bs->parents; edge; edge = edge->next_of_parents) {
    bool there = edge->klass->get_parent_aio_context(edge) == bdrv_get_aio_context(bs);
    rule_user_at_home(op->a % NODES, there || edge->klass == &child_job);
  }
  bdrv_graph_rdunlock_main_loop();
  return true;
}
