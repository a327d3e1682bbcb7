/* SPDX-License-Identifier: Apache-2.0 */
/* The judges of the group "export". */
#include "exports.h"

/* ------------------------------------------------------------------ replies: R45, R53 */

/* The root of its export if a section covers that one, else NO_NODE. By the target's own edge:
 * while the driver restructures, ours is late. */
static unsigned quiet_root_of(const GhostClient *client)
{
  const BdrvChild *edge = blocks.blks[client->blk].blk->root;
  unsigned root = edge ? node_of(edge->bs) : NO_NODE;

  return root != NO_NODE && covered(root) ? root : NO_NODE;
}

void rule_reply(unsigned client, unsigned request)
{
  const GhostClient *self = &ghost_exports.clients[client];
  unsigned root = quiet_root_of(self);

  DS_CHECK(root == NO_NODE, "R53", "reply-in-section",
           "client%u gets the reply to its request %u, but node%u, the export's, is in a drained "
           "section",
           client, request, root);

  DS_CHECK(request < SENDS_MAX && self->sent >> request & 1 && !(self->answered >> request & 1) &&
               !self->gone,
           "R45", "replies",
           "client%u gets a reply to its request %u that it has had, or never asked for", client,
           request);
}

/* ------------------------------------------------------------------ R53 a quiet export */

/* As long as the root is the same and its driver has not been told a new beginning, the section, or
 * one that overlaps with it, goes on. */
static void judge_quiet(unsigned client)
{
  GhostClient *self = &ghost_exports.clients[client];
  unsigned root = quiet_root_of(self);

  if (root == NO_NODE || self->sending > 0) {
    return;
  }
  uint8_t taken = (uint8_t)(self->accepted - self->channel.count);
  bool goes_on =
      self->quiet_known && self->quiet_root == root && self->quiet_begun == blocks.begun[root];
  DS_CHECK(!goes_on || self->quiet_taken == taken, "R53", "read-in-section",
           "the export has read a request of client%u, but its node%u is in a drained section",
           client, root);
  self->quiet_known = true;
  self->quiet_root = (uint8_t)root;
  self->quiet_begun = blocks.begun[root];
  self->quiet_taken = taken;
}

void rule_clients_are_quiet(void)
{
  for (unsigned i = 0; i < ghost_exports.made; i++) {
    if (!ghost_exports.clients[i].gone) {
      judge_quiet(i);
    }
  }
}

/* ------------------------------------------------------------------ R45 replies */

static bool any_section(void)
{
  bool any = false;
  for (unsigned i = 0; i < SECTIONS; i++) {
    any |= blocks.sections[i].state != SECTION_NONE;
  }
  return any;
}

void rule_replies(void)
{
  if (!ghost.closing || any_section() || blocks.changing > 0) {
    return;
  }
  for (unsigned i = 0; i < ghost_exports.made; i++) {
    const GhostClient *self = &ghost_exports.clients[i];
    DS_CHECK(self->sent == self->answered, "R45", "replies",
             "client%u waits for replies to %#x of its requests, and nobody works on them", i,
             self->sent & ~self->answered);
  }
}

void rule_clients_gone(void)
{
  for (unsigned i = 0; i < ghost_exports.made; i++) {
    DS_CHECK(ghost_exports.clients[i].gone, "R45", "replies",
             "the export has closed, but client%u is not gone", i);
  }
}
