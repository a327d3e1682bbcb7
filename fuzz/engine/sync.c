/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads, mutexes, conditions, once and thread-specific data as POSIX describes them. The state
 * lives in the target's own pthread objects, so a zeroed object is an initialised one and a copy
 * of the target's memory is a copy of its locks.
 *
 * A thread that stands before lock() is on the mutex's list and is runnable exactly while the
 * mutex is free: nobody is woken to find it taken.
 */
#include "gate.h"
#include "inject.h"
#include "memory.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "posix.h"

/* First bytes of pthread_mutex_t; `kind` lies where PTHREAD_*_MUTEX_INITIALIZER puts it. */
typedef struct sim_mutex {
  uint16_t owner;   /* thread id + 1, 0 = free */
  uint16_t waiters; /* head of the list: id + 1 */
  uint32_t depth;   /* of a recursive one */
  uint16_t clock;   /* what unlocks released (memory.h) */
  uint16_t unused[3];
  int kind; /* PTHREAD_MUTEX_*, or DESTROYED */
} sim_mutex;

/* First bytes of pthread_cond_t. Waiters are woken in order unless a deviation says otherwise. */
typedef struct sim_cond {
  uint16_t head, tail; /* id + 1 */
  int state;           /* 0, or DESTROYED */
} sim_cond;

enum { ID_END = 0x100 }; /* thread id + 1 is below ID_END */

_Static_assert((int)DS_THREAD_MAX < (int)ID_END, "ids fit");
_Static_assert(sizeof(sim_mutex) <= sizeof(pthread_mutex_t), "state fits into the object");
_Static_assert(sizeof(sim_cond) <= sizeof(pthread_cond_t), "state fits into the object");
_Static_assert(offsetof(sim_mutex, kind) == offsetof(struct __pthread_mutex_s, __kind),
               "kind where the static initialisers put it");

/* ------------------------------------------------------------------ is it an object at all? */

/* Nothing else could be said of a destroyed one, of a block that malloc() filled, of bytes that
 * somebody wrote over it. */
void object_misused(ds_machine *m, const char *what, int state, uintptr_t pc)
{
  finish(m, DS_FAIL, DS_LOCK_MISUSE, pc, "use of a %s that %s", what,
         state == DESTROYED ? "was destroyed" : "was never initialised, or was overwritten");
}

/* Before and after each scheduling point: others may have freed or destroyed it meanwhile. */
static inline void check_mutex(ds_machine *m, const sim_mutex *mx, uintptr_t pc)
{
  object_used(m, mx, pc);
  if (UNLIKELY((unsigned)mx->kind > PTHREAD_MUTEX_ADAPTIVE_NP ||
               (mx->owner | mx->waiters) >= ID_END)) {
    object_misused(m, "mutex", mx->kind, pc);
  }
}

static inline void check_cond(ds_machine *m, const sim_cond *c, uintptr_t pc)
{
  object_used(m, c, pc);
  if (UNLIKELY(c->state || (c->head | c->tail) >= ID_END)) {
    object_misused(m, "condition", c->state, pc);
  }
}

/* ------------------------------------------------------------------ mutexes */

static void link_waiter(sim_mutex *mx, fiber *f)
{
  if (!f->linked) {
    f->next_waiter = mx->waiters;
    mx->waiters = (uint16_t)(f->id + 1);
    f->linked = 1;
  }
}

static void unlink_waiter(ds_machine *m, sim_mutex *mx, fiber *f)
{
  uint16_t *at = &mx->waiters;

  if (!f->linked) {
    return;
  }
  while (*at && *at != f->id + 1) {
    at = &m->fibers[*at - 1].next_waiter;
  }
  *at = *at ? f->next_waiter : 0;
  f->linked = 0;
}

static void take(ds_machine *m, sim_mutex *mx, fiber *f)
{
  mx->owner = (uint16_t)(f->id + 1);
  mx->depth = 1;
  for (uint16_t w = mx->waiters; w; w = m->fibers[w - 1].next_waiter) {
    make_blocked(m, &m->fibers[w - 1]);
  }
  gates_moved(m, mx);
  sync_acquire(m, mx->clock);
}

static void release(ds_machine *m, sim_mutex *mx)
{
  sync_release(m, &mx->clock);
  mx->owner = 0;
  mx->depth = 0;
  for (uint16_t w = mx->waiters; w; w = m->fibers[w - 1].next_waiter) {
    make_runnable(m, &m->fibers[w - 1]);
  }
  gates_moved(m, mx);
}

/* Stand before lock(mx) until it is free and we are chosen; then take it. */
static void acquire(ds_machine *m, sim_mutex *mx, uintptr_t pc)
{
  fiber *f = m->current;

  settle(m);
  if (mx->owner) {
    link_waiter(mx, f);
    make_blocked(m, f);
    block(m, DS_EV_LOCK, mx, pc);
  } else if (m->fuel <= 1) { /* we may be left standing here: be on the list */
    link_waiter(mx, f);
    point(m, DS_EV_LOCK, mx, pc);
  } else {
    point(m, DS_EV_LOCK, mx, pc);
  }
  check_mutex(m, mx, pc);
  unlink_waiter(m, mx, f);
  take(m, mx, f);
}

int mutex_owner(const void *mutex)
{
  return ((const sim_mutex *)mutex)->owner - 1;
}

int sim_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attr)
{
  sim_mutex *mx = (sim_mutex *)mutex;

  *mx = (sim_mutex){.kind = attr ? *(const int *)attr : PTHREAD_MUTEX_NORMAL};
  return 0;
}

int sim_mutex_destroy(pthread_mutex_t *mutex)
{
  ds_machine *m = ds_current;
  sim_mutex *mx = (sim_mutex *)mutex;

  check_mutex(m, mx, CALLER);
  if (mx->owner) {
    finish(m, DS_FAIL, DS_LOCK_MISUSE, CALLER, "destroy of a locked mutex");
  }
  mx->kind = DESTROYED;
  return 0;
}

int sim_mutex_lock(pthread_mutex_t *mutex)
{
  ds_machine *m = ds_current;
  sim_mutex *mx = (sim_mutex *)mutex;

  check_mutex(m, mx, CALLER);
  if (mx->owner == m->current->id + 1) {
    if (mx->kind == PTHREAD_MUTEX_RECURSIVE) {
      mx->depth++;
      return 0;
    }
    if (mx->kind == PTHREAD_MUTEX_ERRORCHECK) {
      return EDEADLK;
    }
    finish(m, DS_FAIL, DS_LOCK_MISUSE, CALLER, "relock of a mutex that this thread holds");
  }
  acquire(m, mx, CALLER);
  observe(m, DS_EV_LOCK, mx, 0, 0, 0);
  return 0;
}

static int is_free(const ds_machine *m, const fiber *f, const void *object)
{
  (void)m, (void)f;
  return !((const sim_mutex *)object)->owner;
}

int sim_mutex_timedlock(pthread_mutex_t *mutex, const struct timespec *until)
{
  ds_machine *m = ds_current;
  sim_mutex *mx = (sim_mutex *)mutex;

  check_mutex(m, mx, CALLER);
  if (mx->owner == m->current->id + 1) {
    mx->depth += mx->kind == PTHREAD_MUTEX_RECURSIVE;
    return mx->kind == PTHREAD_MUTEX_RECURSIVE    ? 0
           : mx->kind == PTHREAD_MUTEX_ERRORCHECK ? EDEADLK
                                                  : ETIMEDOUT; /* nobody else can unlock it */
  }
  const int late = gate_pass(m, DS_EV_LOCK, mx, is_free, timespec_ns(until) + 1, CALLER);
  check_mutex(m, mx, CALLER);
  if (!late) {
    take(m, mx, m->current);
    observe(m, DS_EV_LOCK, mx, 0, 0, 0);
  }
  return late;
}

int sim_mutex_trylock(pthread_mutex_t *mutex)
{
  ds_machine *m = ds_current;
  sim_mutex *mx = (sim_mutex *)mutex;

  point(m, DS_EV_LOCK, mx, CALLER);
  check_mutex(m, mx, CALLER);
  if (mx->owner == m->current->id + 1 && mx->kind == PTHREAD_MUTEX_RECURSIVE) {
    mx->depth++;
    return 0;
  }
  if (mx->owner) {
    observe(m, DS_EV_TRYLOCK_FAILED, mx, 0, 0, 0);
    return EBUSY;
  }
  take(m, mx, m->current);
  observe(m, DS_EV_LOCK, mx, 0, 0, 0);
  return 0;
}

int sim_mutex_unlock(pthread_mutex_t *mutex)
{
  ds_machine *m = ds_current;
  sim_mutex *mx = (sim_mutex *)mutex;

  check_mutex(m, mx, CALLER);
  if (mx->owner != m->current->id + 1) {
    if (mx->kind == PTHREAD_MUTEX_ERRORCHECK || mx->kind == PTHREAD_MUTEX_RECURSIVE) {
      return EPERM;
    }
    finish(m, DS_FAIL, DS_LOCK_MISUSE, CALLER, "unlock of a mutex that this thread does not hold");
  }
  if (mx->depth > 1) {
    mx->depth--;
    return 0;
  }
  point(m, DS_EV_UNLOCK, mx, CALLER);
  check_mutex(m, mx, CALLER);
  release(m, mx);
  observe(m, DS_EV_UNLOCK, mx, 0, 0, 0);
  return 0;
}

int sim_mutexattr_init(pthread_mutexattr_t *attr)
{
  *(int *)attr = PTHREAD_MUTEX_NORMAL;
  return 0;
}

int sim_mutexattr_settype(pthread_mutexattr_t *attr, int type)
{
  *(int *)attr = type;
  return 0;
}

int sim_mutexattr_destroy(pthread_mutexattr_t *attr)
{
  (void)attr;
  return 0;
}

/* ------------------------------------------------------------------ conditions */

static void append_waiter(ds_machine *m, sim_cond *c, fiber *f)
{
  f->next_waiter = 0;
  if (c->tail) {
    m->fibers[c->tail - 1].next_waiter = (uint16_t)(f->id + 1);
  } else {
    c->head = (uint16_t)(f->id + 1);
  }
  c->tail = (uint16_t)(f->id + 1);
}

static int remove_waiter(ds_machine *m, sim_cond *c, const fiber *f)
{
  uint16_t before = 0, at = c->head;

  while (at && at != f->id + 1) {
    before = at;
    at = m->fibers[at - 1].next_waiter;
  }
  if (!at) {
    return 0;
  }
  *(before ? &m->fibers[before - 1].next_waiter : &c->head) = f->next_waiter;
  c->tail = c->tail == at ? before : c->tail;
  return 1;
}

/* Woken: from now on the fiber stands before lock(its mutex). */
static void wake_waiter(ds_machine *m, sim_cond *c, fiber *f)
{
  sim_mutex *mx = (sim_mutex *)(uintptr_t)f->op.object;

  remove_waiter(m, c, f);
  f->wake_ns = 0;
  f->waits_kind = DS_EV_LOCK;
  f->waits_on = mx;
  link_waiter(mx, f);
  if (mx->owner) {
    make_blocked(m, f); /* its time may have run out just now */
  } else {
    make_runnable(m, f);
  }
}

/* Two points: the wait itself (unlock and enqueue), then the return (wake and lock). */
static int cond_wait(ds_machine *m, sim_cond *c, sim_mutex *mx, uint64_t wake_ns, uintptr_t pc)
{
  fiber *f = m->current;

  check_mutex(m, mx, pc);
  if (mx->owner != f->id + 1) {
    finish(m, DS_FAIL, DS_LOCK_MISUSE, pc, "wait with a mutex that this thread does not hold");
  }
  point(m, DS_EV_WAIT, c, pc);
  check_mutex(m, mx, pc);
  check_cond(m, c, pc);
  if (c->head && m->fibers[c->head - 1].op.object != mx) {
    finish(m, DS_FAIL, DS_LOCK_MISUSE, pc, "wait with another mutex than those who wait already");
  }
  const uint32_t depth = mx->depth;
  release(m, mx);
  observe(m, DS_EV_WAIT, c, 0, 0, 0);
  append_waiter(m, c, f);
  f->timed_out = 0;
  f->wake_ns = wake_ns;
  make_blocked(m, f);
  f->waits_kind = DS_EV_WAIT;
  f->waits_on = c;
  const uint32_t spurious = inject(m, DS_KIND_WAKEUP, 2, "this wait ends for no reason", pc);
  f->op = (pending){mx, pc, DS_EV_LOCK, 0};
  if (spurious) {
    wake_waiter(m, c, f);
  } else if (wake_ns) {
    time_passes(m, f, pc);
  }
  m->fuel--;
  m->fuel_later = 0;
  schedule(m);
  check_mutex(m, mx, pc);
  const int timed_out = f->timed_out && remove_waiter(m, c, f);
  if (timed_out && mx->owner) { /* time ran out: we were not on the mutex's list */
    link_waiter(mx, f);
    make_blocked(m, f);
    block(m, DS_EV_LOCK, mx, pc);
    check_mutex(m, mx, pc);
  }
  f->waits_kind = DS_EV_NONE;
  unlink_waiter(m, mx, f);
  take(m, mx, f);
  mx->depth = depth;
  observe(m, DS_EV_LOCK, mx, 0, 0, 0);
  return timed_out ? ETIMEDOUT : 0;
}

int sim_cond_init(pthread_cond_t *cond, const pthread_condattr_t *attr)
{
  (void)attr;
  *(sim_cond *)cond = (sim_cond){0};
  return 0;
}

int sim_cond_destroy(pthread_cond_t *cond)
{
  ds_machine *m = ds_current;
  sim_cond *c = (sim_cond *)cond;

  check_cond(m, c, CALLER);
  if (c->head) {
    finish(m, DS_FAIL, DS_LOCK_MISUSE, CALLER, "destroy of a condition with waiters");
  }
  c->state = DESTROYED;
  return 0;
}

int sim_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
  return cond_wait(ds_current, (sim_cond *)cond, (sim_mutex *)mutex, 0, CALLER);
}

int sim_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until)
{
  const uint64_t wake_ns = timespec_ns(until);
  return cond_wait(ds_current, (sim_cond *)cond, (sim_mutex *)mutex, wake_ns ? wake_ns : 1, CALLER);
}

int sim_cond_signal(pthread_cond_t *cond)
{
  ds_machine *m = ds_current;
  sim_cond *c = (sim_cond *)cond;
  uint32_t waiters = 0;

  point(m, DS_EV_SIGNAL, c, CALLER);
  check_cond(m, c, CALLER);
  for (uint16_t w = c->head; w; w = m->fibers[w - 1].next_waiter) {
    waiters++;
  }
  if (waiters) {
    uint16_t woken = c->head;
    for (uint32_t skip = choose(m, DS_KIND_SIGNAL, waiters); skip; skip--) {
      woken = m->fibers[woken - 1].next_waiter;
    }
    wake_waiter(m, c, &m->fibers[woken - 1]);
  }
  observe(m, DS_EV_SIGNAL, c, 0, 0, waiters);
  return 0;
}

int sim_cond_broadcast(pthread_cond_t *cond)
{
  ds_machine *m = ds_current;
  sim_cond *c = (sim_cond *)cond;
  uint32_t woken = 0;

  point(m, DS_EV_BROADCAST, c, CALLER);
  check_cond(m, c, CALLER);
  for (; c->head; woken++) {
    wake_waiter(m, c, &m->fibers[c->head - 1]);
  }
  observe(m, DS_EV_BROADCAST, c, 0, 0, woken);
  return 0;
}

int sim_condattr_nothing(pthread_condattr_t *attr)
{
  (void)attr;
  return 0;
}

int sim_condattr_setclock(pthread_condattr_t *attr, clockid_t clock)
{
  (void)attr, (void)clock; /* there is one virtual clock */
  return 0;
}

/* ------------------------------------------------------------------ once */

/* A pthread_once_t: state in the lower half, clock of the routine's end in the upper one. */
enum { ONCE_NEW = 0, ONCE_RUNNING = 1, ONCE_DONE = 2, ONCE_CLOCK_SHIFT = 16 };

int sim_once(pthread_once_t *once, void (*routine)(void))
{
  ds_machine *m = ds_current;

  point(m, DS_EV_ONCE, once, CALLER);
  if (*once == ONCE_RUNNING) {
    make_blocked(m, m->current);
    block(m, DS_EV_ONCE, once, CALLER);
  } else if (*once == ONCE_NEW) {
    *once = ONCE_RUNNING;
    routine();
    uint16_t clock = 0;
    sync_release(m, &clock);
    *once = ONCE_DONE | (int)((unsigned)clock << ONCE_CLOCK_SHIFT);
    for (uint32_t i = 0; i < m->fiber_count; i++) {
      fiber *f = &m->fibers[i];
      if (f->waits_kind == DS_EV_ONCE && f->waits_on == once) {
        make_runnable(m, f);
      }
    }
  }
  sync_acquire(m, (uint16_t)((unsigned)*once >> ONCE_CLOCK_SHIFT));
  observe(m, DS_EV_ONCE, once, 0, 0, 0);
  return 0;
}
