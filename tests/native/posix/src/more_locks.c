/* SPDX-License-Identifier: Apache-2.0 */
/* Semaphores, read-write locks, barriers, spinlocks, and what gives up after a time. */
#define _GNU_SOURCE
#include "scenarios.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_rwlock_t other_rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_rwlock_t for_writers = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
static pthread_spinlock_t spinlock;
static pthread_barrier_t barrier;
static sem_t items, places;
static int guarded[3];
static atomic_int inside, most, given_up;

static void run_two(void *(*a)(void *), void *(*b)(void *))
{
  pthread_t one, two;

  pthread_create(&one, NULL, a, NULL);
  pthread_create(&two, NULL, b, NULL);
  pthread_join(one, NULL);
  pthread_join(two, NULL);
}

static struct timespec soon(void)
{
  struct timespec now;

  clock_gettime(CLOCK_REALTIME, &now);
  now.tv_sec += 1;
  return now;
}

/* ------------------------------------------------------------------ semaphores */

static void *make_three(void *unused)
{
  for (int i = 0; i < 3; i++) {
    sem_wait(&places);
    guarded[i] = i + 1;
    sem_post(&items);
  }
  return unused;
}

static void *use_three(void *unused)
{
  for (int i = 0; i < 3; i++) {
    sem_wait(&items);
    assert(guarded[i] == i + 1);
    sem_post(&places);
  }
  return unused;
}

void semaphore_hands_over(void)
{
  int left = 0;

  assert(sem_init(&items, 0, 0) == 0 && sem_init(&places, 0, 2) == 0);
  run_two(make_three, use_three);
  assert(sem_getvalue(&places, &left) == 0 && left == 2);
  assert(sem_destroy(&items) == 0 && sem_destroy(&places) == 0);
}

static void *post_late(void *unused)
{
  usleep(10);
  sem_post(&items);
  return unused;
}

static void *wait_twice(void *unused)
{
  struct timespec until = soon();

  assert(sem_trywait(&places) == -1 && errno == EAGAIN);
  assert(sem_timedwait(&items, &until) == 0);
  assert(sem_timedwait(&items, &until) == -1 && errno == ETIMEDOUT);
  return unused;
}

void semaphore_gives_up(void)
{
  sem_init(&items, 0, 0);
  sem_init(&places, 0, 0);
  run_two(post_late, wait_twice);
}

static void *wait_for_an_item(void *unused)
{
  sem_wait(&items);
  return unused;
}

static void *end_at_once(void *unused)
{
  return unused;
}

void semaphore_that_nobody_posts(void)
{
  sem_init(&items, 0, 0);
  run_two(wait_for_an_item, end_at_once);
}

void semaphore_destroyed(void)
{
  sem_init(&items, 0, 1);
  sem_destroy(&items);
  sem_wait(&items);
}

void semaphore_never_made(void)
{
  sem_post(&items);
}

/* ------------------------------------------------------------------ read-write locks */

static void *read_it(void *unused)
{
  pthread_rwlock_rdlock(&rwlock);
  const int now = atomic_fetch_add(&inside, 1) + 1;
  if (now > atomic_load(&most)) {
    atomic_store(&most, now);
  }
  assert(guarded[0] == guarded[1]);
  atomic_fetch_sub(&inside, 1);
  pthread_rwlock_unlock(&rwlock);
  return unused;
}

static void *write_it(void *unused)
{
  pthread_rwlock_wrlock(&rwlock);
  assert(atomic_load(&inside) == 0);
  guarded[0]++;
  guarded[1]++;
  pthread_rwlock_unlock(&rwlock);
  return unused;
}

void rwlock_excludes(void)
{
  run_two(read_it, write_it);
  run_two(write_it, write_it);
  assert(guarded[0] == 3);
}

/* Fails under the schedules in which both are inside. */
void rwlock_lets_readers_in_together(void)
{
  run_two(read_it, read_it);
  assert(atomic_load(&most) == 1);
}

static void *try_all(void *unused)
{
  struct timespec until = soon();

  assert(pthread_rwlock_tryrdlock(&rwlock) == EBUSY);
  assert(pthread_rwlock_trywrlock(&rwlock) == EBUSY);
  assert(pthread_rwlock_timedrdlock(&rwlock, &until) == ETIMEDOUT);
  assert(pthread_rwlock_timedwrlock(&rwlock, &until) == ETIMEDOUT);
  return unused;
}

static void *try_beside_a_reader(void *unused)
{
  assert(pthread_rwlock_trywrlock(&rwlock) == EBUSY);
  assert(pthread_rwlock_tryrdlock(&rwlock) == 0);
  assert(pthread_rwlock_rdlock(&rwlock) == 0);
  assert(pthread_rwlock_unlock(&rwlock) == 0);
  assert(pthread_rwlock_unlock(&rwlock) == 0);
  return unused;
}

void rwlock_gives_up(void)
{
  pthread_rwlock_wrlock(&rwlock);
  run_two(try_all, end_at_once);
  pthread_rwlock_unlock(&rwlock);
  pthread_rwlock_rdlock(&rwlock);
  run_two(try_beside_a_reader, try_beside_a_reader);
  pthread_rwlock_unlock(&rwlock);
}

static void *write_once(void *unused)
{
  pthread_rwlock_wrlock(&for_writers);
  pthread_rwlock_unlock(&for_writers);
  return unused;
}

static void *read_twice(void *unused)
{
  pthread_rwlock_rdlock(&for_writers);
  pthread_rwlock_rdlock(&for_writers);
  pthread_rwlock_unlock(&for_writers);
  pthread_rwlock_unlock(&for_writers);
  return unused;
}

/* The second read lock stands behind the writer, who stands behind the first one. */
void rwlock_that_prefers_writers(void)
{
  run_two(read_twice, write_once);
}

static void *take_both(pthread_rwlock_t *first, pthread_rwlock_t *second)
{
  pthread_rwlock_rdlock(first);
  pthread_rwlock_wrlock(second);
  pthread_rwlock_unlock(second);
  pthread_rwlock_unlock(first);
  return NULL;
}

static void *one_then_other(void *unused)
{
  (void)unused;
  return take_both(&rwlock, &other_rwlock);
}

static void *other_then_one(void *unused)
{
  (void)unused;
  return take_both(&other_rwlock, &rwlock);
}

void rwlocks_in_two_orders(void)
{
  run_two(one_then_other, other_then_one);
}

static void *unlock_it(void *unused)
{
  pthread_rwlock_unlock(&rwlock);
  return unused;
}

void rwlock_unlocked_by_another(void)
{
  pthread_rwlock_rdlock(&rwlock);
  run_two(unlock_it, end_at_once);
}

void rwlock_written_by_a_reader(void)
{
  pthread_rwlock_rdlock(&rwlock);
  pthread_rwlock_wrlock(&rwlock);
}

/* ------------------------------------------------------------------ barriers */

static void *meet_twice(void *unused)
{
  for (int round = 0; round < 2; round++) {
    guarded[round]++;
    const int serial = pthread_barrier_wait(&barrier);
    assert(serial == 0 || serial == PTHREAD_BARRIER_SERIAL_THREAD);
    atomic_fetch_add(&inside, serial == PTHREAD_BARRIER_SERIAL_THREAD);
    assert(guarded[round] == 1);
    pthread_barrier_wait(&barrier);
  }
  return unused;
}

static void *meet_twice_and_look(void *unused)
{
  for (int round = 0; round < 2; round++) {
    const int serial = pthread_barrier_wait(&barrier);
    atomic_fetch_add(&inside, serial == PTHREAD_BARRIER_SERIAL_THREAD);
    assert(guarded[round] == 1);
    pthread_barrier_wait(&barrier);
  }
  return unused;
}

void barrier_orders(void)
{
  assert(pthread_barrier_init(&barrier, NULL, 0) == EINVAL);
  assert(pthread_barrier_init(&barrier, NULL, 2) == 0);
  run_two(meet_twice, meet_twice_and_look);
  assert(atomic_load(&inside) == 2);
  assert(pthread_barrier_destroy(&barrier) == 0);
}

static void *meet_once(void *unused)
{
  pthread_barrier_wait(&barrier);
  return unused;
}

void barrier_for_three(void)
{
  pthread_barrier_init(&barrier, NULL, 3);
  run_two(meet_once, meet_once);
}

/* ------------------------------------------------------------------ spinlocks */

static void *count_spinning(void *unused)
{
  for (int i = 0; i < 3; i++) {
    pthread_spin_lock(&spinlock);
    guarded[0]++;
    pthread_spin_unlock(&spinlock);
  }
  return unused;
}

static void *count_if_free(void *unused)
{
  while (pthread_spin_trylock(&spinlock) == EBUSY) {
  }
  guarded[0]++;
  pthread_spin_unlock(&spinlock);
  return unused;
}

void spinlock_excludes(void)
{
  pthread_spin_init(&spinlock, PTHREAD_PROCESS_PRIVATE);
  run_two(count_spinning, count_if_free);
  assert(guarded[0] == 4);
  pthread_spin_destroy(&spinlock);
}

void spinlock_taken_twice(void)
{
  pthread_spin_init(&spinlock, PTHREAD_PROCESS_PRIVATE);
  pthread_spin_lock(&spinlock);
  pthread_spin_lock(&spinlock);
}

/* ------------------------------------------------------------------ time */

static void *hold_for_long(void *unused)
{
  pthread_mutex_lock(&mutex);
  usleep(5000000);
  pthread_mutex_unlock(&mutex);
  return unused;
}

static void *lock_in_time(void *unused)
{
  struct timespec until = soon();
  const int error = pthread_mutex_timedlock(&mutex, &until);

  assert(error == 0 || error == ETIMEDOUT);
  if (error) {
    atomic_fetch_add(&given_up, 1);
  } else {
    pthread_mutex_unlock(&mutex);
  }
  return unused;
}

void timed_lock(void)
{
  run_two(hold_for_long, lock_in_time);
}

static void *sleep_for_long(void *unused)
{
  (void)unused;
  usleep(5000000);
  return &guarded;
}

void timed_join(void)
{
  pthread_t thread;
  void *value = NULL;
  struct timespec until = soon();

  pthread_create(&thread, NULL, sleep_for_long, NULL);
  assert(pthread_tryjoin_np(thread, &value) == EBUSY);
  assert(pthread_timedjoin_np(thread, &value, &until) == ETIMEDOUT);
  until.tv_sec += 10;
  assert(pthread_timedjoin_np(thread, &value, &until) == 0);
  assert(value == &guarded);
}
