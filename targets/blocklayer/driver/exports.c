/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exports, made of a backend without a medium and a node, there until the end; clients that send
 * some requests at a time, from any thread, and may go before the answers have come.
 */
#include "aio_contexts.h"
#include "exports.h"

enum { AT_A_TIME = 3, RANGE_BYTES = 16, LEAST_BYTES = 4, WAYS_WITH_HOME = 5 };

GhostExports ghost_exports;

/* ------------------------------------------------------------------ exports */

bool op_nbd_export(unsigned actor, const ds_operation *op)
{
  unsigned index = may_wait_for_requests(actor) ? blk_for_export(op->a) : NO_BLK;
  unsigned node = op->b % NODES;

  if (index == NO_BLK || blocks.restructuring) {
    return false;
  }
  if (index != op->a) {
    ds_note("export blk%u", index);
  }
  blocks.blks[index].exported = true;
  if (blk_insert(index, node)) {
    ghost_exports.of_blk[index] = nbd_export_new(blocks.blks[index].blk);
    moves.allowing |= (uint8_t)(1u << index);
  }
  return true;
}

void exports_close(void)
{
  for (unsigned i = 0; i < ghost_exports.made; i++) {
    ghost_exports.clients[i].connected = false;
  }
  for (unsigned i = 0; i < BLKS; i++) {
    if (ghost_exports.of_blk[i]) {
      nbd_export_close(ghost_exports.of_blk[i]);
      ghost_exports.of_blk[i] = NULL;
    }
  }
  rule_clients_gone();
  for (unsigned i = 0; i < ghost_exports.made; i++) {
    nbd_channel_fini(&ghost_exports.clients[i].channel);
  }
}

/* ------------------------------------------------------------------ clients */

static void reply(void *opaque, uint64_t cookie, int ret)
{
  GhostClient *self = opaque;

  ds_note("reply to client%u request %u: %d", (unsigned)(self - ghost_exports.clients),
          (unsigned)cookie, ret);
  rule_reply((unsigned)(self - ghost_exports.clients), (unsigned)cookie);
  self->answered |= (uint16_t)(1u << cookie);
  blocks.requests--;
}

static void gone(void *opaque)
{
  ((GhostClient *)opaque)->gone = true;
}

bool exports_answered(void)
{
  for (unsigned i = 0; i < ghost_exports.made; i++) {
    if (ghost_exports.clients[i].sent != ghost_exports.clients[i].answered) {
      return false;
    }
  }
  return true;
}

bool op_connect(unsigned actor, const ds_operation *op)
{
  uint32_t usable = 0;

  (void)actor;
  for (unsigned i = 0; i < BLKS; i++) {
    usable |= (uint32_t)(ghost_exports.of_blk[i] != NULL) << i;
  }
  unsigned index = choose(op->a, usable, NO_BLK);
  if (index == NO_BLK || ghost_exports.made == CLIENTS) {
    return false;
  }
  unsigned number = ghost_exports.made++;
  GhostClient *self = &ghost_exports.clients[number];
  self->blk = (uint8_t)index;
  ds_name(&self->channel, sizeof(self->channel), "client%u.channel", number);
  nbd_channel_init(&self->channel, reply, self);
  nbd_client_new(ghost_exports.of_blk[index], &self->channel, gone, self);
  ds_publish(CLIENT_CHANNEL + number);
  self->connected = true;
  return true;
}

static unsigned client_choose(unsigned operand)
{
  uint32_t usable = 0;
  for (unsigned i = 0; i < ghost_exports.made; i++) {
    usable |= (uint32_t)ghost_exports.clients[i].connected << i;
  }
  unsigned number = choose(operand, usable, NO_CLIENT);
  if (number != NO_CLIENT) {
    ds_receive(CLIENT_CHANNEL + number);
  }
  return number;
}

/* `n` as in requests.c: which range, and how the node takes its time, at home too. */
bool op_send(unsigned actor, const ds_operation *op)
{
  unsigned number = client_choose(op->a);

  (void)actor;
  if (number == NO_CLIENT) {
    return false;
  }
  GhostClient *self = &ghost_exports.clients[number];
  meet_sections();
  rule_clients_are_quiet();
  for (unsigned i = 0; i <= op->b % AT_A_TIME && self->sends < SENDS_MAX; i++) {
    NBDRequest request = {.cookie = self->sends,
                          .offset = (int64_t)(op->b / WAYS_WITH_HOME % 2 * RANGE_BYTES),
                          .bytes = (int64_t)(LEAST_BYTES + op->b % WAYS_WITH_HOME),
                          .write = op->b & 1};
    uint16_t bit = (uint16_t)(1u << self->sends);
    self->sent |= bit;
    self->sends++;
    blocks.requests++;
    self->sending++;
    bool accepted = nbd_channel_send(&self->channel, &request);
    self->sending--;
    self->accepted = (uint8_t)(self->accepted + accepted);
    if (!accepted) { /* it is full, or closed since */
      self->sent &= (uint16_t)~bit;
      blocks.requests--;
    }
  }
  blocks.sent = true;
  return true;
}

bool op_disconnect(unsigned actor, const ds_operation *op)
{
  unsigned number = client_choose(op->a);

  (void)actor;
  if (number == NO_CLIENT) {
    return false;
  }
  ghost_exports.clients[number].connected = false;
  nbd_channel_close(&ghost_exports.clients[number].channel);
  return true;
}
