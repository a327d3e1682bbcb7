/* SPDX-License-Identifier: Apache-2.0 */
/* The judges of the group "export". */
#include "exports.h"

/* ------------------------------------------------------------------ R45 replies */

void rule_reply(unsigned client, unsigned request)
{
  const GhostClient *self = &ghost_exports.clients[client];

  DS_CHECK(request < SENDS_MAX && self->sent >> request & 1 && !(self->answered >> request & 1) &&
               !self->gone,
           "R45", "replies",
           "client%u gets a reply to its request %u that it has had, or never asked for", client,
           request);
}

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
