/* SPDX-License-Identifier: Apache-2.0 */
/* AioContext notifiers, some of which remove themselves or each other in their callbacks. */
#include "aio_contexts.h"

typedef enum {
  STAYS,
  REMOVES_ITSELF_WHEN_DETACHED,
  REMOVES_ANOTHER_WHEN_DETACHED,
  REMOVES_ITSELF_WHEN_ATTACHED,
  HABITS,
} NotifierHabit;

static void notifier_detach(void *opaque);
static void notifier_attached(AioContext *ctx, void *opaque);

static void unregister(GhostNotifier *self)
{
  self->registered = false;
  bdrv_remove_aio_context_notifier(ghost.graph.nodes[self->node], notifier_attached,
                                   notifier_detach, self);
}

static unsigned number_of(const GhostNotifier *self)
{
  return (unsigned)(self - moves.notifiers);
}

static GhostNotifier *another_of_the_node(const GhostNotifier *self)
{
  for (unsigned i = 0; i < moves.notifiers_made; i++) {
    GhostNotifier *other = &moves.notifiers[i];
    if (other != self && other->registered && other->node == self->node) {
      return other;
    }
  }
  return NULL;
}

static void notifier_detach(void *opaque)
{
  GhostNotifier *self = opaque;
  GhostNotifier *other = another_of_the_node(self);

  rule_notifier(number_of(self), true);
  self->detached = true;
  if (self->habit == REMOVES_ITSELF_WHEN_DETACHED) {
    unregister(self);
  } else if (self->habit == REMOVES_ANOTHER_WHEN_DETACHED && other) {
    unregister(other);
  }
}

static void notifier_attached(AioContext *ctx, void *opaque)
{
  GhostNotifier *self = opaque;

  (void)ctx;
  rule_notifier(number_of(self), false);
  self->detached = false;
  self->changes++;
  if (self->habit == REMOVES_ITSELF_WHEN_ATTACHED) {
    unregister(self);
  }
}

void notifiers_expect(unsigned node)
{
  for (unsigned i = 0; i < moves.notifiers_made; i++) {
    GhostNotifier *notifier = &moves.notifiers[i];
    if (notifier->registered && notifier->node == node) {
      notifier->expected++;
    }
  }
}

bool op_add_notifier(unsigned actor, const ds_operation *op)
{
  unsigned node = op->a % NODES;

  (void)actor;
  if (moves.notifiers_made == NOTIFIERS) {
    return false;
  }
  GhostNotifier *self = &moves.notifiers[moves.notifiers_made++];
  *self = (GhostNotifier){.registered = true, .node = (uint8_t)node, .habit = op->b % HABITS};
  moves.used = true;
  bdrv_add_aio_context_notifier(ghost.graph.nodes[node], notifier_attached, notifier_detach, self);
  return true;
}

bool op_remove_notifier(unsigned actor, const ds_operation *op)
{
  uint32_t usable = 0;

  (void)actor;
  for (unsigned i = 0; i < moves.notifiers_made; i++) {
    usable |= (uint32_t)moves.notifiers[i].registered << i;
  }
  unsigned chosen = choose(op->a, usable, NO_NOTIFIER);
  if (chosen == NO_NOTIFIER) {
    return false;
  }
  unregister(&moves.notifiers[chosen]);
  return true;
}

void notifiers_close(void)
{
  for (unsigned i = 0; i < moves.notifiers_made; i++) {
    if (moves.notifiers[i].registered) {
      unregister(&moves.notifiers[i]);
    }
  }
}
