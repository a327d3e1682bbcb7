/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list with one entry, kept as lockcnt.h says: who visits it waits for nobody, who replaces the
 * entry puts the old one aside as long as there are visitors, and the last visitor frees it.
 */
#ifndef BLOCKLAYER_CALLER_LIST_H
#define BLOCKLAYER_CALLER_LIST_H

#include "util/lockcnt.h"

typedef struct CallerEntry CallerEntry;

typedef struct CallerList {
  QemuLockCnt lockcnt;
  _Atomic(CallerEntry *) entry;
  CallerEntry *aside; /* protected by the lock */
} CallerList;

/* How a visit ends. */
typedef enum {
  LEAVE_AND_LOCK, /* the last one frees what is aside */
  LEAVE_IF_LOCK,  /* the same in two steps */
  LEAVE_AND_STAY, /* ... and begins another visit before it unlocks */
  LEAVE_IT,       /* to somebody else */
  LEAVE_WAYS
} LeaveWay;

void caller_list_init(CallerList *list);

/* Nobody is in any function. */
void caller_list_destroy(CallerList *list);

/* Any thread, both. */
void caller_list_visit(CallerList *list, LeaveWay way);
void caller_list_replace(CallerList *list);

#endif
