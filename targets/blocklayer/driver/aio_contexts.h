/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes and backends that move to other contexts: the group "context". Where each of them ought to
 * be, who ought to have been told, and requests that look whether they are where their node is.
 */
#ifndef BLOCKLAYER_AIO_CONTEXTS_H
#define BLOCKLAYER_AIO_CONTEXTS_H

#include "blocks.h"

#pragma GCC visibility push(hidden)

enum {
  NOTIFIERS = 6,
  NO_NOTIFIER = NOTIFIERS,
  MOVES_MARK = 7, /* ds_mark(): nodes move that have had requests */
};

/* An AioContext notifier of a node. */
typedef struct GhostNotifier {
  bool registered;
  bool detached; /* between its two callbacks */
  uint8_t node;
  uint8_t habit;   /* NotifierHabit */
  uint8_t changes; /* pairs of callbacks that it has seen, and should have */
  uint8_t expected;
} GhostNotifier;

typedef struct GhostMoves {
  uint8_t
      node_home[ALL_NODES]; /* contexts, as the nodes' driver was told; all zero: the main one */
  uint8_t allowing;         /* bit i: backend i follows its root */
  uint16_t detached;        /* nodes whose driver is between its two callbacks */
  uint8_t granted;          /* changes so far that were not refused */
  GhostNotifier notifiers[NOTIFIERS];
  uint8_t notifiers_made;
  bool used; /* some operation of this group was carried out */
} GhostMoves;

extern GhostMoves moves;

/* aio_contexts.c */
GhostOperation op_set_context, op_blk_set_context, op_allow_change, op_visit;
void visit_home(BlockDriverState *bs); /* a request goes to where its node is, and comes back */
void node_detach(BlockDriverState *bs);
void node_attach(BlockDriverState *bs, AioContext *ctx);
bool nodes_live_in(unsigned context);
unsigned context_number(const AioContext *ctx);
AioContext *context_of_blk(const BlockBackend *blk); /* not by the target's code */
uint32_t connected_with(unsigned node);              /* a mask; by the target's edges */
void moves_close(void);                              /* take everything back to the main context */

/* notifiers.c */
GhostOperation op_add_notifier, op_remove_notifier;
void notifiers_expect(unsigned node); /* one more change */
void notifiers_close(void);

/* rules_aio_contexts.c */
void rule_homes(void);                                           /* nothing is changing */
void rule_change_granted(unsigned node, bool granted, bool due); /* or refused */
void rule_user_at_home(unsigned node, bool at_home);             /* it was asked */
void rule_detached(unsigned node);                               /* its driver is told */
void rule_attached(unsigned node, const AioContext *ctx);
void rule_notifier(unsigned notifier, bool detach);
void rule_at_home(unsigned node); /* a request is there */

#pragma GCC visibility pop

#endif
