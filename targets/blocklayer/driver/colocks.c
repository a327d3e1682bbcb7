/* SPDX-License-Identifier: Apache-2.0 */
/* Coroutine mutexes and readers/writer locks. */
#include "colocks.h"

#include "coroutine/coroutine_int.h"

Colocks colocks;

typedef void coroutine_fn RwlockFunction(CoRwlock *lock);

static bool may_wait_for(unsigned self, unsigned lock);
static void lock_begin(unsigned self, unsigned lock, bool reads, const char *what);
static void lock_end(unsigned self, unsigned lock);
static void unlock_begin(unsigned self, unsigned lock);
static void unlock_end(unsigned self);
static void rwlock_lock(unsigned self, unsigned lock, bool reads, RwlockFunction *function,
                        const char *what);
static void rwlock_unlock(unsigned self, unsigned lock);
static void mutex_unlock(unsigned self, unsigned lock);
static unsigned holder_above(unsigned after, void *lock);

void colocks_init(void)
{
  qemu_mutex_init(&colocks.queue_mutex);
  for (unsigned i = 0; i < COROUTINES; i++) {
    colocks.lockers[i].lock = NO_LOCK;
  }
  for (unsigned i = 0; i < CO_MUTEXES; i++) {
    CoMutex *mutex = &colocks.mutexes[i];
    qemu_co_mutex_init(mutex);
    ds_name(&mutex->locked, sizeof(mutex->locked), "mutex%u.locked", i);
    ds_name(&mutex->from_push, sizeof(mutex->from_push), "mutex%u.from_push", i);
    ds_name(&mutex->to_pop, sizeof(mutex->to_pop), "mutex%u.to_pop", i);
    ds_name(&mutex->handoff, sizeof(mutex->handoff), "mutex%u.handoff", i);
  }
  for (unsigned i = 0; i < CO_RWLOCKS; i++) {
    qemu_co_rwlock_init(&colocks.rwlocks[i]);
    ds_name(&colocks.rwlocks[i].mutex.locked, sizeof(unsigned), "rwlock%u.mutex.locked", i);
  }
}

static uint32_t bit(unsigned self)
{
  return 1u << self;
}

static bool writes(unsigned self, unsigned lock)
{
  return colocks.locks[lock].writer & bit(self);
}

static bool reads(unsigned self, unsigned lock)
{
  return colocks.locks[lock].readers & bit(self);
}

static unsigned mutex_of(const ds_operation *op)
{
  return op->a % CO_MUTEXES;
}

static unsigned rwlock_of(const ds_operation *op)
{
  return CO_MUTEXES + op->a % CO_RWLOCKS;
}

bool colocks_holds_any(unsigned self)
{
  for (unsigned i = 0; i < CO_LOCKS; i++) {
    if (reads(self, i) || writes(self, i)) {
      return true;
    }
  }
  return false;
}

/* Not if it holds that lock or one with a higher number, because somebody may wait the other way
 * round. */
static bool may_wait_for(unsigned self, unsigned lock)
{
  for (unsigned i = lock; i < CO_LOCKS; i++) {
    if (reads(self, i) || writes(self, i)) {
      return false;
    }
  }
  return true;
}

/* ------------------------------------------------------------------ operations */

bool op_co_lock(unsigned actor, const ds_operation *op)
{
  unsigned self = actor - ACTOR_CO_FIRST;
  unsigned lock = mutex_of(op);

  if (!may_wait_for(self, lock)) {
    return false;
  }
  lock_begin(self, lock, false, "qemu_co_mutex_lock: its holder");
  qemu_co_mutex_lock(&colocks.mutexes[lock]);
  lock_end(self, lock);
  return true;
}

bool op_co_unlock(unsigned actor, const ds_operation *op)
{
  unsigned self = actor - ACTOR_CO_FIRST;
  unsigned lock = mutex_of(op);

  if (!writes(self, lock)) {
    return false;
  }
  qemu_co_mutex_assert_locked(&colocks.mutexes[lock]);
  mutex_unlock(self, lock);
  return true;
}

bool op_co_rdlock(unsigned actor, const ds_operation *op)
{
  unsigned self = actor - ACTOR_CO_FIRST;
  unsigned lock = rwlock_of(op);

  if (!may_wait_for(self, lock)) {
    return false;
  }
  rwlock_lock(self, lock, true, qemu_co_rwlock_rdlock, "qemu_co_rwlock_rdlock: a writer");
  return true;
}

bool op_co_wrlock(unsigned actor, const ds_operation *op)
{
  unsigned self = actor - ACTOR_CO_FIRST;
  unsigned lock = rwlock_of(op);

  if (!may_wait_for(self, lock)) {
    return false;
  }
  rwlock_lock(self, lock, false, qemu_co_rwlock_wrlock, "qemu_co_rwlock_wrlock: its owners");
  return true;
}

bool op_co_rwunlock(unsigned actor, const ds_operation *op)
{
  unsigned self = actor - ACTOR_CO_FIRST;
  unsigned lock = rwlock_of(op);

  if (!reads(self, lock) && !writes(self, lock)) {
    return false;
  }
  rwlock_unlock(self, lock);
  return true;
}

bool op_co_upgrade(unsigned actor, const ds_operation *op)
{
  unsigned self = actor - ACTOR_CO_FIRST;
  unsigned lock = rwlock_of(op);

  if (!reads(self, lock) || (lock + 1 < CO_LOCKS && !may_wait_for(self, lock + 1))) {
    return false;
  }
  colocks.locks[lock].readers &= ~bit(self); /* others may write in between */
  rwlock_lock(self, lock, false, qemu_co_rwlock_upgrade, "qemu_co_rwlock_upgrade: its owners");
  return true;
}

bool op_co_downgrade(unsigned actor, const ds_operation *op)
{
  unsigned self = actor - ACTOR_CO_FIRST;
  unsigned lock = rwlock_of(op);

  if (!writes(self, lock)) {
    return false;
  }
  unlock_begin(self, lock);
  colocks.locks[lock].readers |= bit(self);
  qemu_co_rwlock_downgrade(&colocks.rwlocks[lock - CO_MUTEXES]);
  unlock_end(self);
  rule_handed_over(lock);
  return true;
}

void colocks_release(unsigned self)
{
  for (unsigned lock = CO_LOCKS; lock-- > 0;) {
    if (!reads(self, lock) && !writes(self, lock)) {
      continue;
    }
    if (lock < CO_MUTEXES) {
      mutex_unlock(self, lock);
    } else {
      rwlock_unlock(self, lock);
    }
  }
}

static void mutex_unlock(unsigned self, unsigned lock)
{
  unlock_begin(self, lock);
  qemu_co_mutex_unlock(&colocks.mutexes[lock]);
  unlock_end(self);
}

static void rwlock_lock(unsigned self, unsigned lock, bool reads, RwlockFunction *function,
                        const char *what)
{
  lock_begin(self, lock, reads, what);
  function(&colocks.rwlocks[lock - CO_MUTEXES]);
  lock_end(self, lock);
  rule_handed_over(lock);
}

static void rwlock_unlock(unsigned self, unsigned lock)
{
  unlock_begin(self, lock);
  qemu_co_rwlock_unlock(&colocks.rwlocks[lock - CO_MUTEXES]);
  unlock_end(self);
  rule_handed_over(lock);
}

/* ------------------------------------------------------------------ ghosts */

static void lock_begin(unsigned self, unsigned lock, bool reads, const char *what)
{
  GhostLocker *locker = &colocks.lockers[self];

  *locker = (GhostLocker){.lock = (uint8_t)lock, .waits = true, .reads = reads};
  for (unsigned i = 0; i < COROUTINES; i++) {
    const GhostLocker *other = &colocks.lockers[i];
    if (other->lock == lock && other->waits && coroutine_sleeps(i)) {
      locker->ahead |= bit(i);
    }
  }
  const GhostColock *held = &colocks.locks[lock];
  if (held->writer | held->readers) {
    ds_mark(2); /* somebody is in the way */
  }
  ds_task_waits(ghost.coroutines[self].task, what, 0, -1);
  ds_task_holders(ghost.coroutines[self].task, holder_above, &colocks.locks[lock]);
}

/* It may be handed over while somebody waits for it. */
static unsigned holder_above(unsigned after, void *lock)
{
  const GhostColock *held = lock;
  return coroutine_task_above(held->writer | held->readers, after);
}

static void lock_end(unsigned self, unsigned lock)
{
  GhostLocker *locker = &colocks.lockers[self];

  ds_task_waits(ghost.coroutines[self].task, NULL, 0, -1);
  rule_let_in(self, lock);
  if (locker->reads) {
    colocks.locks[lock].readers |= bit(self);
  } else {
    colocks.locks[lock].writer |= bit(self);
  }
  for (unsigned i = 0; i < COROUTINES; i++) {
    colocks.lockers[i].ahead &= ~bit(self);
  }
  *locker = (GhostLocker){.lock = NO_LOCK};
}

static void unlock_begin(unsigned self, unsigned lock)
{
  colocks.locks[lock].readers &= ~bit(self);
  colocks.locks[lock].writer &= ~bit(self);
  colocks.lockers[self] = (GhostLocker){.lock = (uint8_t)lock};
}

static void unlock_end(unsigned self)
{
  colocks.lockers[self] = (GhostLocker){.lock = NO_LOCK};
}
