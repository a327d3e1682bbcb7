/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QemuLockCnt. All changes of the word are sequentially consistent: visits and locked sections
 * come in one order, and each sees what those before it did (B10: the word is compared again under
 * the mutex before anybody sleeps, and changed before anybody is woken). Relaxed loads only tell a
 * compare-and-exchange what to expect, and nothing else is read because of them.
 *
 * Handing on. An unlock wakes one sleeper, and the word no longer says that there are more. So who
 * has slept and leaves without the lock (as a visitor) wakes the next one, and who has slept and
 * takes the lock says again that somebody may be asleep. Without it: the third one sleeps on.
 */
#include "util/lockcnt.h"

static bool change_or_wait(QemuLockCnt *lockcnt, unsigned *word, unsigned if_free, bool *waited);
static void sleep_while(QemuLockCnt *lockcnt, unsigned word);
static void wake_one(QemuLockCnt *lockcnt);

void qemu_lockcnt_init(QemuLockCnt *lockcnt)
{
  atomic_init(&lockcnt->word, LOCKCNT_FREE);
  qemu_mutex_init(&lockcnt->sleep_mutex);
  qemu_cond_init(&lockcnt->sleep_cond);
  lockcnt->sleepers = 0;
}

void qemu_lockcnt_destroy(QemuLockCnt *lockcnt)
{
  /* Relaxed: nobody else knows it any more. */
  assert(atomic_load_explicit(&lockcnt->word, memory_order_relaxed) == LOCKCNT_FREE);
  assert(lockcnt->sleepers == 0);
  qemu_cond_destroy(&lockcnt->sleep_cond);
  qemu_mutex_destroy(&lockcnt->sleep_mutex);
}

/* ------------------------------------------------------------------ visits */

void qemu_lockcnt_inc(QemuLockCnt *lockcnt)
{
  unsigned word = atomic_load_explicit(&lockcnt->word, memory_order_relaxed);
  bool waited = false;

  for (;;) {
    if (word >= LOCKCNT_STEP) { /* one more visitor: whoever holds the lock reckons with it */
      if (atomic_compare_exchange_strong(&lockcnt->word, &word, word + LOCKCNT_STEP)) {
        break;
      }
    } else if (change_or_wait(lockcnt, &word, LOCKCNT_STEP, &waited)) {
      break;
    }
  }
  if (waited) {
    wake_one(lockcnt); /* hand on: we were woken for a lock that we do not take */
  }
}

void qemu_lockcnt_dec(QemuLockCnt *lockcnt)
{
  unsigned before = atomic_fetch_sub(&lockcnt->word, LOCKCNT_STEP);
  assert(before >= LOCKCNT_STEP);
}

bool qemu_lockcnt_dec_and_lock(QemuLockCnt *lockcnt)
{
  unsigned word = atomic_load_explicit(&lockcnt->word, memory_order_relaxed);
  bool waited = false;

  assert(word >= LOCKCNT_STEP);
  for (;;) {
    if (word >= 2 * LOCKCNT_STEP) { /* others stay */
      if (atomic_compare_exchange_strong(&lockcnt->word, &word, word - LOCKCNT_STEP)) {
        break;
      }
    } else {
      unsigned locked = waited ? LOCKCNT_WAITING : LOCKCNT_LOCKED;
      if (change_or_wait(lockcnt, &word, locked, &waited)) {
        return true;
      }
    }
  }
  if (waited) {
    wake_one(lockcnt);
  }
  return false;
}

bool qemu_lockcnt_dec_if_lock(QemuLockCnt *lockcnt)
{
  unsigned word = atomic_load_explicit(&lockcnt->word, memory_order_relaxed);
  bool waited = false;

  assert(word >= LOCKCNT_STEP);
  while (word < 2 * LOCKCNT_STEP) {
    unsigned locked = waited ? LOCKCNT_WAITING : LOCKCNT_LOCKED;
    if (change_or_wait(lockcnt, &word, locked, &waited)) {
      return true;
    }
  }
  if (waited) {
    wake_one(lockcnt);
  }
  return false;
}

/* ------------------------------------------------------------------ the lock */

void qemu_lockcnt_lock(QemuLockCnt *lockcnt)
{
  unsigned word = atomic_load_explicit(&lockcnt->word, memory_order_relaxed);
  unsigned visitors;
  bool waited = false;

  do {
    visitors = word & ~(unsigned)LOCKCNT_STATE_MASK;
  } while (!change_or_wait(lockcnt, &word, visitors | (waited ? LOCKCNT_WAITING : LOCKCNT_LOCKED),
                           &waited));
}

void qemu_lockcnt_unlock(QemuLockCnt *lockcnt)
{
  unsigned before = atomic_fetch_and(&lockcnt->word, ~(unsigned)LOCKCNT_STATE_MASK);

  assert((before & LOCKCNT_STATE_MASK) != LOCKCNT_FREE);
  if (before & LOCKCNT_WAITING) {
    wake_one(lockcnt);
  }
}

void qemu_lockcnt_inc_and_unlock(QemuLockCnt *lockcnt)
{
  unsigned word = atomic_load_explicit(&lockcnt->word, memory_order_relaxed);

  assert((word & LOCKCNT_STATE_MASK) != LOCKCNT_FREE);
  while (!atomic_compare_exchange_strong(&lockcnt->word, &word,
                                         (word & ~(unsigned)LOCKCNT_STATE_MASK) + LOCKCNT_STEP)) {
    /* somebody came, went or fell asleep */
  }
  if (word & LOCKCNT_WAITING) {
    wake_one(lockcnt);
  }
}

unsigned qemu_lockcnt_count(QemuLockCnt *lockcnt)
{
  return atomic_load(&lockcnt->word) / LOCKCNT_STEP;
}

/* ------------------------------------------------------------------ sleeping */

/*
 * If the lock is free, change the word from `*word` to `if_free`: true. Else, or if the word was
 * another one, have `*word` be what it is now: false; having slept meanwhile sets `*waited`.
 */
static bool change_or_wait(QemuLockCnt *lockcnt, unsigned *word, unsigned if_free, bool *waited)
{
  if ((*word & LOCKCNT_STATE_MASK) == LOCKCNT_FREE) {
    return atomic_compare_exchange_strong(&lockcnt->word, word, if_free);
  }
  if ((*word & LOCKCNT_STATE_MASK) == LOCKCNT_LOCKED) { /* make whoever unlocks look for us */
    unsigned waiting = *word - LOCKCNT_LOCKED + LOCKCNT_WAITING;
    if (!atomic_compare_exchange_strong(&lockcnt->word, word, waiting)) {
      return false;
    }
    *word = waiting;
  }
  *waited = true;
  sleep_while(lockcnt, *word);
  *word = atomic_load_explicit(&lockcnt->word, memory_order_relaxed);
  return false;
}

/* Sleep once, if the word is still `word`; returns early now and then. */
static void sleep_while(QemuLockCnt *lockcnt, unsigned word)
{
  qemu_mutex_lock(&lockcnt->sleep_mutex);
  /* Relaxed: whoever changes it afterwards takes the mutex to wake us. */
  if (atomic_load_explicit(&lockcnt->word, memory_order_relaxed) == word) {
    lockcnt->sleepers++;
    qemu_cond_wait(&lockcnt->sleep_cond, &lockcnt->sleep_mutex);
    lockcnt->sleepers--;
  }
  qemu_mutex_unlock(&lockcnt->sleep_mutex);
}

static void wake_one(QemuLockCnt *lockcnt)
{
  qemu_mutex_lock(&lockcnt->sleep_mutex);
  qemu_cond_signal(&lockcnt->sleep_cond);
  qemu_mutex_unlock(&lockcnt->sleep_mutex);
}
