/* SPDX-License-Identifier: Apache-2.0 */
/* Semaphores without a name, and barriers. */
#include "gate.h"
#include "memory.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>

#include "posix.h"

enum { LIVE = 0x6576696c };

static void check_live(ds_machine *m, const void *object, const int *state, const char *what,
                       uintptr_t pc)
{
  object_used(m, object, pc);
  if (UNLIKELY(*state != LIVE)) {
    object_misused(m, what, *state, pc);
  }
}

/* ------------------------------------------------------------------ semaphores */

/* First bytes of a sem_t. Who passes knows what all posts so far knew. */
typedef struct sim_sem {
  uint32_t value;
  uint16_t clock, unused;
  int state; /* LIVE, or DESTROYED */
} sim_sem;

_Static_assert(sizeof(sim_sem) <= sizeof(sem_t), "state fits into the object");

static void check_sem(ds_machine *m, const sim_sem *s, uintptr_t pc)
{
  check_live(m, s, &s->state, "semaphore", pc);
}

static int is_positive(const ds_machine *m, const fiber *f, const void *object)
{
  (void)m, (void)f;
  return ((const sim_sem *)object)->value > 0;
}

static void take(ds_machine *m, sim_sem *s)
{
  s->value--;
  sync_acquire(m, s->clock);
  gates_moved(m, s);
  observe(m, DS_EV_WAIT, s, 0, s->value + 1, s->value);
}

static int wait_until(ds_machine *m, sim_sem *s, uint64_t until_ns, const char *call, uintptr_t pc)
{
  check_sem(m, s, pc);
  if (!s->value && interrupted(m, call, pc)) {
    return -1;
  }
  const int late = gate_pass(m, DS_EV_WAIT, s, is_positive, until_ns, pc);
  check_sem(m, s, pc);
  if (late) {
    return set_errno(m, late);
  }
  take(m, s);
  return 0;
}

int sim_sem_init(sem_t *semaphore, int shared, unsigned value)
{
  (void)shared;
  if (value > SEM_VALUE_MAX) {
    return set_errno(ds_current, EINVAL);
  }
  *(sim_sem *)semaphore = (sim_sem){.value = value, .state = LIVE};
  return 0;
}

int sim_sem_destroy(sem_t *semaphore)
{
  ds_machine *m = ds_current;
  sim_sem *s = (sim_sem *)semaphore;

  check_sem(m, s, CALLER);
  if (gate_has_waiters(m, s, is_positive)) {
    finish(m, DS_FAIL, DS_LOCK_MISUSE, CALLER, "destroy of a semaphore with waiters");
  }
  s->state = DESTROYED;
  return 0;
}

int sim_sem_wait(sem_t *semaphore)
{
  return wait_until(ds_current, (sim_sem *)semaphore, 0, "sem_wait is interrupted (EINTR)", CALLER);
}

int sim_sem_timedwait(sem_t *semaphore, const struct timespec *until)
{
  return wait_until(ds_current, (sim_sem *)semaphore, timespec_ns(until) + 1,
                    "sem_timedwait is interrupted (EINTR)", CALLER);
}

int sim_sem_trywait(sem_t *semaphore)
{
  ds_machine *m = ds_current;
  sim_sem *s = (sim_sem *)semaphore;

  check_sem(m, s, CALLER);
  point(m, DS_EV_LOCK, s, CALLER);
  check_sem(m, s, CALLER);
  if (!s->value) {
    observe(m, DS_EV_TRYLOCK_FAILED, s, 0, 0, 0);
    return set_errno(m, EAGAIN);
  }
  take(m, s);
  return 0;
}

int sim_sem_post(sem_t *semaphore)
{
  ds_machine *m = ds_current;
  sim_sem *s = (sim_sem *)semaphore;

  check_sem(m, s, CALLER);
  point(m, DS_EV_SIGNAL, s, CALLER);
  check_sem(m, s, CALLER);
  if (s->value == SEM_VALUE_MAX) {
    return set_errno(m, EOVERFLOW);
  }
  sync_release(m, &s->clock);
  s->value++;
  gates_moved(m, s);
  observe(m, DS_EV_SIGNAL, s, 0, s->value - 1, s->value);
  return 0;
}

int sim_sem_getvalue(sem_t *semaphore, int *value)
{
  ds_machine *m = ds_current;
  sim_sem *s = (sim_sem *)semaphore;

  check_sem(m, s, CALLER);
  point(m, DS_EV_LOAD, s, CALLER);
  check_sem(m, s, CALLER);
  *value = (int)s->value;
  observe(m, DS_EV_LOAD, s, sizeof s->value, s->value, s->value);
  return 0;
}

/* ------------------------------------------------------------------ barriers */

/* First bytes of a pthread_barrier_t. */
typedef struct sim_barrier {
  uint32_t count, arrived, round;
  uint16_t clock[2]; /* of this round and of the one before, which some may not have left yet */
  int state;
} sim_barrier;

_Static_assert(sizeof(sim_barrier) <= sizeof(pthread_barrier_t), "state fits into the object");

static void check_barrier(ds_machine *m, const sim_barrier *b, uintptr_t pc)
{
  check_live(m, b, &b->state, "barrier", pc);
}

static int has_passed(const ds_machine *m, const fiber *f, const void *object)
{
  (void)m;
  return ((const sim_barrier *)object)->round != f->round;
}

int sim_barrier_init(pthread_barrier_t *barrier, const pthread_barrierattr_t *attr, unsigned count)
{
  (void)attr;
  if (!count) {
    return EINVAL;
  }
  *(sim_barrier *)barrier = (sim_barrier){.count = count, .state = LIVE};
  return 0;
}

int sim_barrier_destroy(pthread_barrier_t *barrier)
{
  ds_machine *m = ds_current;
  sim_barrier *b = (sim_barrier *)barrier;

  check_barrier(m, b, CALLER);
  if (gate_has_waiters(m, b, has_passed)) {
    finish(m, DS_FAIL, DS_LOCK_MISUSE, CALLER, "destroy of a barrier with waiters");
  }
  b->state = DESTROYED;
  return 0;
}

int sim_barrier_wait(pthread_barrier_t *barrier)
{
  ds_machine *m = ds_current;
  sim_barrier *b = (sim_barrier *)barrier;

  check_barrier(m, b, CALLER);
  point(m, DS_EV_WAIT, b, CALLER);
  check_barrier(m, b, CALLER);
  const uint32_t round = m->current->round = b->round;
  uint16_t *clock = &b->clock[round % 2];
  *clock = b->arrived ? *clock : 0;
  sync_release(m, clock);
  observe(m, DS_EV_WAIT, b, 0, b->arrived, b->arrived + 1);
  if (++b->arrived < b->count) {
    gate_pass(m, DS_EV_WAIT, b, has_passed, 0, CALLER);
    check_barrier(m, b, CALLER);
    sync_acquire(m, b->clock[round % 2]);
    observe(m, DS_EV_WAIT, b, 0, 0, 0);
    return 0;
  }
  b->arrived = 0;
  b->round++;
  sync_acquire(m, *clock);
  gates_moved(m, b);
  return PTHREAD_BARRIER_SERIAL_THREAD;
}

int sim_barrierattr_nothing(pthread_barrierattr_t *attr)
{
  (void)attr;
  return 0;
}

int sim_barrierattr_set(pthread_barrierattr_t *attr, int value)
{
  (void)attr, (void)value;
  return 0;
}
