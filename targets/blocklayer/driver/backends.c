/* SPDX-License-Identifier: Apache-2.0 */
/* BlockBackends: made when something is first inserted, there until the end. */
#include "aio_contexts.h"
#include "disks.h"

#include "aio/main_loop.h"

static void create(unsigned index)
{
  GhostBlk *blk = &blocks.blks[index];

  if (blk->blk) {
    return;
  }
  blk->blk = blk_new(qemu_get_aio_context());
  blk->root = NO_NODE;
  ds_name(&blk->blk->in_flight, sizeof(unsigned), "blk%u.in_flight", index);
  ds_name(&blk->blk->quiesce_counter, sizeof(unsigned), "blk%u.quiesce_counter", index);
  ds_name(&blk->blk->queued_requests_lock, sizeof(QemuMutex), "blk%u.queue_lock", index);
  ds_publish(BLK_CHANNEL + index);
}

static uint32_t without_medium(void)
{
  uint32_t mask = 0;
  for (unsigned i = 0; i < BLKS; i++) {
    const GhostBlk *blk = &blocks.blks[i];
    bool free = !blk->blk || (blk->root == NO_NODE && !blk->in_change);
    mask |= (uint32_t)(free && !blk->exported) << i;
  }
  return mask;
}

bool blk_insert(unsigned index, unsigned node)
{
  create(index);
  GhostBlk *blk = &blocks.blks[index];
  blocks.used = true;
  blocks.changing++;
  blocks.draining++;
  blk->in_change = true;
  bool inserted = blk_insert_bs(blk->blk, ghost.graph.nodes[node]) == 0;
  if (inserted) {
    blk->root = (uint8_t)node;
  }
  blk->in_change = false;
  blocks.draining--;
  blocks.changing--;
  rule_settled();
  return inserted;
}

bool op_insert(unsigned actor, const ds_operation *op)
{
  unsigned index = choose(op->a, without_medium(), NO_BLK);

  if (index == NO_BLK || !may_wait_for_requests(actor) || blocks.restructuring) {
    return false;
  }
  if (index != op->a) {
    ds_note("insert blk%u", index);
  }
  blk_insert(index, op->b % NODES);
  return true;
}

/* One that has never been used. */
unsigned blk_for_export(unsigned operand)
{
  uint32_t unused = 0;
  for (unsigned i = 0; i < BLKS; i++) {
    unused |= (uint32_t)!blocks.blks[i].blk << i;
  }
  return choose(operand, unused, NO_BLK);
}

static uint32_t with_medium(void)
{
  uint32_t mask = 0;
  for (unsigned i = 0; i < BLKS; i++) {
    const GhostBlk *blk = &blocks.blks[i];
    mask |= (uint32_t)(blk->blk && blk->root != NO_NODE && !blk->exported) << i;
  }
  return mask;
}

bool op_remove(unsigned actor, const ds_operation *op)
{
  unsigned index = choose(op->a, with_medium(), NO_BLK);

  if (index == NO_BLK || !may_wait_for_requests(actor) || blocks.restructuring ||
      blocks.blks[index].in_change) {
    return false;
  }
  if (index != op->a) {
    ds_note("remove blk%u", index);
  }
  GhostBlk *blk = &blocks.blks[index];
  blocks.changing++;
  blocks.draining++;
  blk->in_change = true;
  blk_remove_bs(blk->blk);
  blk->in_change = false;
  blk->root = NO_NODE;
  blocks.draining--;
  blocks.changing--;
  rule_settled();
  return true;
}

/* n: what it does with its medium, and lets nobody else do. One at a time: what runs in the poll of
 * its unlock does not know yet what was granted. */
bool op_set_perm(unsigned actor, const ds_operation *op)
{
  unsigned index = choose(op->a, with_medium(), NO_BLK);

  if (index == NO_BLK || !may_restructure(actor)) {
    return false;
  }
  GhostBlk *blk = &blocks.blks[index];
  unsigned perm = op->b % (BLK_PERM_ALL + 1);
  unsigned unshared = op->b / 3 % (BLK_PERM_ALL + 1);
  if (index != op->a) {
    ds_note("set_perm blk%u", index);
  }
  restructure_begin();
  blk->in_change = true;
  bool granted = blk_set_perm(blk->blk, perm, BLK_PERM_ALL & ~unshared) == 0;
  rule_granted(granted, !blk_conflicts(index, perm, unshared));
  if (granted) {
    blk->perm = (uint8_t)perm;
    blk->unshared = (uint8_t)unshared;
  }
  blk->in_change = false;
  restructure_end();
  return true;
}

unsigned blk_choose(unsigned operand)
{
  uint32_t usable = 0;
  for (unsigned i = 0; i < BLKS; i++) {
    usable |= (uint32_t)(blocks.blks[i].blk && !blocks.blks[i].exported) << i;
  }
  unsigned index = choose(operand, usable, NO_BLK);
  if (index != NO_BLK) {
    ds_receive(BLK_CHANNEL + index);
  }
  return index;
}

/* ------------------------------------------------------------------ synchronous requests */

enum { SYNC_BYTES = 4 };

static int ask(BlockBackend *blk, unsigned n)
{
  switch (n % 5) {
  case 0:
    return blk_pread(blk, 0, SYNC_BYTES);
  case 1:
    return blk_pwrite(blk, 0, SYNC_BYTES);
  case 2:
    return blk_flush(blk);
  case 3:
    return blk_pwrite_zeroes(blk, 0, SYNC_BYTES);
  default:
    return blk_pread(blk, -1, SYNC_BYTES);
  }
}

/* By main's own program only: nobody is below it on the stack who has a section, or changes edges,
 * and whose end the request would wait for. It may be queued where it is now. */
bool op_blk_io(unsigned actor, const ds_operation *op)
{
  unsigned index = blk_choose(op->a);

  if (index == NO_BLK || actor != ACTOR_MAIN_FIRST || !may_wait_for_requests(actor) ||
      holds_section(actor)) {
    return false;
  }
  BlockBackend *blk = blocks.blks[index].blk;
  if (index != op->a) {
    ds_note("blk_io blk%u", index);
  }
  unsigned where = context_number(context_of_blk(blk));
  context_enter(where);
  blocks.requests++;
  blocks.sent = true;
  meet_sections();
  int ret = ask(blk, op->b);
  blocks.requests--;
  context_leave(where);
  ds_note("blk_io: %d", ret);
  return true;
}

/* ------------------------------------------------------------------ the end */

/* What is still counted now, after the end of all programs, will never be over: R23. */
void blks_close(void)
{
  blocks.draining++;
  for (unsigned i = 0; i < BLKS; i++) {
    if (blocks.blks[i].blk) {
      blk_unref(blocks.blks[i].blk);
      blocks.blks[i] = (GhostBlk){.root = NO_NODE};
    }
  }
  blocks.draining--;
}
