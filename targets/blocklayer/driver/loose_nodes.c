/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes that come and go, in sections of all nodes too. They have no edges: what has is there from
 * the start (nodes.c), so that every number of a node is good for all operations.
 */
#include "blocks.h"

enum { LOOSE_NODES = 3 };

typedef struct LooseNode {
  BlockDriverState *bs; /* NULL: none */
  bool told;            /* its driver was told that it is quiesced */
  bool goes;            /* its deletion is in progress */
} LooseNode;

static LooseNode loose[LOOSE_NODES];

static void told(BlockDriverState *bs, bool quiesced)
{
  LooseNode *node = bs->opaque;

  DS_CHECK(node->told != quiesced, "R22", "driver-told-twice",
           "the driver of loose node%u is told twice that it %s quiesced", (unsigned)(node - loose),
           quiesced ? "is" : "is no longer");
  node->told = quiesced;
}

static void loose_drain_begin(BlockDriverState *bs)
{
  told(bs, true);
}

static void loose_drain_end(BlockDriverState *bs)
{
  told(bs, false);
}

static const BlockDriver loose_driver = {
    .name = "loose",
    .bdrv_drain_begin = loose_drain_begin,
    .bdrv_drain_end = loose_drain_end,
};

bool op_create_node(unsigned actor, const ds_operation *op)
{
  unsigned i = 0;

  (void)actor, (void)op;
  while (i < LOOSE_NODES && loose[i].bs) {
    i++;
  }
  if (i == LOOSE_NODES) {
    return false;
  }
  blocks.used = true;
  meet_sections();
  loose[i] = (LooseNode){0};
  loose[i].bs = bdrv_new_open_driver(&loose_driver, &loose[i]);
  ds_name(loose[i].bs, sizeof(BlockDriverState), "loose%u", i);
  rule_settled();
  return true;
}

static void delete_node(LooseNode *node)
{
  node->goes = true;
  bdrv_unref(node->bs);
  DS_CHECK(!node->told, "R22", "driver-knows",
           "loose node%u is deleted, and its driver was never told the end of its sections",
           (unsigned)(node - loose));
  *node = (LooseNode){0};
}

bool op_delete_node(unsigned actor, const ds_operation *op)
{
  uint32_t usable = 0;

  for (unsigned i = 0; i < LOOSE_NODES; i++) {
    usable |= (uint32_t)(loose[i].bs && !loose[i].goes) << i;
  }
  unsigned index = choose(op->a, usable, LOOSE_NODES);
  if (index == LOOSE_NODES || !may_wait_for_requests(actor)) {
    return false;
  }
  if (index != op->a) {
    ds_note("delete_node loose%u", index);
  }
  meet_sections();
  blocks.changing++;
  blocks.draining++;
  delete_node(&loose[index]);
  blocks.draining--;
  blocks.changing--;
  rule_settled();
  return true;
}

void loose_nodes_judge(unsigned sections_of_all)
{
  for (unsigned i = 0; i < LOOSE_NODES; i++) {
    if (loose[i].bs) {
      DS_CHECK(loose[i].bs->quiesce_counter == sections_of_all, "R21", "sections-of-node",
               "loose node%u counts %u sections instead of %u", i, loose[i].bs->quiesce_counter,
               sections_of_all);
      DS_CHECK(loose[i].told == (sections_of_all > 0), "R22", "driver-knows",
               "the driver of loose node%u was %s that it is quiesced", i,
               sections_of_all > 0 ? "not told" : "never told the end of it");
    }
  }
}

void loose_nodes_close(void)
{
  for (unsigned i = 0; i < LOOSE_NODES; i++) {
    if (loose[i].bs) {
      delete_node(&loose[i]);
    }
  }
}
