/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Main waits until `due`; whoever makes it due forgets to wake main, or wakes it too early. The
 * driver tells the machine that this is what main waits for, so that a main that sleeps although
 * it is due is a lost wakeup and no mere deadlock.
 */
#include "defects.h"
#include "threads.h"

#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

atomic_int due;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static void await_due(void)
{
  pthread_mutex_lock(&lock);
  while (!get(&due)) {
    pthread_cond_wait(&changed, &lock);
  }
  pthread_mutex_unlock(&lock);
}

static void await_beside(body *waker)
{
  const pthread_t a = run_beside(waker, NULL);

  await_due();
  pthread_join(a, NULL);
}

static void *set_and_signal_locked(void *unused)
{
  pthread_mutex_lock(&lock);
  put(&due, 1);
  pthread_cond_signal(&changed);
  pthread_mutex_unlock(&lock);
  return unused;
}

/* ------------------------------------------------------------------ conditions */

/* The signal may come between main's look and its wait. */
static void *set_without_the_lock(void *unused)
{
  put(&due, 1);
  pthread_cond_signal(&changed);
  return unused;
}

void signal_without_the_lock(void)
{
  await_beside(set_without_the_lock);
}

void signal_without_the_lock_fixed(void)
{
  await_beside(set_and_signal_locked);
}

static void *signal_then_set(void *unused)
{
  pthread_mutex_lock(&lock);
  pthread_cond_signal(&changed);
  pthread_mutex_unlock(&lock);
  pthread_mutex_lock(&lock);
  put(&due, 1);
  pthread_mutex_unlock(&lock);
  return unused;
}

void signal_before_the_change(void)
{
  await_beside(signal_then_set);
}

void signal_before_the_change_fixed(void)
{
  await_beside(set_and_signal_locked);
}

static void *forget_to_signal(void *unused)
{
  pthread_mutex_lock(&lock);
  put(&due, 1);
  pthread_mutex_unlock(&lock);
  return unused;
}

void change_without_signal(void)
{
  await_beside(forget_to_signal);
}

void change_without_signal_fixed(void)
{
  await_beside(set_and_signal_locked);
}

/* Main waits without a look at what it waits for: a signal that came before is gone. */
void wait_without_a_look(void)
{
  const pthread_t a = run_beside(set_and_signal_locked, NULL);

  pthread_mutex_lock(&lock);
  pthread_cond_wait(&changed, &lock);
  pthread_mutex_unlock(&lock);
  pthread_join(a, NULL);
}

void wait_without_a_look_fixed(void)
{
  await_beside(set_and_signal_locked);
}

/* The look and the wait in two critical sections. */
void look_and_wait_apart(void)
{
  const pthread_t a = run_beside(set_and_signal_locked, NULL);

  pthread_mutex_lock(&lock);
  const int is_due = get(&due);
  pthread_mutex_unlock(&lock);
  if (!is_due) {
    pthread_mutex_lock(&lock);
    pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
  }
  pthread_join(a, NULL);
}

void look_and_wait_apart_fixed(void)
{
  await_beside(set_and_signal_locked);
}

/* ------------------------------------------------------------------ two waiters, one signal */

static void *wait_too(void *unused)
{
  await_due();
  return unused;
}

static void *wake_all(void *unused)
{
  pthread_mutex_lock(&lock);
  put(&due, 1);
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
  return unused;
}

static void two_wait(body *waker)
{
  const pthread_t a = run_beside(wait_too, NULL), b = run_beside(waker, NULL);

  await_due();
  pthread_join(a, NULL);
  pthread_join(b, NULL);
}

void signal_where_all_wait(void)
{
  two_wait(set_and_signal_locked);
}

void signal_where_all_wait_fixed(void)
{
  two_wait(wake_all);
}

/* ------------------------------------------------------------------ event counters */

static int bell;

static void ring(void)
{
  const uint64_t one = 1;

  (void)!write(bell, &one, sizeof one);
}

static void silence(void)
{
  uint64_t count;

  (void)!read(bell, &count, sizeof count);
}

static void sleep_until_rung(void)
{
  struct pollfd set = {.fd = bell, .events = POLLIN};

  poll(&set, 1, -1);
}

static void *hand_in(void *unused)
{
  atomic_store(&due, 1);
  ring();
  return unused;
}

static void *ring_then_hand_in(void *unused)
{
  ring();
  atomic_store(&due, 1);
  return unused;
}

static void sleep_and_silence(void)
{
  sleep_until_rung();
  silence();
}

static void answer_the_bell(body *visitor, void (*rest)(void))
{
  bell = eventfd(0, EFD_NONBLOCK);
  const pthread_t a = run_beside(visitor, NULL);

  while (!atomic_load(&due)) {
    rest();
  }
  pthread_join(a, NULL);
  close(bell);
}

void bell_before_the_work(void)
{
  answer_the_bell(ring_then_hand_in, sleep_and_silence);
}

void bell_before_the_work_fixed(void)
{
  answer_the_bell(hand_in, sleep_and_silence);
}

/* Silences the bell after the look: a ring for work that came in between is lost. */
static void silence_and_sleep(void)
{
  silence();
  sleep_until_rung();
}

void bell_silenced_after_the_look(void)
{
  answer_the_bell(hand_in, silence_and_sleep);
}

void bell_silenced_after_the_look_fixed(void)
{
  answer_the_bell(hand_in, sleep_and_silence);
}

/* ------------------------------------------------------------------ ring only for sleepers */

static atomic_int is_asleep;

static void *ring_for_a_sleeper(void *order)
{
  atomic_store_explicit(&due, 1, memory_order_release);
  atomic_thread_fence(*(memory_order *)order);
  if (atomic_load_explicit(&is_asleep, memory_order_acquire)) {
    ring();
  }
  return NULL;
}

/* Says that it sleeps, and looks once more. */
static void serve(int look_again, memory_order order)
{
  bell = eventfd(0, EFD_NONBLOCK);
  const pthread_t a = run_beside(ring_for_a_sleeper, &order);

  while (!atomic_load_explicit(&due, memory_order_acquire)) {
    atomic_store_explicit(&is_asleep, 1, memory_order_release);
    atomic_thread_fence(order);
    if (!look_again || !atomic_load_explicit(&due, memory_order_acquire)) {
      sleep_until_rung();
    }
    silence();
  }
  pthread_join(a, NULL);
  close(bell);
}

void sleeper_without_a_second_look(void)
{
  serve(0, memory_order_seq_cst);
}

void sleeper_without_a_second_look_fixed(void)
{
  serve(1, memory_order_seq_cst);
}

void sleeper_without_a_fence(void)
{
  serve(1, memory_order_relaxed);
}

void sleeper_without_a_fence_fixed(void)
{
  serve(1, memory_order_seq_cst);
}
