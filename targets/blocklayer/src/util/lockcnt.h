/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QemuLockCnt: a count of visitors and a lock in one word.
 *
 * A list is walked often and changed rarely. Walkers visit: they count themselves and do not wait
 * for each other. Who changes the list takes the lock, which others' visits do not hinder: what is
 * taken out of the list while there are visitors is only marked, and freed by the last visitor on
 * its way out, which leaves with the lock held (qemu_lockcnt_dec_and_lock()). Only the first
 * visitor (count 0 -> 1) and the last one (1 -> 0, to lock) wait while somebody holds the lock.
 *
 * Price: one compare-and-swap per operation; mutex and condition only for who has to sleep.
 */
#ifndef BLOCK_LOCKCNT_H
#define BLOCK_LOCKCNT_H

#include "util/thread.h"

#include <stdatomic.h>
#include <stdbool.h>

typedef struct QemuLockCnt {
  _Atomic unsigned word; /* visitors in steps of LOCKCNT_STEP, state of the lock below */
  QemuMutex sleep_mutex; /* protects what follows */
  QemuCond sleep_cond;
  unsigned sleepers; /* threads that wait for the lock to be free */
} QemuLockCnt;

/* The lower bits of QemuLockCnt.word. */
enum {
  LOCKCNT_FREE = 0,
  LOCKCNT_LOCKED = 1,
  LOCKCNT_WAITING = 2, /* locked, and somebody may be asleep */
  LOCKCNT_STATE_MASK = 3,
  LOCKCNT_STEP = 4,
};

void qemu_lockcnt_init(QemuLockCnt *lockcnt);

/* Nobody is inside any function, the lock is free, and there are no visitors. */
void qemu_lockcnt_destroy(QemuLockCnt *lockcnt);

/* Begin a visit. Any thread; waits only if there is no visitor and somebody holds the lock. */
void qemu_lockcnt_inc(QemuLockCnt *lockcnt);

/* End a visit, and leave what has been marked to somebody else. Never waits. */
void qemu_lockcnt_dec(QemuLockCnt *lockcnt);

/* End a visit; true: it was the last one and the caller now holds the lock. */
bool qemu_lockcnt_dec_and_lock(QemuLockCnt *lockcnt);

/* End a visit only if it is the last one, and take the lock (true); else do nothing. */
bool qemu_lockcnt_dec_if_lock(QemuLockCnt *lockcnt);

/* Wait for the lock; visitors may come (unless there is none) and go meanwhile. */
void qemu_lockcnt_lock(QemuLockCnt *lockcnt);
void qemu_lockcnt_unlock(QemuLockCnt *lockcnt);

/* Begin a visit and unlock in one step. */
void qemu_lockcnt_inc_and_unlock(QemuLockCnt *lockcnt);

/* How many visitors? Under the lock 0 stays 0. */
unsigned qemu_lockcnt_count(QemuLockCnt *lockcnt);

#endif
