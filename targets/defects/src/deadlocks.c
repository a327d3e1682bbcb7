/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that wait for each other, for themselves, or for somebody who has left. */
#include "defects.h"
#include "threads.h"

static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t b = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t c = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int is_done;

/* ------------------------------------------------------------------ locks in a cycle */

static void take_both(pthread_mutex_t *first, pthread_mutex_t *second)
{
  pthread_mutex_lock(first);
  pthread_mutex_lock(second);
  pthread_mutex_unlock(second);
  pthread_mutex_unlock(first);
}

static void *take_ab(void *unused)
{
  take_both(&a, &b);
  return unused;
}

static void *take_ba(void *unused)
{
  take_both(&b, &a);
  return unused;
}

static void *take_bc(void *unused)
{
  take_both(&b, &c);
  return unused;
}

static void *take_ca(void *unused)
{
  take_both(&c, &a);
  return unused;
}

static void *take_ac(void *unused)
{
  take_both(&a, &c);
  return unused;
}

void two_locks_in_two_orders(void)
{
  run_two(take_ab, take_ba, NULL);
}

void two_locks_in_two_orders_fixed(void)
{
  run_two(take_ab, take_ab, NULL);
}

static void three_take(body *last)
{
  const pthread_t third = run_beside(last, NULL);

  run_two(take_ab, take_bc, NULL);
  pthread_join(third, NULL);
}

void three_locks_in_a_cycle(void)
{
  three_take(take_ca);
}

void three_locks_in_a_cycle_fixed(void)
{
  three_take(take_ac);
}

/* ------------------------------------------------------------------ a lock that stays locked */

static atomic_int is_closed;

static void *close_it(void *unused)
{
  put(&is_closed, 1);
  return unused;
}

static void *forget_on_the_way_out(void *unused)
{
  pthread_mutex_lock(&a);
  if (get(&is_closed)) {
    return unused;
  }
  pthread_mutex_unlock(&a);
  return unused;
}

static void *unlock_on_the_way_out(void *unused)
{
  pthread_mutex_lock(&a);
  const int leave_now = get(&is_closed);
  pthread_mutex_unlock(&a);
  return leave_now ? NULL : unused;
}

static void lock_after(body *other)
{
  run_two(other, close_it, NULL);
  pthread_mutex_lock(&a);
  pthread_mutex_unlock(&a);
}

void forgotten_unlock(void)
{
  lock_after(forget_on_the_way_out);
}

void forgotten_unlock_fixed(void)
{
  lock_after(unlock_on_the_way_out);
}

static void *exit_in_the_middle(void *unused)
{
  pthread_mutex_lock(&a);
  if (get(&is_closed)) {
    pthread_exit(NULL);
  }
  pthread_mutex_unlock(&a);
  return unused;
}

static void *exit_outside(void *unused)
{
  pthread_mutex_lock(&a);
  const int leave_now = get(&is_closed);
  pthread_mutex_unlock(&a);
  if (leave_now) {
    pthread_exit(NULL);
  }
  return unused;
}

void thread_ends_with_a_lock(void)
{
  lock_after(exit_in_the_middle);
}

void thread_ends_with_a_lock_fixed(void)
{
  lock_after(exit_outside);
}

/* ------------------------------------------------------------------ joins */

static pthread_t second_thread;

static void *join_second(void *unused)
{
  pthread_join(second_thread, NULL);
  return unused;
}

static void *join_main(void *main_thread)
{
  pthread_join(*(pthread_t *)main_thread, NULL);
  return NULL;
}

static void *end_at_once(void *unused)
{
  return unused;
}

/* Main joins a thread that joins one that joins main. */
static void join_around(body *last)
{
  pthread_t self = pthread_self();

  second_thread = run_beside(last, &self);
  pthread_join(run_beside(join_second, NULL), NULL);
}

void joins_in_a_cycle(void)
{
  join_around(join_main);
}

void joins_in_a_cycle_fixed(void)
{
  join_around(end_at_once);
}

static void *lock_a(void *unused)
{
  pthread_mutex_lock(&a);
  pthread_mutex_unlock(&a);
  return unused;
}

void join_under_a_lock(void)
{
  const pthread_t thread = run_beside(lock_a, NULL);

  pthread_mutex_lock(&a);
  pthread_join(thread, NULL);
  pthread_mutex_unlock(&a);
}

void join_under_a_lock_fixed(void)
{
  const pthread_t thread = run_beside(lock_a, NULL);

  pthread_mutex_lock(&a);
  pthread_mutex_unlock(&a);
  pthread_join(thread, NULL);
}

/* ------------------------------------------------------------------ conditions and once */

static void *finish_under_both(void *unused)
{
  pthread_mutex_lock(&a);
  pthread_mutex_lock(&b);
  is_done = 1;
  pthread_cond_signal(&changed);
  pthread_mutex_unlock(&b);
  pthread_mutex_unlock(&a);
  return unused;
}

static void await_done(void)
{
  pthread_mutex_lock(&b);
  while (!is_done) {
    pthread_cond_wait(&changed, &b);
  }
  pthread_mutex_unlock(&b);
}

/* The wait gives back the inner lock only. */
void wait_under_an_outer_lock(void)
{
  const pthread_t thread = run_beside(finish_under_both, NULL);

  pthread_mutex_lock(&a);
  await_done();
  pthread_mutex_unlock(&a);
  pthread_join(thread, NULL);
}

void wait_under_an_outer_lock_fixed(void)
{
  const pthread_t thread = run_beside(finish_under_both, NULL);

  await_done();
  pthread_join(thread, NULL);
}

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void set_up(void)
{
  is_done = 1;
}

static void set_up_again(void)
{
  pthread_once(&once, set_up);
}

void once_inside_itself(void)
{
  pthread_once(&once, set_up_again);
}

void once_inside_itself_fixed(void)
{
  pthread_once(&once, set_up);
}

/* ------------------------------------------------------------------ nobody is left to do it */

static atomic_int orders;

static void *take_orders(void *count)
{
  pthread_mutex_lock(&a);
  for (int left = *(int *)count; left; left--) {
    while (get(&orders) == 0) {
      pthread_cond_wait(&changed, &a);
    }
    put(&orders, get(&orders) - 1);
  }
  pthread_mutex_unlock(&a);
  return NULL;
}

static void *give_two_orders(void *unused)
{
  for (int i = 0; i < 2; i++) {
    pthread_mutex_lock(&a);
    put(&orders, get(&orders) + 1);
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&a);
  }
  return unused;
}

static void trade(int wanted)
{
  const pthread_t taker = run_beside(take_orders, &wanted);

  pthread_join(run_beside(give_two_orders, NULL), NULL);
  pthread_join(taker, NULL);
}

void consumer_waits_for_one_more(void)
{
  trade(3);
}

void consumer_waits_for_one_more_fixed(void)
{
  trade(2);
}
