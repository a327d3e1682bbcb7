/* SPDX-License-Identifier: Apache-2.0 */
/* The judges of the group "context". */
#include "aio_contexts.h"

#include "aio/main_loop.h"

static AioContext *context_of(const BlockDriverState *bs)
{
  /* Relaxed, here and below: ghost code, one operation of the machine at a time. */
  return atomic_load_explicit(&bs->aio_context, memory_order_relaxed);
}

/* ------------------------------------------------------------------ R40 together or not at all */

void rule_change_granted(unsigned node, bool granted, bool due)
{
  DS_CHECK(granted == due, "R40", "change-granted", "the change of context of node%u was %s", node,
           granted ? "granted although a user does not follow" : "refused although all follow");
}

static void judge_node(unsigned node)
{
  const BlockDriverState *bs = ghost.graph.nodes[node];
  unsigned home = moves.node_home[node];

  DS_CHECK(context_of(bs) == ghost.contexts[home].ctx, "R40", "home",
           "node%u is in another context than its driver was told last, ctx%u", node, home);
  for (const BdrvChild *edge = bs->children; edge; edge = edge->next_sibling) {
    unsigned child = node_of(edge->bs);
    DS_CHECK(moves.node_home[child] == home, "R40", "home",
             "node%u is in ctx%u, but node%u, below it, in ctx%u", node, home, child,
             moves.node_home[child]);
  }
}

void rule_user_at_home(unsigned node, bool at_home)
{
  DS_CHECK(at_home, "R40", "home", "a user of node%u says that it is in another context", node);
}

static void judge_user(unsigned index)
{
  const BlockBackend *blk = blocks.blks[index].blk;

  if (blk && blk->root) {
    DS_CHECK(context_of_blk(blk) == context_of(blk->root->bs), "R40", "home",
             "blk%u is not in the context of its root", index);
  }
}

void rule_homes(void)
{
  for (unsigned i = 0; i < ALL_NODES; i++) {
    if (ghost.graph.nodes[i]) {
      judge_node(i);
    }
  }
  for (unsigned i = 0; i < BLKS; i++) {
    judge_user(i);
  }
  for (unsigned i = 0; i < moves.notifiers_made; i++) {
    const GhostNotifier *n = &moves.notifiers[i];
    DS_CHECK(!n->registered || (n->changes == n->expected && !n->detached), "R41", "changes-seen",
             "a notifier of node%u has seen %u changes of context instead of %u", n->node,
             n->changes, n->expected);
  }
}

/* ------------------------------------------------------------------ R41 the order of callbacks */

static void judge_idle(unsigned node)
{
  DS_CHECK(!node_is_busy(node), "R41", "busy-in-change",
           "node%u changes its context while a request is in flight in it", node);
}

void rule_detached(unsigned node)
{
  bool in_order = !(moves.detached >> node & 1);

  for (const BdrvChild *edge = ghost.graph.nodes[node]->parents; edge;
       edge = edge->next_of_parents) {
    in_order &= !edge->klass->parent_is_bds || moves.detached >> node_of(edge->opaque) & 1;
  }
  for (unsigned i = 0; i < moves.notifiers_made; i++) {
    const GhostNotifier *n = &moves.notifiers[i];
    in_order &= !n->registered || n->node != node || n->detached;
  }
  DS_CHECK(in_order, "R41", "change-out-of-order",
           "node%u is detached twice, or before a parent or a notifier", node);
  judge_idle(node);
}

void rule_attached(unsigned node, const AioContext *ctx)
{
  bool in_order = moves.detached >> node & 1;

  for (const BdrvChild *edge = ghost.graph.nodes[node]->children; edge; edge = edge->next_sibling) {
    unsigned child = node_of(edge->bs);
    in_order &= !(moves.detached >> child & 1) && context_of(edge->bs) == ctx;
  }
  DS_CHECK(in_order, "R41", "change-out-of-order", "node%u is attached twice, or before a child",
           node);
  judge_idle(node);
}

void rule_notifier(unsigned notifier, bool detach)
{
  const GhostNotifier *self = &moves.notifiers[notifier];
  bool driver_detached = moves.detached >> self->node & 1;

  DS_CHECK(self->registered && self->detached != detach && !driver_detached, "R41",
           "change-out-of-order",
           "a notifier of node%u is called when it is gone, twice, or beside its driver's turn",
           self->node);
  judge_idle(self->node);
}

/* ------------------------------------------------------------------ R42 at home */

void rule_at_home(unsigned node)
{
  uint32_t nodes = connected_with(node);

  for (unsigned i = 0; i < ALL_NODES; i++) {
    if (nodes >> i & 1) {
      DS_CHECK(context_of(ghost.graph.nodes[i]) == qemu_get_current_aio_context(), "R42",
               "request-away-from-home",
               "a request works in node%u, but node%u, which is connected with it, is in another "
               "context than the request",
               node, i);
    }
  }
}
