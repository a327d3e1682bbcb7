/* SPDX-License-Identifier: Apache-2.0 */
/* Behaviours of contexts, coroutines and their locks, with several threads. */
#include "behaviours.h"

#include "aio/iothread.h"
#include "aio/main_loop.h"
#include "aio/aio_wait.h"
#include "colock/co_mutex.h"

enum { CONTEXTS = 5, ROUNDS = 2, HANDOFF_CONTEXTS = 2 };

void contexts_come_and_go(void)
{
  IOThread *iothreads[CONTEXTS];

  qemu_init_main_loop();
  for (int i = 0; i < CONTEXTS; i++) {
    iothreads[i] = iothread_create();
  }
  for (int i = 0; i < CONTEXTS; i++) {
    iothread_stop(iothreads[i]);
    iothread_destroy(iothreads[i]);
  }
  qemu_cleanup_main_loop();
}

/* ------------------------------------------------------------------ one mutex, many threads */

static CoMutex mutex;
static int counter; /* under `mutex` */
static _Atomic int atomic_counter;
static _Atomic int running;

static void coroutine_fn count_under_mutex(void *opaque)
{
  (void)opaque;
  for (int i = 0; i < ROUNDS; i++) {
    qemu_co_mutex_lock(&mutex);
    qemu_co_mutex_assert_locked(&mutex);
    counter++;
    qemu_co_mutex_unlock(&mutex);
    atomic_fetch_add(&atomic_counter, 1);
  }
  atomic_fetch_sub(&running, 1);
  aio_wait_kick();
}

static void count_in(int contexts)
{
  IOThread *iothreads[CONTEXTS];

  qemu_init_main_loop();
  atomic_store(&running, contexts);
  for (int i = 0; i < contexts; i++) {
    iothreads[i] = iothread_create();
    aio_co_schedule(iothread_get_aio_context(iothreads[i]),
                    qemu_coroutine_create(count_under_mutex, NULL));
  }
  AIO_WAIT_WHILE(NULL, atomic_load(&running) > 0);
  for (int i = 0; i < contexts; i++) {
    iothread_stop(iothreads[i]);
    iothread_destroy(iothreads[i]);
  }
  assert(counter == contexts * ROUNDS);
  assert(atomic_load(&atomic_counter) == counter);
  qemu_cleanup_main_loop();
}

void co_mutex_counts_right_in_five_threads(void)
{
  count_in(CONTEXTS);
}

void co_mutex_hands_over_between_two_threads(void)
{
  count_in(HANDOFF_CONTEXTS);
}

/* ------------------------------------------------------------------ waking each other */

enum { PARKED = 3 };

typedef struct Slot {
  AioContext *ctx;
  _Atomic(Coroutine *) parked;
} Slot;

static Slot slots[PARKED];
static _Atomic bool ending;

/* Wake whoever is parked in the next slot, then park in our own, which nobody else uses. */
static void coroutine_fn wake_next_and_park(void *opaque)
{
  Slot *mine = opaque;
  Slot *next = &slots[(mine - slots + 1) % PARKED];

  for (int i = 0; i < ROUNDS && !atomic_load(&ending); i++) {
    Coroutine *other = atomic_exchange(&next->parked, NULL);
    if (other) {
      aio_co_schedule(next->ctx, other);
    }
    Coroutine *before = atomic_exchange(&mine->parked, qemu_coroutine_self());
    assert(!before);
    if (i + 1 == ROUNDS || atomic_load(&ending)) {
      /* Nobody may wake us after the end: take ourselves out, or be woken by who has done so. */
      if (atomic_exchange(&mine->parked, NULL)) {
        break;
      }
    }
    qemu_coroutine_yield();
  }
  atomic_fetch_sub(&running, 1);
  aio_wait_kick();
}

static void wake_all_parked(void)
{
  for (int i = 0; i < PARKED; i++) {
    Coroutine *co = atomic_exchange(&slots[i].parked, NULL);
    if (co) {
      aio_co_schedule(slots[i].ctx, co);
    }
  }
}

void coroutines_schedule_each_other(void)
{
  IOThread *iothreads[PARKED];

  qemu_init_main_loop();
  atomic_store(&running, PARKED);
  for (int i = 0; i < PARKED; i++) {
    iothreads[i] = iothread_create();
    slots[i].ctx = iothread_get_aio_context(iothreads[i]);
  }
  for (int i = 0; i < PARKED; i++) {
    aio_co_schedule(slots[i].ctx, qemu_coroutine_create(wake_next_and_park, &slots[i]));
  }
  /* The last ones to park have nobody left to wake them: main does, and tells them to end. */
  atomic_store(&ending, true);
  wake_all_parked();
  AIO_WAIT_WHILE(NULL, atomic_load(&running) > 0);
  for (int i = 0; i < PARKED; i++) {
    assert(!atomic_load(&slots[i].parked));
    iothread_stop(iothreads[i]);
    iothread_destroy(iothreads[i]);
  }
  qemu_cleanup_main_loop();
}
