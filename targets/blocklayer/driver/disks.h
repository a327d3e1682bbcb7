/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks of their own: a node, perhaps a filter on top of it, a user of the top and perhaps another
 * one of the node below. The group "disk": synchronous requests of every kind with the answer that
 * is due, permissions that are granted or refused, and the end of it all. Other groups meet them in
 * sections of all nodes and at the graph's lock.
 */
#ifndef BLOCKLAYER_DISKS_H
#define BLOCKLAYER_DISKS_H

#include "blocks.h"

#pragma GCC visibility push(hidden)

enum {
  DISKS = 3,
  NO_DISK = DISKS,
  USERS = 2,
  DISK_BYTES = 64,
  STATUS_ANSWER = 2, /* of the drivers: no answer of the layer's own */
  CHECK_ANSWER = 3,
};

/* What the driver of the node below can do. */
typedef enum {
  DISK_WHOLE,    /* everything */
  DISK_PLAIN,    /* reading and writing */
  DISK_BARE,     /* nothing */
  DISK_NO_MEDIUM /* there is none */
} DiskKind;

enum { DISK_KINDS = 4 };

typedef struct GhostDisk {
  BlockDriverState *base;
  BlockDriverState *filter;   /* NULL: none */
  BlockBackend *users[USERS]; /* of the top; of `base`, made when it is first inserted */
  uint8_t kind;
  uint8_t home;          /* its context */
  uint8_t perm[USERS];   /* what the users have been granted */
  uint8_t shared[USERS]; /* bits as BLK_PERM_ */
  uint8_t requests;      /* synchronous ones in progress */
  uint8_t in_driver;     /* that are in the driver of `base` */
  uint8_t flushes;       /* that its driver has begun */
  bool live;             /* it may be used */
  bool dying;            /* the last reference to `base` is on its way */
  bool changes;          /* an operation on it polls, or may */
  bool joined;           /* the second user has its medium */
  bool dirty;            /* written to since its driver flushed it the last time */
  bool flush_fails;
  bool overlaps; /* another request has come since the first of those in progress */
} GhostDisk;

extern GhostDisk ghost_disks[DISKS];

/* disks.c */
GhostOperation op_open_disk, op_close_disk, op_disk_perm, op_disk_join, op_disk_cover;
unsigned disk_choose(unsigned operand, const char *word); /* one that may be used, or NO_DISK */
bool disks_live_in(unsigned context);
bool disks_in_flight(void);
bool disks_gone(void); /* none is on its way out */
void disks_close(void);

/* disk_drivers.c */
extern const BlockDriver *const disk_drivers[DISK_KINDS];
extern const BlockDriver disk_filter; /* passes requests and permissions on */
extern const BlockDriver disk_writer; /* writes, and lets nobody else write */

/* disk_requests.c */
GhostOperation op_disk_io, op_disk_control;

/* rules_disks.c */
bool users_conflict(unsigned perm, unsigned shared, unsigned other_perm, unsigned other_shared);
void rule_answer(const GhostDisk *disk, int answer, int due);
void rule_answered_in_time(const GhostDisk *disk);
void rule_disk_flushed(const GhostDisk *disk, uint8_t flushes_before); /* that was written to */
void rule_granted(bool granted, bool due);
void rule_permissions(const GhostDisk *disk);
void disks_judge(unsigned sections_of_all); /* R21 */
void rule_answers(void);                    /* nothing can run */

#pragma GCC visibility pop

#endif
