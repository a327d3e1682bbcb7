/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks come, get users that agree with each other or are refused, and go. Operations on one disk
 * exclude each other where they poll, as their callers would see to.
 */
#include "disks.h"

#include "aio/main_loop.h"
#include "graph/graph_lock.h"

GhostDisk ghost_disks[DISKS];

static unsigned usable_disk(unsigned actor, const ds_operation *op, const char *word);

unsigned disk_choose(unsigned operand, const char *word)
{
  uint32_t usable = 0;
  for (unsigned i = 0; i < DISKS; i++) {
    usable |= (uint32_t)ghost_disks[i].live << i;
  }
  unsigned index = choose(operand, usable, NO_DISK);
  if (index != NO_DISK && index != operand) {
    ds_note("%s disk%u", word, index);
  }
  return index;
}

static AioContext *context(unsigned index)
{
  return ghost.contexts[index].ctx;
}

/* From here to the end nobody else changes the disk; counters of sections may be on their way. */
static void change_begins(GhostDisk *disk)
{
  disk->changes = true;
  blocks.used = true;
  blocks.changing++;
  blocks.draining++;
  meet_sections();
  if (disk->users[1]) {
    ds_mark(BLOCKS_MARK); /* two have to agree */
  }
}

static void change_ends(GhostDisk *disk)
{
  blocks.draining--;
  blocks.changing--;
  disk->changes = false;
  rule_settled();
}

/* ------------------------------------------------------------------ opening */

static BlockDriverState *new_base(GhostDisk *disk)
{
  const BlockDriver *drv = disk_drivers[disk->kind];
  return drv ? bdrv_new_open_driver(drv, disk) : bdrv_new();
}

/* The filter holds the only reference then. */
static void put_filter(GhostDisk *disk)
{
  disk->filter = bdrv_new_open_driver(&disk_filter, disk);
  bdrv_graph_wrlock();
  bdrv_attach_child(disk->filter, disk->base);
  bdrv_graph_wrunlock();
  bdrv_unref(disk->base);
}

/* Neither in use nor on its way in or out: that polls, so others may look meanwhile. */
static unsigned free_disk(void)
{
  unsigned index = 0;
  while (index < DISKS &&
         (ghost_disks[index].live || ghost_disks[index].dying || ghost_disks[index].changes)) {
    index++;
  }
  return index;
}

/* n % 4: what its driver can do; n / 4 odd: a filter on top of it; n / 8 odd: it fails to flush. */
bool op_open_disk(unsigned actor, const ds_operation *op)
{
  unsigned index = free_disk();

  if (index == DISKS || !may_wait_for_requests(actor)) {
    return false;
  }
  GhostDisk *disk = &ghost_disks[index];
  *disk = (GhostDisk){.kind = op->a % DISK_KINDS,
                      .flush_fails = op->a / (2 * DISK_KINDS) % 2,
                      .shared = {BLK_PERM_ALL, BLK_PERM_ALL},
                      .home = (uint8_t)context_choose(op->b, NO_CONTEXT)};
  ds_note("disk%u in ctx%u", index, disk->home);
  change_begins(disk);
  context_enter(disk->home);
  disk->base = new_base(disk);
  if (op->a / DISK_KINDS % 2 && disk->kind != DISK_NO_MEDIUM) {
    put_filter(disk);
  }
  disk->users[0] = blk_new(context(disk->home));
  int ret = blk_insert_bs(disk->users[0], disk->filter ? disk->filter : disk->base);
  rule_granted(ret == 0, true);
  context_leave(disk->home);
  disk->live = true;
  change_ends(disk);
  return true;
}

/* ------------------------------------------------------------------ permissions */

static const struct {
  uint8_t perm, shared;
} wishes[] = {
    {0, BLK_PERM_ALL},
    {BLK_PERM_WRITE, BLK_PERM_ALL & ~BLK_PERM_WRITE},
    {BLK_PERM_CONSISTENT_READ, BLK_PERM_ALL},
    {BLK_PERM_WRITE | BLK_PERM_CONSISTENT_READ, BLK_PERM_ALL},
    {BLK_PERM_CONSISTENT_READ, BLK_PERM_CONSISTENT_READ},
    {BLK_PERM_RESIZE, BLK_PERM_ALL & ~BLK_PERM_RESIZE},
};

enum { WISHES = sizeof(wishes) / sizeof(wishes[0]) };

/* n % 2: which user; n / 2: what it wants to do, and lets others do. */
bool op_disk_perm(unsigned actor, const ds_operation *op)
{
  unsigned index = usable_disk(actor, op, "disk_perm");

  if (index == NO_DISK) {
    return false;
  }
  GhostDisk *disk = &ghost_disks[index];
  unsigned user = disk->users[1] ? op->b % USERS : 0;
  unsigned wish = op->b / USERS % WISHES;
  change_begins(disk);
  int ret = blk_set_perm(disk->users[user], wishes[wish].perm, wishes[wish].shared);
  unsigned other = 1 - user;
  bool refused = disk->joined && users_conflict(wishes[wish].perm, wishes[wish].shared,
                                                disk->perm[other], disk->shared[other]);
  rule_granted(ret == 0, !refused);
  if (ret == 0) {
    disk->perm[user] = wishes[wish].perm;
    disk->shared[user] = wishes[wish].shared;
  }
  rule_permissions(disk);
  change_ends(disk);
  return true;
}

/* The second user gets its medium, or loses it. When it is made, n says what it wants and where it
 * is at home; an odd one that it follows its root. */
bool op_disk_join(unsigned actor, const ds_operation *op)
{
  unsigned index = usable_disk(actor, op, "disk_join");

  if (index == NO_DISK) {
    return false;
  }
  GhostDisk *disk = &ghost_disks[index];
  unsigned where = context_choose(op->b / 2, NO_CONTEXT);
  change_begins(disk);
  context_enter(where);
  if (!disk->users[1]) {
    disk->users[1] = blk_new(context(where));
    disk->perm[1] = wishes[op->b % WISHES].perm;
    disk->shared[1] = wishes[op->b % WISHES].shared;
    rule_granted(blk_set_perm(disk->users[1], disk->perm[1], disk->shared[1]) == 0, true);
  }
  if (disk->joined) {
    blk_remove_bs(disk->users[1]);
    disk->joined = false;
  } else {
    BlockBackend *blk = disk->users[1];
    bool at_home = blk_get_aio_context(blk) == context(disk->home);
    blk_set_allow_aio_context_change(blk, op->b % 2);
    int ret = blk_insert_bs(blk, disk->base);
    bool agrees = !users_conflict(disk->perm[0], disk->shared[0], disk->perm[1], disk->shared[1]);
    rule_granted(ret == 0, agrees && (at_home || op->b % 2));
    disk->joined = ret == 0;
  }
  rule_permissions(disk);
  context_leave(where);
  change_ends(disk);
  return true;
}

static bool all_let_it_write(const GhostDisk *disk)
{
  bool all = true;
  for (unsigned i = 0; i < USERS; i++) {
    bool inside = i == 0 || disk->joined;
    all &= !inside || !users_conflict(BLK_PERM_WRITE, BLK_PERM_ALL & ~BLK_PERM_WRITE, disk->perm[i],
                                      disk->shared[i]);
  }
  return all;
}

static void write_beside(GhostDisk *disk)
{
  BlockDriverState *writer = bdrv_new_open_driver(&disk_writer, disk);

  rule_granted(bdrv_unite_aio_contexts(writer, disk->base) == 0, true);
  bdrv_drained_begin(writer);
  bdrv_drained_begin(disk->base);
  bdrv_graph_wrlock();
  BdrvChild *edge = bdrv_attach_child(writer, disk->base);
  bdrv_graph_wrunlock();
  bdrv_drained_end(disk->base);
  bdrv_drained_end(writer);
  rule_granted(edge != NULL, all_let_it_write(disk));
  bdrv_unref(writer);
}

/* Another node on top comes and goes again: between the node and its users (n odd), or beside them
 * (n even), if they agree that it writes and lets nobody else write. */
bool op_disk_cover(unsigned actor, const ds_operation *op)
{
  unsigned index = usable_disk(actor, op, "disk_cover");

  if (index == NO_DISK) {
    return false;
  }
  GhostDisk *disk = &ghost_disks[index];
  change_begins(disk);
  if (op->b % 2) {
    BlockDriverState *cover = bdrv_new_open_driver(&disk_filter, disk);
    rule_granted(bdrv_append(cover, disk->base), true);
    rule_granted(bdrv_replace_node(cover, disk->base), true);
    bdrv_unref(cover);
  } else {
    write_beside(disk);
  }
  rule_permissions(disk);
  change_ends(disk);
  return true;
}

/* ------------------------------------------------------------------ the end */

static unsigned usable_disk(unsigned actor, const ds_operation *op, const char *word)
{
  unsigned index = may_wait_for_requests(actor) ? disk_choose(op->a, word) : NO_DISK;
  return index != NO_DISK && ghost_disks[index].changes ? NO_DISK : index;
}

static void close_disk(GhostDisk *disk)
{
  disk->live = false;
  disk->dying = disk->kind != DISK_NO_MEDIUM; /* its driver will be told */
  change_begins(disk);
  for (unsigned i = USERS; i-- > 0;) {
    if (disk->users[i]) {
      blk_unref(disk->users[i]);
    }
  }
  disk->joined = false;
  disk->home = MAIN_CONTEXT;
  if (disk->filter) {
    bdrv_unref(disk->filter); /* and with it, a little later, what is below */
  } else {
    bdrv_set_aio_context(disk->base, context(MAIN_CONTEXT));
    bdrv_unref(disk->base);
  }
  disk->filter = disk->base = NULL;
  change_ends(disk);
}

bool op_close_disk(unsigned actor, const ds_operation *op)
{
  unsigned index = usable_disk(actor, op, "close_disk");

  if (index == NO_DISK || ghost_disks[index].requests > 0) {
    return false;
  }
  close_disk(&ghost_disks[index]);
  return true;
}

bool disks_live_in(unsigned index)
{
  for (unsigned i = 0; i < DISKS; i++) {
    const GhostDisk *disk = &ghost_disks[i];
    for (unsigned user = 0; user < USERS; user++) {
      const BlockBackend *blk = disk->live ? disk->users[user] : NULL;
      /* Relaxed: ghost code. */
      if (blk && atomic_load_explicit(&blk->ctx, memory_order_relaxed) == context(index)) {
        return true;
      }
    }
    if ((disk->live || disk->dying) && disk->home == index && index != MAIN_CONTEXT) {
      return true;
    }
  }
  return false;
}

bool disks_in_flight(void)
{
  for (unsigned i = 0; i < DISKS; i++) {
    if (ghost_disks[i].requests > 0) {
      return true;
    }
  }
  return false;
}

bool disks_gone(void)
{
  for (unsigned i = 0; i < DISKS; i++) {
    if (ghost_disks[i].dying) {
      return false;
    }
  }
  return true;
}

void disks_close(void)
{
  for (unsigned i = 0; i < DISKS; i++) {
    if (ghost_disks[i].live) {
      close_disk(&ghost_disks[i]);
    }
  }
  while (!disks_gone()) {
    aio_poll(qemu_get_aio_context(), true);
  }
}
