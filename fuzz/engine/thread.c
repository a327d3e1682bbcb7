/* SPDX-License-Identifier: Apache-2.0 */
/* Simulated pthreads: create, join, detach, self, yield, thread-specific data, errno. */
#include "inject.h"
#include "liveness.h"
#include "memory.h"

#include <errno.h>
#include <pthread.h>

#include "posix.h"

/* A pthread_t is the thread's id + 1, so that 0 is no thread. */
static fiber *fiber_of(ds_machine *m, pthread_t thread, uintptr_t pc)
{
  if (thread == 0 || thread > m->fiber_count) {
    finish(m, DS_FAIL, DS_LOCK_MISUSE, pc, "no such thread");
  }
  return &m->fibers[thread - 1];
}

int sim_thread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
                      void *argument)
{
  ds_machine *m = ds_current;

  (void)attr; /* stack size and scheduling class mean nothing here; detached: pthread_detach() */
  point(m, DS_EV_CREATE, NULL, CALLER);
  if (inject(m, DS_KIND_THREAD, 2, "pthread_create fails with EAGAIN", CALLER)) {
    return EAGAIN;
  }
  const fiber *f = fiber_create(m, start, argument);
  *thread = (pthread_t)f->id + 1;
  observe(m, DS_EV_CREATE, THREAD_OBJECT(f->id), 0, 0, 0);
  return 0;
}

/* until_ns: when it gives up, 0 = never. */
static int join_until(pthread_t thread, void **value, uint64_t until_ns, uintptr_t pc)
{
  ds_machine *m = ds_current;
  fiber *f = fiber_of(m, thread, pc), *self = m->current;

  if (f == self || f->detached || f->joiner) {
    finish(m, DS_FAIL, DS_LOCK_MISUSE, pc, "join of a thread that cannot be joined");
  }
  settle(m);
  f->joiner = (uint16_t)(self->id + 1);
  if (f->done) {
    point(m, DS_EV_JOIN, THREAD_OBJECT(f->id), pc);
  } else {
    self->timed_out = 0;
    self->wake_ns = until_ns;
    make_blocked(m, self);
    time_passes(m, self, pc);
    block(m, DS_EV_JOIN, THREAD_OBJECT(f->id), pc);
    self->wake_ns = 0;
  }
  if (!f->done) {
    f->joiner = 0;
    return ETIMEDOUT;
  }
  if (m->model) {
    m->model->join(m, f);
  }
  if (value) {
    *value = f->value;
  }
  observe(m, DS_EV_JOIN, THREAD_OBJECT(f->id), 0, 0, 0);
  return 0;
}

int sim_thread_join(pthread_t thread, void **value)
{
  return join_until(thread, value, 0, CALLER);
}

int sim_thread_timedjoin(pthread_t thread, void **value, const struct timespec *until)
{
  return join_until(thread, value, timespec_ns(until) + 1, CALLER);
}

int sim_thread_tryjoin(pthread_t thread, void **value)
{
  ds_machine *m = ds_current;
  const fiber *f = fiber_of(m, thread, CALLER);

  point(m, DS_EV_JOIN, THREAD_OBJECT(f->id), CALLER);
  return f->done ? join_until(thread, value, 0, CALLER) : EBUSY;
}

int sim_thread_detach(pthread_t thread)
{
  fiber_of(ds_current, thread, CALLER)->detached = 1;
  return 0;
}

pthread_t sim_thread_self(void)
{
  return (pthread_t)ds_current->current->id + 1;
}

int sim_thread_equal(pthread_t a, pthread_t b)
{
  return a == b;
}

void sim_thread_exit(void *value)
{
  fiber_exit(ds_current, value);
}

int sim_threadattr_nothing(pthread_attr_t *attr)
{
  (void)attr;
  return 0;
}

int sim_threadattr_set(pthread_attr_t *attr, int value)
{
  (void)attr, (void)value;
  return 0;
}

int sim_yield(void)
{
  ds_machine *m = ds_current;

  m->current->yielded = 1;
  spin_yields(m);
  ask_soon(m);
  point(m, DS_EV_YIELD, NULL, CALLER);
  m->current->yielded = 0;
  return 0;
}

int sim_key_create(pthread_key_t *key, void (*destructor)(void *))
{
  ds_machine *m = ds_current;

  if (m->key_count == KEYS) {
    return EAGAIN;
  }
  m->key_destructor[m->key_count] = destructor;
  *key = m->key_count++;
  return 0;
}

int sim_key_delete(pthread_key_t key)
{
  ds_current->key_destructor[key % KEYS] = NULL;
  return 0;
}

void *sim_getspecific(pthread_key_t key)
{
  return ds_current->current->keys[key % KEYS];
}

int sim_setspecific(pthread_key_t key, const void *value)
{
  ds_current->current->keys[key % KEYS] = (void *)(uintptr_t)value;
  return 0;
}

int *sim_errno_location(void)
{
  return &ds_current->current->error;
}
