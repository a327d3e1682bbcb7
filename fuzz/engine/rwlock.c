/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Read-write locks and spinlocks. A read-write lock prefers readers, as the C library's does,
 * unless it was made with PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP. A spinlock that is taken
 * does not spin: who wants it stands before it, like before a mutex.
 */
#include "gate.h"
#include "memory.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "posix.h"

enum { READERS_MOST = 16 };

/* First bytes of pthread_rwlock_t; `preference` lies where the static initialisers put it. */
typedef struct sim_rwlock {
  uint16_t writer;        /* thread id + 1, 0 = none */
  uint16_t readers;       /* read locks, also those of one thread */
  uint16_t written, read; /* what unlocks of writers and of readers released (memory.h) */
  int state;              /* 0, or DESTROYED */
  int unused;
  struct {
    uint8_t thread, depth; /* id + 1, 0 = free; its read locks */
  } holders[READERS_MOST];
  unsigned preference;
} sim_rwlock;

_Static_assert(sizeof(sim_rwlock) <= sizeof(pthread_rwlock_t), "state fits into the object");
_Static_assert(offsetof(sim_rwlock, preference) ==
                   offsetof(pthread_rwlock_t, __data) +
                       offsetof(struct __pthread_rwlock_arch_t, __flags),
               "preference where the static initialisers put it");
_Static_assert((int)DS_THREAD_MAX < UINT8_MAX, "a thread fits");

static void check_rwlock(ds_machine *m, const sim_rwlock *l, uintptr_t pc)
{
  object_used(m, l, pc);
  if (UNLIKELY(l->state || l->writer > DS_THREAD_MAX ||
               l->preference > PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP)) {
    object_misused(m, "read-write lock", l->state, pc);
  }
}

/* Where the read locks of a thread are counted (thread: id + 1), or a free place (0); -1 = none. */
static int holder_at(const sim_rwlock *l, uint32_t thread)
{
  for (int i = 0; i < READERS_MOST; i++) {
    if (l->holders[i].thread == thread) {
      return i;
    }
  }
  return -1;
}

static int may_write(const ds_machine *m, const fiber *f, const void *object)
{
  const sim_rwlock *l = object;

  (void)m, (void)f;
  return !l->writer && !l->readers;
}

static int may_read(const ds_machine *m, const fiber *f, const void *object)
{
  const sim_rwlock *l = object;
  const int writers_first = l->preference == PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP;

  (void)f;
  return !l->writer && !(writers_first && l->readers && gate_has_waiters(m, l, may_write));
}

int is_rwlock_gate(gate *open)
{
  return open == may_read || open == may_write;
}

int rwlock_holder(const ds_machine *m, const fiber *f)
{
  const sim_rwlock *l = f->op.object;

  if (l->writer) {
    return l->writer - 1;
  }
  for (uint32_t i = 0; f->gate == may_read && i < m->fiber_count; i++) {
    if (m->fibers[i].gate == may_write && m->fibers[i].op.object == l) {
      return (int)i;
    }
  }
  for (int i = 0; i < READERS_MOST; i++) {
    if (l->holders[i].thread && l->holders[i].thread != f->id + 1) {
      return l->holders[i].thread - 1;
    }
  }
  return holder_at(l, f->id + 1u) >= 0 ? f->id : -1;
}

/* ------------------------------------------------------------------ taking */

static void take_to_read(ds_machine *m, sim_rwlock *l, uintptr_t pc)
{
  const uint32_t self = m->current->id + 1u;
  int at = holder_at(l, self);

  at = at < 0 ? holder_at(l, 0) : at;
  if (at < 0 || l->holders[at].depth == UINT8_MAX) {
    finish(m, DS_UNKNOWN, DS_MEMORY_LIMIT, pc, "limit of %d readers of one lock reached",
           READERS_MOST);
  }
  l->holders[at].thread = (uint8_t)self;
  l->holders[at].depth++;
  l->readers++;
  sync_acquire(m, l->written);
  gates_moved(m, l);
  observe(m, DS_EV_LOCK, l, 0, 0, l->readers);
}

static void take_to_write(ds_machine *m, sim_rwlock *l)
{
  l->writer = (uint16_t)(m->current->id + 1);
  sync_acquire(m, l->written);
  sync_acquire(m, l->read);
  gates_moved(m, l);
  observe(m, DS_EV_LOCK, l, 0, 0, 0);
}

static int lock_to_read(ds_machine *m, pthread_rwlock_t *lock, uint64_t until_ns, uintptr_t pc)
{
  sim_rwlock *l = (sim_rwlock *)lock;

  check_rwlock(m, l, pc);
  if (l->writer == m->current->id + 1) {
    finish(m, DS_FAIL, DS_LOCK_MISUSE, pc, "read lock of what this thread holds to write");
  }
  const int late = gate_pass(m, DS_EV_LOCK, l, may_read, until_ns, pc);
  check_rwlock(m, l, pc);
  if (!late) {
    take_to_read(m, l, pc);
  }
  return late;
}

static int lock_to_write(ds_machine *m, pthread_rwlock_t *lock, uint64_t until_ns, uintptr_t pc)
{
  sim_rwlock *l = (sim_rwlock *)lock;
  const uint32_t self = m->current->id + 1u;

  check_rwlock(m, l, pc);
  if (l->writer == self || holder_at(l, self) >= 0) {
    finish(m, DS_FAIL, DS_LOCK_MISUSE, pc, "write lock of what this thread holds %s",
           l->writer == self ? "already" : "to read");
  }
  const int late = gate_pass(m, DS_EV_LOCK, l, may_write, until_ns, pc);
  check_rwlock(m, l, pc);
  if (!late) {
    take_to_write(m, l);
  } else { /* readers may have stood behind it */
    gates_moved(m, l);
  }
  return late;
}

/* ------------------------------------------------------------------ read-write locks */

int sim_rwlock_init(pthread_rwlock_t *lock, const pthread_rwlockattr_t *attr)
{
  *(sim_rwlock *)lock = (sim_rwlock){.preference = attr ? *(const unsigned *)attr : 0};
  return 0;
}

int sim_rwlock_destroy(pthread_rwlock_t *lock)
{
  ds_machine *m = ds_current;
  sim_rwlock *l = (sim_rwlock *)lock;

  check_rwlock(m, l, CALLER);
  if (l->writer || l->readers) {
    finish(m, DS_FAIL, DS_LOCK_MISUSE, CALLER, "destroy of a locked read-write lock");
  }
  l->state = DESTROYED;
  return 0;
}

int sim_rwlock_rdlock(pthread_rwlock_t *lock)
{
  return lock_to_read(ds_current, lock, 0, CALLER);
}

int sim_rwlock_wrlock(pthread_rwlock_t *lock)
{
  return lock_to_write(ds_current, lock, 0, CALLER);
}

int sim_rwlock_timedrdlock(pthread_rwlock_t *lock, const struct timespec *until)
{
  return lock_to_read(ds_current, lock, timespec_ns(until) + 1, CALLER);
}

int sim_rwlock_timedwrlock(pthread_rwlock_t *lock, const struct timespec *until)
{
  return lock_to_write(ds_current, lock, timespec_ns(until) + 1, CALLER);
}

static int try_lock(ds_machine *m, sim_rwlock *l, gate *open, uintptr_t pc)
{
  check_rwlock(m, l, pc);
  point(m, DS_EV_LOCK, l, pc);
  check_rwlock(m, l, pc);
  if (!open(m, m->current, l)) {
    observe(m, DS_EV_TRYLOCK_FAILED, l, 0, 0, 0);
    return EBUSY;
  }
  return 0;
}

int sim_rwlock_tryrdlock(pthread_rwlock_t *lock)
{
  ds_machine *m = ds_current;
  const int busy = try_lock(m, (sim_rwlock *)lock, may_read, CALLER);

  if (!busy) {
    take_to_read(m, (sim_rwlock *)lock, CALLER);
  }
  return busy;
}

int sim_rwlock_trywrlock(pthread_rwlock_t *lock)
{
  ds_machine *m = ds_current;
  const int busy = try_lock(m, (sim_rwlock *)lock, may_write, CALLER);

  if (!busy) {
    take_to_write(m, (sim_rwlock *)lock);
  }
  return busy;
}

int sim_rwlock_unlock(pthread_rwlock_t *lock)
{
  ds_machine *m = ds_current;
  sim_rwlock *l = (sim_rwlock *)lock;
  const uint32_t self = m->current->id + 1u;

  check_rwlock(m, l, CALLER);
  const int at = holder_at(l, self);
  if (l->writer != self && at < 0) {
    finish(m, DS_FAIL, DS_LOCK_MISUSE, CALLER,
           "unlock of a read-write lock that this thread does not hold");
  }
  point(m, DS_EV_UNLOCK, l, CALLER);
  check_rwlock(m, l, CALLER);
  if (at >= 0) {
    sync_release(m, &l->read);
    l->readers--;
    l->holders[at].depth--;
    l->holders[at].thread = l->holders[at].depth ? l->holders[at].thread : 0;
  } else {
    sync_release(m, &l->written);
    l->writer = 0;
  }
  gates_moved(m, l);
  observe(m, DS_EV_UNLOCK, l, 0, 0, l->readers);
  return 0;
}

int sim_rwlockattr_init(pthread_rwlockattr_t *attr)
{
  *(unsigned *)attr = 0;
  return 0;
}

int sim_rwlockattr_setkind(pthread_rwlockattr_t *attr, int preference)
{
  if ((unsigned)preference > PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP) {
    return EINVAL;
  }
  *(unsigned *)attr = (unsigned)preference;
  return 0;
}

int sim_rwlockattr_nothing(pthread_rwlockattr_t *attr)
{
  (void)attr;
  return 0;
}

int sim_rwlockattr_set(pthread_rwlockattr_t *attr, int value)
{
  (void)attr, (void)value; /* shared between processes: there is one */
  return 0;
}

/* ------------------------------------------------------------------ spinlocks */

/* A pthread_spinlock_t. */
typedef struct sim_spinlock {
  uint16_t owner; /* thread id + 1, 0 = free */
  uint16_t clock;
} sim_spinlock;

enum { GONE = UINT16_MAX };

_Static_assert(sizeof(sim_spinlock) <= sizeof(pthread_spinlock_t), "state fits into the object");

static void check_spinlock(ds_machine *m, const sim_spinlock *l, uintptr_t pc)
{
  object_used(m, l, pc);
  if (UNLIKELY(l->owner > DS_THREAD_MAX)) {
    object_misused(m, "spinlock", l->owner == GONE ? DESTROYED : 0, pc);
  }
}

static int is_free(const ds_machine *m, const fiber *f, const void *object)
{
  (void)m, (void)f;
  return !((const sim_spinlock *)object)->owner;
}

static void take_spinlock(ds_machine *m, sim_spinlock *l)
{
  l->owner = (uint16_t)(m->current->id + 1);
  sync_acquire(m, l->clock);
  gates_moved(m, l);
  observe(m, DS_EV_LOCK, l, 0, 0, 0);
}

int sim_spin_init(pthread_spinlock_t *lock, int shared)
{
  (void)shared;
  memset((void *)(uintptr_t)lock, 0, sizeof(sim_spinlock));
  return 0;
}

int sim_spin_destroy(pthread_spinlock_t *lock)
{
  sim_spinlock *l = (sim_spinlock *)(uintptr_t)lock;

  check_spinlock(ds_current, l, CALLER);
  if (l->owner) {
    finish(ds_current, DS_FAIL, DS_LOCK_MISUSE, CALLER, "destroy of a locked spinlock");
  }
  l->owner = GONE;
  return 0;
}

int sim_spin_lock(pthread_spinlock_t *lock)
{
  ds_machine *m = ds_current;
  sim_spinlock *l = (sim_spinlock *)(uintptr_t)lock;

  check_spinlock(m, l, CALLER);
  if (l->owner == m->current->id + 1) {
    finish(m, DS_FAIL, DS_LOCK_MISUSE, CALLER, "relock of a spinlock that this thread holds");
  }
  gate_pass(m, DS_EV_LOCK, l, is_free, 0, CALLER);
  check_spinlock(m, l, CALLER);
  take_spinlock(m, l);
  return 0;
}

int sim_spin_trylock(pthread_spinlock_t *lock)
{
  ds_machine *m = ds_current;
  sim_spinlock *l = (sim_spinlock *)(uintptr_t)lock;

  point(m, DS_EV_LOCK, l, CALLER);
  check_spinlock(m, l, CALLER);
  if (l->owner) {
    observe(m, DS_EV_TRYLOCK_FAILED, l, 0, 0, 0);
    return EBUSY;
  }
  take_spinlock(m, l);
  return 0;
}

int sim_spin_unlock(pthread_spinlock_t *lock)
{
  ds_machine *m = ds_current;
  sim_spinlock *l = (sim_spinlock *)(uintptr_t)lock;

  check_spinlock(m, l, CALLER);
  if (l->owner != m->current->id + 1) {
    finish(m, DS_FAIL, DS_LOCK_MISUSE, CALLER,
           "unlock of a spinlock that this thread does not hold");
  }
  point(m, DS_EV_UNLOCK, l, CALLER);
  check_spinlock(m, l, CALLER);
  sync_release(m, &l->clock);
  l->owner = 0;
  gates_moved(m, l);
  observe(m, DS_EV_UNLOCK, l, 0, 0, 0);
  return 0;
}
