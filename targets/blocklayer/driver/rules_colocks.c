/* SPDX-License-Identifier: Apache-2.0 */
/* R7 to R11: coroutine locks, queues, beds, and where a coroutine runs. Exact, as in rules.c. */
#include "colocks.h"

#include "aio/main_loop.h"
#include "coroutine/coroutine_int.h"

static bool is_mutex(unsigned lock)
{
  return lock < CO_MUTEXES;
}

static CoRwlock *rwlock(unsigned lock)
{
  return &colocks.rwlocks[lock - CO_MUTEXES];
}

/* ------------------------------------------------------------------ R7, R8 one by one, in order */

void rule_let_in(unsigned self, unsigned lock)
{
  const GhostLocker *locker = &colocks.lockers[self];
  const GhostColock *held = &colocks.locks[lock];
  uint32_t in_the_way = held->writer | (locker->reads ? 0 : held->readers);
  uint32_t ahead = locker->ahead;

  for (unsigned i = 0; locker->reads && i < COROUTINES; i++) {
    if (colocks.lockers[i].reads) {
      ahead &= ~(1u << i); /* both may be in by now, in whatever order they go on */
    }
  }
  if (is_mutex(lock)) {
    DS_CHECK(!in_the_way, "R7", "mutex-held-twice", "co%u was given mutex%u, but co%d holds it",
             self + 1, lock, __builtin_ffs((int)in_the_way));
    DS_CHECK(!ahead, "R7", "mutex-overtaken",
             "co%u was given mutex%u, but co%d slept in front of it before co%u came", self + 1,
             lock, __builtin_ffs((int)ahead), self + 1);
    return;
  }
  DS_CHECK(!in_the_way, "R8", "rwlock-held-twice", "co%u was given rwlock%u to %s, but co%d has it",
           self + 1, lock - CO_MUTEXES, locker->reads ? "read" : "write",
           __builtin_ffs((int)in_the_way));
  DS_CHECK(!ahead, "R8", "rwlock-overtaken",
           "co%u was given rwlock%u, but co%d slept in front of it before co%u came", self + 1,
           lock - CO_MUTEXES, __builtin_ffs((int)ahead), self + 1);
}

/* ------------------------------------------------------------------ R7, R8 nobody sleeps in vain
 */

/* A mask of the coroutines that sleep in a lock's functions. */
static uint32_t sleepers(unsigned lock)
{
  uint32_t mask = 0;
  for (unsigned i = 0; i < COROUTINES; i++) {
    mask |= (uint32_t)(colocks.lockers[i].lock == lock && coroutine_sleeps(i)) << i;
  }
  return mask;
}

static uint32_t ticket_holders(unsigned lock)
{
  uint32_t mask = 0;
  for (const CoRwTicket *ticket = rwlock(lock)->first_ticket; ticket; ticket = ticket->next) {
    for (unsigned i = 0; i < COROUTINES; i++) {
      mask |= (uint32_t)(ghost.coroutines[i].co == ticket->co) << i;
    }
  }
  return mask;
}

/* Somebody is in the middle of a function of that lock, or on the way from its queue. */
static bool is_moving(unsigned lock)
{
  /* Relaxed: ghost code, one operation of the machine at a time. */
  if (atomic_load_explicit(&rwlock(lock)->mutex.locked, memory_order_relaxed)) {
    return true;
  }
  uint32_t inside = 0;
  for (unsigned i = 0; i < COROUTINES; i++) {
    inside |= (uint32_t)(colocks.lockers[i].lock == lock) << i;
  }
  return inside & ~(sleepers(lock) & ticket_holders(lock));
}

/* The first in the queue is one that the holders do not keep out. */
static bool first_could_come_in(unsigned lock)
{
  const GhostColock *held = &colocks.locks[lock];
  const CoRwTicket *first = rwlock(lock)->first_ticket;
  return first && !held->writer && (first->read || !held->readers);
}

void rule_handed_over(unsigned lock)
{
  if (is_moving(lock) || !first_could_come_in(lock)) {
    return;
  }
  const Coroutine *first = rwlock(lock)->first_ticket->co;
  unsigned number = 0;
  while (number < COROUTINES && ghost.coroutines[number].co != first) {
    number++;
  }
  ds_show_sleepers();
  ds_fail("R8", "rwlock-asleep",
          "co%u waits for rwlock%u, but nobody is in its way and nobody will wake it", number + 1,
          lock - CO_MUTEXES);
}

static void rule_locks_idle(void)
{
  for (unsigned lock = 0; lock < CO_MUTEXES; lock++) {
    uint32_t waiting = sleepers(lock);
    DS_CHECK(!waiting || colocks.locks[lock].writer, "R7", "mutex-asleep",
             "co%d sleeps in qemu_co_mutex_lock, but nobody holds mutex%u",
             __builtin_ffs((int)waiting), lock);
  }
  for (unsigned lock = CO_MUTEXES; lock < CO_LOCKS; lock++) {
    uint32_t waiting = sleepers(lock);
    bool is_free = !colocks.locks[lock].writer && !colocks.locks[lock].readers;
    /* Nothing can run, so whoever is not in the queue sleeps in the mutex inside. */
    DS_CHECK(!waiting || !(is_free || is_moving(lock) || first_could_come_in(lock)), "R8",
             "rwlock-asleep", "co%d sleeps in front of rwlock%u, but nobody is in its way",
             __builtin_ffs((int)waiting), lock - CO_MUTEXES);
  }
}

/* ------------------------------------------------------------------ R9 queues */

void rule_queue_order(unsigned queue)
{
  const GhostQueue *ghosts = &colocks.ghost_queues[queue];
  const Coroutine *next = colocks.queues[queue].waiters.head;

  for (unsigned i = 0; i < ghosts->count; i++) {
    unsigned expected = ghosts->waiting[i];
    DS_CHECK(next == ghost.coroutines[expected].co, "R9", "queue-order",
             "co%u is number %u in queue%u, but somebody else would be woken", expected + 1, i + 1,
             queue);
    next = next->co_queue_next;
  }
}

static void rule_queues_idle(void)
{
  for (unsigned queue = 0; queue < CO_QUEUES; queue++) {
    const GhostQueue *ghosts = &colocks.ghost_queues[queue];
    uint32_t queued = 0;
    for (unsigned i = 0; i < ghosts->count; i++) {
      queued |= 1u << ghosts->waiting[i];
    }
    uint32_t woken = ghosts->sleepers & ~queued;
    DS_CHECK(!woken && (!queued || !ghosts->tokens), "R9", "queue-asleep",
             "co%d sleeps in queue%u although it was woken, or there is a token for it",
             __builtin_ffs((int)(woken ? woken : queued)), queue);
  }
}

/* ------------------------------------------------------------------ R10 beds */

void rule_nap_ended(unsigned self)
{
  const GhostBed *bed = &colocks.ghost_beds[self];
  DS_CHECK(bed->wakes_begun != bed->done_before, "R10", "sleep-early",
           "qemu_co_sleep returned to co%u, which nobody has woken", self + 1);
}

static void rule_beds_idle(void)
{
  for (unsigned i = 0; i < COROUTINES; i++) {
    const GhostBed *bed = &colocks.ghost_beds[i];
    DS_CHECK(!bed->napping || bed->wakes_begun == bed->begun_before, "R10", "sleep-goes-on",
             "co%u sleeps in qemu_co_sleep, but somebody has woken it", i + 1);
  }
}

/* ------------------------------------------------------------------ R11 where and why it goes on
 */

void rule_called(unsigned self, bool called)
{
  DS_CHECK(called, "R11", "resumed-early",
           "aio_co_call_bh returned to co%u, but the callback has not run", self + 1);
}

void rule_home(unsigned self)
{
  const GhostCoroutine *co = &ghost.coroutines[self];
  const AioContext *home = ghost.contexts[co->home].ctx;
  DS_CHECK(co->co->ctx == home && qemu_get_current_aio_context() == home, "R11", "wrong-context",
           "co%u lives in ctx%u, but runs somewhere else", self + 1, co->home);
}

void rule_colocks_idle(void)
{
  rule_locks_idle();
  rule_queues_idle();
  rule_beds_idle();
}
