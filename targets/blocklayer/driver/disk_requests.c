/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Synchronous requests of the main thread to the top of a disk, and the answer that is due to each:
 * what the driver says, or what the layer says for one that cannot.
 */
#include "disks.h"

#include <errno.h>

/* The operand of disk_io; those of disk_control go on behind. */
typedef enum {
  IO_READ,
  IO_WRITE,
  IO_READ_PART, /* of a vector that is too short */
  IO_WRITE_PART,
  IO_COMPRESSED,
  IO_ZEROES,
  IO_DISCARD,
  IO_STATUS,
  IO_READ_BEFORE,  /* the beginning */
  IO_WRITE_BEHIND, /* the driver's end */
  IO_FLUSH,
  IO_LOAD,
  IO_SAVE,
  IO_KINDS,
  IO_TRUNCATE = IO_KINDS,
  IO_TRUNCATE_NEGATIVE,
  IO_CHECK,
  IO_ACTIVATE,
  SET_READ_ONLY,
  SET_IGNORE_DISCARD,
  SET_FLUSH_FAILS,
  IO_ALL,
} Io;

enum { BYTES = 8, SHORT_BYTES = 4 };

static BlockDriverState *top_of(const GhostDisk *disk)
{
  return disk->filter ? disk->filter : disk->base;
}

static int64_t offset_of(Io io)
{
  return io == IO_READ_BEFORE ? -1 : io == IO_WRITE_BEHIND ? DISK_BYTES : 0;
}

static int ask(BdrvChild *edge, Io io)
{
  switch (io) {
  case IO_READ:
  case IO_READ_BEFORE:
    return bdrv_pread(edge, offset_of(io), BYTES);
  case IO_WRITE:
  case IO_WRITE_BEHIND:
    return bdrv_pwrite(edge, offset_of(io), BYTES);
  case IO_READ_PART:
    return bdrv_preadv_part(edge, 0, BYTES, SHORT_BYTES, 0);
  case IO_WRITE_PART:
    return bdrv_pwritev_part(edge, 0, BYTES, BYTES, -1);
  case IO_COMPRESSED:
    return bdrv_pwrite_compressed(edge, 0, BYTES);
  case IO_ZEROES:
    return bdrv_pwrite_zeroes(edge, 0, BYTES);
  case IO_DISCARD:
    return bdrv_pdiscard(edge, 0, BYTES);
  case IO_STATUS:
    return bdrv_block_status(edge, 0, BYTES);
  case IO_FLUSH:
    return bdrv_flush(edge);
  case IO_LOAD:
    return bdrv_load_vmstate(edge, 0, BYTES);
  case IO_SAVE:
    return bdrv_save_vmstate(edge, 0, BYTES);
  case IO_TRUNCATE:
    return bdrv_truncate(edge, BYTES);
  case IO_TRUNCATE_NEGATIVE:
    return bdrv_truncate(edge, -1);
  case IO_CHECK:
    return bdrv_check(edge);
  case IO_ACTIVATE:
    return bdrv_activate(edge);
  default:
    return 0;
  }
}

/* ------------------------------------------------------------------ the answer that is due */

static bool reads_or_writes(Io io)
{
  return io == IO_READ || io == IO_WRITE || io == IO_READ_BEFORE || io == IO_WRITE_BEHIND ||
         io == IO_ZEROES; /* written like anything else, where there is no short cut */
}

/* Of a driver that knows nothing of it. */
static int without(Io io)
{
  switch (io) {
  case IO_DISCARD:
  case IO_ACTIVATE:
  case IO_FLUSH:
    return 0;
  case IO_STATUS:
    return 1;
  default:
    return -ENOTSUP;
  }
}

/* Of the driver that knows everything. */
static int of_whole(const GhostDisk *disk, Io io)
{
  switch (io) {
  case IO_STATUS:
    return STATUS_ANSWER;
  case IO_CHECK:
    return CHECK_ANSWER;
  case IO_FLUSH:
    return disk->dirty && disk->flush_fails ? -EIO : 0;
  case IO_WRITE_BEHIND:
    return -EIO;
  default:
    return 0;
  }
}

static int due_answer(const GhostDisk *disk, Io io)
{
  bool passes = !disk->filter || reads_or_writes(io) || io == IO_FLUSH;

  if (io == IO_READ_PART || io == IO_WRITE_PART || io == IO_TRUNCATE_NEGATIVE) {
    return -EINVAL;
  }
  if (io == IO_TRUNCATE && top_of(disk)->read_only) {
    return -EACCES;
  }
  if (disk->kind == DISK_NO_MEDIUM) {
    return -ENOMEDIUM;
  }
  if (io == IO_READ_BEFORE) {
    return -EIO;
  }
  if (io == IO_DISCARD && top_of(disk)->ignore_discard) {
    return 0;
  }
  bool can = disk->kind == DISK_WHOLE || (disk->kind == DISK_PLAIN && reads_or_writes(io));
  return passes && can ? of_whole(disk, io) : without(io);
}

/* ------------------------------------------------------------------ operations */

/* Nobody may be in a section of it: a synchronous request waits in no queue. */
static GhostDisk *disk_for_request(unsigned actor, const ds_operation *op, const char *word)
{
  unsigned index = disk_choose(op->a, word);

  if (index == NO_DISK || !may_wait_for_requests(actor)) {
    return NULL;
  }
  GhostDisk *disk = &ghost_disks[index];
  bool is_quiet = disk->base->quiesce_counter || top_of(disk)->quiesce_counter;
  return is_quiet || disk->changes ? NULL : disk;
}

static void request(unsigned actor, GhostDisk *disk, Io io)
{
  bool alone = disk->requests++ == 0;
  bool dirty = disk->dirty;
  uint8_t flushes = disk->flushes;
  int due = due_answer(disk, io);

  disk->overlaps = !alone;
  blocks.sent = true;
  if (disk->home != MAIN_CONTEXT) {
    ds_mark(BLOCKS_MARK); /* another thread answers */
  }
  meet_sections();
  actor_waits(actor, "a synchronous request: its node");
  blocks.requests++;
  int ret = ask(disk->users[0]->root, io);
  blocks.requests--;
  actor_waits(actor, NULL);
  alone = alone && !disk->overlaps;
  disk->requests--;
  ds_note("answer: %d", ret);
  if (alone) {
    rule_answered_in_time(disk);
  }
  bool flushes_now = io == IO_FLUSH && disk->kind == DISK_WHOLE;
  if (alone || !flushes_now) {
    rule_answer(disk, ret, due);
  }
  if (alone && flushes_now && dirty) {
    rule_disk_flushed(disk, flushes);
  }
}

bool op_disk_io(unsigned actor, const ds_operation *op)
{
  GhostDisk *disk = disk_for_request(actor, op, "disk_io");

  if (!disk) {
    return false;
  }
  request(actor, disk, (Io)(op->b % IO_KINDS));
  return true;
}

bool op_disk_control(unsigned actor, const ds_operation *op)
{
  GhostDisk *disk = disk_for_request(actor, op, "disk_control");
  Io io = (Io)(IO_KINDS + op->b % (IO_ALL - IO_KINDS));

  if (!disk || (io >= SET_READ_ONLY && disk->requests > 0)) {
    return false;
  }
  BlockDriverState *bs = top_of(disk);
  if (io == SET_READ_ONLY) {
    bs->read_only = !bs->read_only;
  } else if (io == SET_IGNORE_DISCARD) {
    bs->ignore_discard = !bs->ignore_discard;
  } else if (io == SET_FLUSH_FAILS) {
    disk->flush_fails = !disk->flush_fails;
  } else {
    request(actor, disk, io);
  }
  return true;
}
