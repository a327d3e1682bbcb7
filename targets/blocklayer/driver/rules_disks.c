/* SPDX-License-Identifier: Apache-2.0 */
/* The judges of the group "disk": answers, flushes, permissions, sections. */
#include "disks.h"

static unsigned number_of(const GhostDisk *disk)
{
  return (unsigned)(disk - ghost_disks);
}

/* ------------------------------------------------------------------ R47 answers */

void rule_answer(const GhostDisk *disk, int answer, int due)
{
  DS_CHECK(answer == due, "R47", "wrong-answer",
           "a synchronous request to disk%u is answered with %d instead of %d", number_of(disk),
           answer, due);
}

void rule_answered_in_time(const GhostDisk *disk)
{
  DS_CHECK(disk->in_driver == 0, "R47", "answered-early",
           "a synchronous request to disk%u has returned, but is still in the driver",
           number_of(disk));
}

static unsigned in_flight_of(const BlockDriverState *bs)
{
  /* Relaxed: ghost code, one operation of the machine at a time. */
  return bs ? atomic_load_explicit(&bs->in_flight, memory_order_relaxed) : 0;
}

void rule_answers(void)
{
  for (unsigned i = 0; i < DISKS; i++) {
    const GhostDisk *disk = &ghost_disks[i];
    bool over = disk->requests > 0 && !in_flight_of(disk->base) && !in_flight_of(disk->filter);
    DS_CHECK(!over, "R47", "caller-asleep",
             "a synchronous request to disk%u is over, but its caller sleeps", i);
  }
}

/* ------------------------------------------------------------------ R29 flushes */

void rule_disk_flushed(const GhostDisk *disk, uint8_t flushes_before)
{
  DS_CHECK(disk->flushes != flushes_before, "R29", "write-not-flushed",
           "a flush is over, and the driver of disk%u was not asked for what had been written",
           number_of(disk));
}

/* ------------------------------------------------------------------ R48 permissions */

bool users_conflict(unsigned perm, unsigned shared, unsigned other_perm, unsigned other_shared)
{
  return perm & ~other_shared || other_perm & ~shared;
}

void rule_granted(bool granted, bool due)
{
  DS_CHECK(granted == due, "R48", "granted", "the use of a node was %s",
           granted ? "granted although two users do not agree"
                   : "refused although all users agree");
}

static void judge_edge(const BdrvChild *edge, const GhostDisk *disk, unsigned user)
{
  DS_CHECK(edge->perm == disk->perm[user] && edge->shared_perm == disk->shared[user], "R48",
           "permissions",
           "disk%u has a user with the permissions %#x that shares %#x; granted were %#x and %#x",
           number_of(disk), (unsigned)edge->perm, (unsigned)edge->shared_perm, disk->perm[user],
           disk->shared[user]);
}

void rule_permissions(const GhostDisk *disk)
{
  judge_edge(disk->users[0]->root, disk, 0);
  if (disk->filter) {
    judge_edge(disk->filter->children, disk, 0); /* it passes them on */
  }
  if (disk->joined) {
    judge_edge(disk->users[1]->root, disk, 1);
  }
}

/* ------------------------------------------------------------------ R21 sections */

void disks_judge(unsigned sections_of_all)
{
  for (unsigned i = 0; i < DISKS; i++) {
    const GhostDisk *disk = &ghost_disks[i];
    if (disk->live && !disk->changes) {
      DS_CHECK(disk->base->quiesce_counter == sections_of_all, "R21", "sections-of-node",
               "the node of disk%u counts %u sections instead of %u", i,
               disk->base->quiesce_counter, sections_of_all);
    }
  }
}
