/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a case does when left alone: how many visible operations each thread carries out, and how
 * many on each object. Strategies that weigh threads by the work that they have left need it.
 *
 * It comes from two runs under `sc`, a quiet one and one with few switches, whose seed is fixed:
 * a pure function of the case, so a seed is a schedule, in a batch as in a single run.
 *
 * Threads are known by their place in the tree of creations (the second thread that the first one
 * created ...), which is stable from run to run where their number is not.
 */
#ifndef DRAINSTORM_PROFILE_H
#define DRAINSTORM_PROFILE_H

#include "strategy.h"

enum {
  PROFILE_OBJECTS = 1024,
  PROFILE_INDEX = 2048,
  PROFILE_SHARES = 8192,
  PROFILE_SITES = 2048,
  PROFILE_PAIRS = 8192,
  PROFILE_INITIAL = 0xffff,
};

/* A thread of the tree; `first_child` and `next_sibling` are numbers + 1, 0 = none. */
typedef struct profile_thread {
  uint32_t events; /* visible operations, mean of the runs */
  uint32_t weight; /* of what is counted in this run: its own and that of all below it */
  uint16_t first_child, last_child, next_sibling;
} profile_thread;

/* How often one thread accessed one object. */
typedef struct profile_share {
  uint32_t accesses;
  uint16_t thread, next; /* next share of the object: number + 1, 0 = none */
} profile_share;

typedef struct profile_object {
  const void *object;
  uint32_t accesses, writes;
  uint16_t threads, first_share, first_site;
} profile_object;

/* An operation of the program text: at this place, on this object, by whatever thread. */
typedef struct profile_site {
  const void *object;
  uint32_t pc;           /* offset in the target */
  uint16_t thread, next; /* thread 0: several */
  uint8_t kind;          /* DS_EV_* */
} profile_site;

/* What one thread writes and another one may read; sites by number, PROFILE_INITIAL: nobody. */
typedef struct profile_pair {
  uint16_t writer, reader;
  uint16_t tried, met; /* RFF: runs of this batch that asked for it, that showed it */
} profile_pair;

typedef struct profile {
  profile_thread threads[DS_THREAD_MAX];
  profile_object objects[PROFILE_OBJECTS];
  profile_share shares[PROFILE_SHARES];
  profile_site sites[PROFILE_SITES];
  profile_pair pairs[PROFILE_PAIRS];
  uint16_t index[PROFILE_INDEX]; /* open addressing by address: number + 1, 0 = free */
  uint32_t thread_count, object_count, share_count, site_count, pair_count;
  uint32_t events; /* of all threads together */
  uint32_t round;
} profile;

/* Is this an access that has an order of its own? Unlocks and ends of threads follow from others.
 */
static inline int is_access(const pending *op)
{
  return op->object && op->kind != DS_EV_UNLOCK && op->kind != DS_EV_JOIN && op->kind != DS_EV_EXIT;
}

/* Run the case twice and count. Outside of a run; what does not fit is left out of the counts. */
void profile_take(ds_machine *m);
/* Weigh the threads by all their operations, or by their accesses of one object. */
void profile_weigh_events(profile *p);
void profile_weigh_object(profile *p, const profile_object *o);
/* A thread begins: its place in the tree, and its weight, which its creator gives away. */
void profile_spawn(ds_machine *m, fiber *f);

#endif
