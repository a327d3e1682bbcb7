/* SPDX-License-Identifier: Apache-2.0 */
/* What semaphores, read-write locks, barriers, spinlocks and keys are used for wrongly. */
#include "defects.h"
#include "threads.h"

#include <semaphore.h>
#include <stdlib.h>

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_spinlock_t spinlock;
static pthread_barrier_t barrier;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static sem_t ready;
KEPT int message, hits, table[2];

/* ------------------------------------------------------------------ a semaphore */

static void *send(void *early)
{
  if (early) {
    sem_post(&ready);
  }
  message = 1;
  if (!early) {
    sem_post(&ready);
  }
  return NULL;
}

static void *receive(void *unused)
{
  (void)unused;
  sem_wait(&ready);
  hits += message;
  return NULL;
}

void posted_before_the_message(void)
{
  sem_init(&ready, 0, 0);
  run_two(send, receive, &message);
}

void posted_before_the_message_fixed(void)
{
  sem_init(&ready, 0, 0);
  run_two(send, receive, NULL);
}

/* ------------------------------------------------------------------ a read-write lock */

static void *look_up(void *to_write)
{
  if (to_write) {
    pthread_rwlock_wrlock(&rwlock);
  } else {
    pthread_rwlock_rdlock(&rwlock);
  }
  hits++; /* statistics of a function that else only reads */
  pthread_rwlock_unlock(&rwlock);
  return NULL;
}

void counted_under_a_read_lock(void)
{
  run_two(look_up, look_up, NULL);
}

void counted_under_a_read_lock_fixed(void)
{
  run_two(look_up, look_up, &rwlock);
}

static void *upgrade(void *unlock_first)
{
  pthread_rwlock_rdlock(&rwlock);
  const int is_empty = !table[0];
  if (unlock_first) {
    pthread_rwlock_unlock(&rwlock);
  }
  if (is_empty) {
    pthread_rwlock_wrlock(&rwlock);
    table[0] = 1;
    pthread_rwlock_unlock(&rwlock);
  }
  if (!unlock_first) {
    pthread_rwlock_unlock(&rwlock);
  }
  return NULL;
}

void read_lock_upgraded(void)
{
  run_two(upgrade, upgrade, NULL);
}

void read_lock_upgraded_fixed(void)
{
  run_two(upgrade, upgrade, &rwlock);
}

/* ------------------------------------------------------------------ a barrier */

static void *first_half(void *unused)
{
  table[0] = 1;
  pthread_barrier_wait(&barrier);
  hits = table[1];
  return unused;
}

static void *second_half(void *unused)
{
  table[1] = 1;
  pthread_barrier_wait(&barrier);
  return unused;
}

static void meet(unsigned count)
{
  pthread_barrier_init(&barrier, NULL, count);
  run_two(first_half, second_half, NULL);
  pthread_barrier_destroy(&barrier);
}

void barrier_for_one_too_many(void)
{
  meet(3);
}

void barrier_for_one_too_many_fixed(void)
{
  meet(2);
}

void barrier_that_stops_nobody(void)
{
  meet(1);
}

void barrier_that_stops_nobody_fixed(void)
{
  meet(2);
}

/* ------------------------------------------------------------------ a spinlock */

static void *work_and_unlock(void *locks)
{
  if (locks) {
    pthread_spin_lock(&spinlock);
  }
  message++;
  pthread_spin_unlock(&spinlock);
  return NULL;
}

static void hand_over(void *locks)
{
  pthread_spin_init(&spinlock, PTHREAD_PROCESS_PRIVATE);
  if (!locks) {
    pthread_spin_lock(&spinlock);
  }
  run_two(work_and_unlock, work_and_unlock, locks);
}

void spinlock_of_another(void)
{
  hand_over(NULL);
}

void spinlock_of_another_fixed(void)
{
  hand_over(&message);
}

/* ------------------------------------------------------------------ keys, and what is done once */

static void *remember(void *unused)
{
  pthread_setspecific(key, malloc(8));
  return unused;
}

static void remember_with(void (*destructor)(void *))
{
  pthread_key_create(&key, destructor);
  run_two(remember, remember, NULL);
  pthread_key_delete(key);
}

void key_without_a_destructor(void)
{
  remember_with(NULL);
}

void key_without_a_destructor_fixed(void)
{
  remember_with(free);
}

static void set_up(void)
{
  message = 1;
}

static void *use_what_is_set_up(void *ask)
{
  if (ask || !message) { /* it has been done, if the message is there */
    pthread_once(&once, set_up);
  }
  return NULL;
}

void asked_before_it_is_done_once(void)
{
  run_two(use_what_is_set_up, use_what_is_set_up, NULL);
}

void asked_before_it_is_done_once_fixed(void)
{
  run_two(use_what_is_set_up, use_what_is_set_up, &once);
}
