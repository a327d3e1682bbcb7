/* SPDX-License-Identifier: Apache-2.0 */
/* What POSIX leaves undefined: objects that are used by the wrong thread, too late or too early. */
#include "defects.h"
#include "threads.h"

#include <stdlib.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t other_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int is_done; /* under lock */
static atomic_int inside;

/* ------------------------------------------------------------------ the wrong owner */

static void *lock_and_unlock(void *unused)
{
  pthread_mutex_lock(&lock);
  pthread_mutex_unlock(&lock);
  return unused;
}

/* Goes on without the lock that it did not get, and gives it back. */
static void *unlock_what_it_did_not_get(void *unused)
{
  pthread_mutex_trylock(&lock);
  pthread_mutex_unlock(&lock);
  return unused;
}

static void *unlock_what_it_got(void *unused)
{
  if (pthread_mutex_trylock(&lock) == 0) {
    pthread_mutex_unlock(&lock);
  }
  return unused;
}

void failed_trylock_ignored(void)
{
  run_two(lock_and_unlock, unlock_what_it_did_not_get, NULL);
}

void failed_trylock_ignored_fixed(void)
{
  run_two(lock_and_unlock, unlock_what_it_got, NULL);
}

static void unlock_times(int times)
{
  pthread_mutex_lock(&lock);
  for (int i = 0; i < times; i++) {
    pthread_mutex_unlock(&lock);
  }
}

void unlocked_twice(void)
{
  unlock_times(2);
}

void unlocked_twice_fixed(void)
{
  unlock_times(1);
}

static int help_under(pthread_mutex_t *mutex)
{
  pthread_mutex_lock(mutex);
  const int done = is_done;
  pthread_mutex_unlock(mutex);
  return done;
}

/* A helper locks what its caller has locked. */
void locked_by_caller_and_helper(void)
{
  pthread_mutex_lock(&lock);
  help_under(&lock);
  pthread_mutex_unlock(&lock);
}

void locked_by_caller_and_helper_fixed(void)
{
  pthread_mutex_lock(&lock);
  help_under(&other_lock);
  pthread_mutex_unlock(&lock);
}

/* ------------------------------------------------------------------ life and death of a mutex */

static void *be_inside(void *mutex)
{
  pthread_mutex_lock(mutex);
  put(&inside, get(&inside) + 1);
  pthread_mutex_unlock(mutex);
  return NULL;
}

static void destroy_beside(int waits)
{
  pthread_mutex_t mutex;

  pthread_mutex_init(&mutex, NULL);
  const pthread_t user = run_beside(be_inside, &mutex);
  if (waits) {
    pthread_join(user, NULL);
    pthread_mutex_destroy(&mutex);
    return;
  }
  while (!get(&inside)) {
    sched_yield();
  }
  pthread_mutex_destroy(&mutex);
  pthread_join(user, NULL);
}

/* Main knows that the other has done its work, not that it has left. */
void destroyed_while_locked(void)
{
  destroy_beside(0);
}

void destroyed_while_locked_fixed(void)
{
  destroy_beside(1);
}

static void lock_then_destroy(int in_order)
{
  pthread_mutex_t mutex;

  pthread_mutex_init(&mutex, NULL);
  const pthread_t user = run_beside(be_inside, &mutex);
  if (in_order) {
    pthread_join(user, NULL);
    pthread_mutex_destroy(&mutex);
  } else if (pthread_mutex_trylock(&mutex) == 0) { /* free now, but who comes later? */
    pthread_mutex_unlock(&mutex);
    pthread_mutex_destroy(&mutex);
    pthread_join(user, NULL);
  } else {
    pthread_join(user, NULL);
  }
}

void locked_after_its_destruction(void)
{
  lock_then_destroy(0);
}

void locked_after_its_destruction_fixed(void)
{
  lock_then_destroy(1);
}

typedef struct account {
  pthread_mutex_t lock;
  int balance;
} account;

static void use_account(int is_initialised)
{
  account *a = malloc(sizeof *a);

  a->balance = 0;
  if (is_initialised) {
    pthread_mutex_init(&a->lock, NULL);
  }
  pthread_mutex_lock(&a->lock);
  a->balance++;
  pthread_mutex_unlock(&a->lock);
  free(a);
}

void mutex_that_was_never_initialised(void)
{
  use_account(0);
}

void mutex_that_was_never_initialised_fixed(void)
{
  use_account(1);
}

static void *deposit(void *to)
{
  account *a = to;

  pthread_mutex_lock(&a->lock);
  a->balance++;
  pthread_mutex_unlock(&a->lock);
  return NULL;
}

static void close_account(int waits)
{
  account *a = malloc(sizeof *a);

  pthread_mutex_init(&a->lock, NULL);
  a->balance = 0;
  const pthread_t customer = run_beside(deposit, a);
  pthread_mutex_lock(&a->lock);
  const int is_settled = a->balance == 1;
  pthread_mutex_unlock(&a->lock);
  if (waits || is_settled) {
    pthread_join(customer, NULL);
    free(a);
  } else {
    free(a);
    pthread_join(customer, NULL);
  }
}

void lock_in_freed_memory(void)
{
  close_account(0);
}

void lock_in_freed_memory_fixed(void)
{
  close_account(1);
}

/* ------------------------------------------------------------------ conditions */

static void *await_done(void *with)
{
  pthread_mutex_lock(with);
  if (!is_done) {
    pthread_cond_wait(&changed, with);
  }
  pthread_mutex_unlock(with);
  return NULL;
}

static void *finish(void *unused)
{
  pthread_mutex_lock(&lock);
  is_done = 1;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
  return unused;
}

static atomic_int is_due;

static void *await_due_with(void *with)
{
  pthread_mutex_lock(with);
  while (!get(&is_due)) {
    pthread_cond_wait(&changed, with);
  }
  pthread_mutex_unlock(with);
  return NULL;
}

static void two_wait_with(pthread_mutex_t *second)
{
  const pthread_t a = run_beside(await_due_with, &lock), b = run_beside(await_due_with, second);

  pthread_mutex_lock(&lock);
  pthread_mutex_lock(&other_lock);
  put(&is_due, 1);
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&other_lock);
  pthread_mutex_unlock(&lock);
  pthread_join(a, NULL);
  pthread_join(b, NULL);
}

void two_mutexes_with_one_condition(void)
{
  two_wait_with(&other_lock);
}

void two_mutexes_with_one_condition_fixed(void)
{
  two_wait_with(&lock);
}

static void *wait_without_lock(void *unused)
{
  if (!get(&is_due)) {
    pthread_cond_wait(&changed, &lock);
  }
  return unused;
}

static void *make_due(void *unused)
{
  pthread_mutex_lock(&lock);
  put(&is_due, 1);
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
  return unused;
}

void wait_without_its_mutex(void)
{
  run_two(make_due, wait_without_lock, NULL);
}

void wait_without_its_mutex_fixed(void)
{
  run_two(make_due, await_due_with, &lock);
}

static void finish_beside(int waits)
{
  const pthread_t waiter = run_beside(await_done, &lock);

  if (waits) {
    finish(NULL);
    pthread_join(waiter, NULL);
    pthread_cond_destroy(&changed);
    return;
  }
  pthread_mutex_lock(&lock);
  is_done = 1;
  pthread_cond_destroy(&changed);
  pthread_mutex_unlock(&lock);
  pthread_join(waiter, NULL);
}

void condition_destroyed_under_a_waiter(void)
{
  finish_beside(0);
}

void condition_destroyed_under_a_waiter_fixed(void)
{
  finish_beside(1);
}

/* ------------------------------------------------------------------ threads */

static void *end_at_once(void *unused)
{
  return unused;
}

void joined_twice(void)
{
  const pthread_t thread = run_beside(end_at_once, NULL);

  pthread_join(thread, NULL);
  pthread_join(thread, NULL);
}

void joined_twice_fixed(void)
{
  const pthread_t thread = run_beside(end_at_once, NULL);

  pthread_join(thread, NULL);
}

void joined_after_detach(void)
{
  const pthread_t thread = run_beside(end_at_once, NULL);

  pthread_detach(thread);
  pthread_join(thread, NULL);
}

void joined_after_detach_fixed(void)
{
  pthread_detach(run_beside(end_at_once, NULL));
}

static void *join_itself(void *unused)
{
  pthread_join(pthread_self(), NULL);
  return unused;
}

void joins_itself(void)
{
  pthread_join(run_beside(join_itself, NULL), NULL);
}

void joins_itself_fixed(void)
{
  pthread_join(run_beside(end_at_once, NULL), NULL);
}
