/* SPDX-License-Identifier: Apache-2.0 */
/* Behaviours of a context by itself: its life, its lock, bottom halves, timers. */
#include "behaviours.h"

#include "aio/aio_wait.h"
#include "aio/iothread.h"
#include "aio/main_loop.h"

#include <time.h>

enum { MS = 1000 * 1000 };

static void count_cb(void *opaque)
{
  ++*(int *)opaque;
}

/* One iteration without sleeping: aio_poll() in one half of the behaviours, the main loop in the
 * other. */
typedef void Iterate(void);

static void by_aio_poll(void)
{
  aio_poll(qemu_get_aio_context(), false);
}

static void by_main_loop(void)
{
  main_loop_wait(true);
}

static void pass(int64_t nanoseconds)
{
  nanosleep(&(struct timespec){.tv_nsec = nanoseconds}, NULL);
}

/* ------------------------------------------------------------------ bottom halves */

static void schedule_runs_once(Iterate *iterate)
{
  int runs = 0;

  qemu_init_main_loop();
  QEMUBH *bh = aio_bh_new(qemu_get_aio_context(), count_cb, &runs);
  qemu_bh_schedule(bh);
  qemu_bh_schedule(bh);
  assert(runs == 0);
  iterate();
  assert(runs == 1);
  assert(!aio_poll(qemu_get_aio_context(), false));
  iterate();
  assert(runs == 1);
  qemu_bh_delete(bh);
  qemu_cleanup_main_loop();
}

void aio_bh_schedule_runs_once(void)
{
  schedule_runs_once(by_aio_poll);
}

void gsource_bh_schedule_runs_once(void)
{
  schedule_runs_once(by_main_loop);
}

typedef struct Again {
  QEMUBH *bh;
  int runs, wanted;
} Again;

static void again_cb(void *opaque)
{
  Again *again = opaque;

  if (++again->runs < again->wanted) {
    qemu_bh_schedule(again->bh);
  }
}

static void reschedules_itself(Iterate *iterate)
{
  Again again = {.wanted = 10};

  qemu_init_main_loop();
  again.bh = aio_bh_new(qemu_get_aio_context(), again_cb, &again);
  qemu_bh_schedule(again.bh);
  for (int polls = 1; polls <= again.wanted; polls++) {
    iterate();
    assert(again.runs == polls);
  }
  assert(!aio_poll(qemu_get_aio_context(), false));
  qemu_bh_delete(again.bh);
  qemu_cleanup_main_loop();
}

void aio_bh_that_reschedules_itself_runs_once_a_poll(void)
{
  reschedules_itself(by_aio_poll);
}

void gsource_bh_that_reschedules_itself_runs_once_an_iteration(void)
{
  reschedules_itself(by_main_loop);
}

static void cancel_keeps_it_from_running(Iterate *iterate)
{
  int runs = 0;

  qemu_init_main_loop();
  QEMUBH *bh = aio_bh_new(qemu_get_aio_context(), count_cb, &runs);
  qemu_bh_schedule(bh);
  qemu_bh_cancel(bh);
  iterate();
  assert(runs == 0);
  qemu_bh_schedule(bh);
  iterate();
  assert(runs == 1);
  qemu_bh_delete(bh);
  qemu_cleanup_main_loop();
}

void aio_bh_cancel_keeps_it_from_running(void)
{
  cancel_keeps_it_from_running(by_aio_poll);
}

void gsource_bh_cancel_keeps_it_from_running(void)
{
  cancel_keeps_it_from_running(by_main_loop);
}

static void delete_keeps_it_from_running(Iterate *iterate)
{
  int runs = 0;

  qemu_init_main_loop();
  QEMUBH *bh = aio_bh_new(qemu_get_aio_context(), count_cb, &runs);
  qemu_bh_schedule(bh);
  qemu_bh_delete(bh);
  iterate();
  assert(runs == 0);
  qemu_cleanup_main_loop();
}

void aio_bh_delete_keeps_it_from_running(void)
{
  delete_keeps_it_from_running(by_aio_poll);
}

void gsource_bh_delete_keeps_it_from_running(void)
{
  delete_keeps_it_from_running(by_main_loop);
}

static void delete_cb(void *opaque)
{
  Again *again = opaque;

  if (++again->runs < again->wanted) {
    qemu_bh_schedule(again->bh);
  } else {
    qemu_bh_delete(again->bh);
    again->bh = NULL;
  }
}

static void callbacks_delete(Iterate *iterate, const int *wanted, unsigned count)
{
  enum { MOST = 4 };
  Again again[MOST];
  int most = 0;

  assert(count <= MOST);
  qemu_init_main_loop();
  for (unsigned i = 0; i < count; i++) {
    again[i] = (Again){.wanted = wanted[i]};
    again[i].bh = aio_bh_new(qemu_get_aio_context(), delete_cb, &again[i]);
    qemu_bh_schedule(again[i].bh);
    most = wanted[i] > most ? wanted[i] : most;
  }
  for (int polls = 0; polls < most; polls++) {
    iterate();
  }
  for (unsigned i = 0; i < count; i++) {
    assert(again[i].runs == wanted[i]);
    assert(!again[i].bh);
  }
  qemu_cleanup_main_loop();
}

void aio_bh_deletes_itself_in_its_callback(void)
{
  callbacks_delete(by_aio_poll, (int[]){1}, 1);
}

void aio_bhs_delete_themselves_after_different_counts(void)
{
  callbacks_delete(by_aio_poll, (int[]){1, 3, 2, 4}, 4);
}

void gsource_bh_deletes_itself_in_its_callback(void)
{
  callbacks_delete(by_main_loop, (int[]){1}, 1);
}

void gsource_bhs_delete_themselves_after_different_counts(void)
{
  callbacks_delete(by_main_loop, (int[]){1, 3, 2, 4}, 4);
}

static void flush_runs_it(Iterate *iterate)
{
  int runs = 0;

  qemu_init_main_loop();
  QEMUBH *bh = aio_bh_new(qemu_get_aio_context(), count_cb, &runs);
  qemu_bh_schedule(bh);
  for (int turns = 0; turns < 3; turns++) {
    iterate();
  }
  assert(runs == 1);
  qemu_bh_delete(bh);
  qemu_cleanup_main_loop();
}

void aio_bh_flush_runs_it(void)
{
  flush_runs_it(by_aio_poll);
}

void gsource_bh_flush_runs_it(void)
{
  flush_runs_it(by_main_loop);
}

void aio_bh_idle_is_no_progress_and_does_not_wait_for_ever(void)
{
  int runs = 0;

  qemu_init_main_loop();
  QEMUBH *bh = aio_bh_new(qemu_get_aio_context(), count_cb, &runs);
  int64_t start_ns = qemu_clock_get_ns();
  qemu_bh_schedule_idle(bh);
  while (runs == 0) {
    assert(!aio_poll(qemu_get_aio_context(), true));
  }
  assert(runs == 1);
  assert(qemu_clock_get_ns() - start_ns <= 11 * MS);
  qemu_bh_delete(bh);
  qemu_cleanup_main_loop();
}

static void nested_cb(void *opaque)
{
  int *runs = opaque;

  /* What the outer poll has taken and not yet run is ours too. */
  aio_poll(qemu_get_aio_context(), false);
  ++*runs;
}

void aio_bh_nested_poll_runs_what_the_outer_one_has_left(void)
{
  int nested = 0, others = 0;

  qemu_init_main_loop();
  AioContext *ctx = qemu_get_aio_context();
  aio_bh_schedule_oneshot(ctx, count_cb, &others);
  aio_bh_schedule_oneshot(ctx, nested_cb, &nested);
  aio_bh_schedule_oneshot(ctx, count_cb, &others);
  assert(aio_poll(ctx, false));
  assert(nested == 1 && others == 2);
  assert(!aio_poll(ctx, false));
  qemu_cleanup_main_loop();
}

/* ------------------------------------------------------------------ timers */

static void timer_fires_once(Iterate *iterate)
{
  int fired = 0;

  qemu_init_main_loop();
  QEMUTimer *timer = aio_timer_new(qemu_get_aio_context(), count_cb, &fired);
  timer_mod(timer, qemu_clock_get_ns() + MS);
  assert(timer_pending(timer));
  iterate();
  assert(fired == 0);
  pass(2 * MS);
  iterate();
  assert(fired == 1 && !timer_pending(timer));
  pass(2 * MS);
  iterate();
  assert(fired == 1);

  timer_mod(timer, qemu_clock_get_ns() + MS);
  timer_del(timer);
  pass(2 * MS);
  iterate();
  assert(fired == 1);

  timer_mod(timer, qemu_clock_get_ns() + MS); /* a poll that sleeps is woken by it */
  while (fired == 1) {
    aio_poll(qemu_get_aio_context(), true);
  }
  assert(fired == 2);
  timer_free(timer);
  qemu_cleanup_main_loop();
}

void aio_timer_fires_once_for_each_time_it_is_armed(void)
{
  timer_fires_once(by_aio_poll);
}

void gsource_timer_fires_once_for_each_time_it_is_armed(void)
{
  timer_fires_once(by_main_loop);
}

static void arm_cb(void *opaque)
{
  timer_mod(opaque, qemu_clock_get_ns() + MS);
}

void aio_timer_armed_by_another_thread_wakes_the_sleeper(void)
{
  int fired = 0;
  QEMUTimer timer;

  qemu_init_main_loop();
  IOThread *iothread = iothread_create();
  aio_timer_init(qemu_get_aio_context(), &timer, count_cb, &fired);
  aio_bh_schedule_oneshot(iothread_get_aio_context(iothread), arm_cb, &timer);
  while (fired == 0) {
    aio_poll(qemu_get_aio_context(), true);
  }
  iothread_stop(iothread);
  iothread_destroy(iothread);
  qemu_cleanup_main_loop();
}

/* ------------------------------------------------------------------ life */

void aio_contexts_come_and_go(void)
{
  enum { THREADS = 5 };
  IOThread *iothreads[THREADS];

  qemu_init_main_loop();
  for (unsigned i = 0; i < THREADS; i++) {
    iothreads[i] = iothread_create();
  }
  for (unsigned i = 0; i < THREADS; i++) {
    iothread_stop(iothreads[i]);
    iothread_destroy(iothreads[i]);
  }
  qemu_cleanup_main_loop();
}

/* Deleted bottom halves that nobody has collected go with their context. */
void aio_context_goes_with_its_last_reference(void)
{
  int runs = 0;

  qemu_init_main_loop();
  AioContext *ctx = aio_context_new();
  QEMUBH *bh = aio_bh_new(ctx, count_cb, &runs);
  qemu_bh_schedule(bh);
  aio_context_ref(ctx);
  aio_context_unref(ctx);
  qemu_bh_delete(bh);
  aio_context_unref(ctx);
  assert(runs == 0);
  qemu_cleanup_main_loop();
}

/* ------------------------------------------------------------------ the lock */

typedef struct Locked {
  AioContext *ctx;
  _Atomic bool done;
} Locked;

static void locked_cb(void *opaque)
{
  Locked *locked = opaque;

  aio_context_acquire(locked->ctx);
  assert(aio_context_held(locked->ctx) == 1);
  atomic_store(&locked->done, true);
  aio_context_release(locked->ctx);
  aio_wait_kick();
}

void aio_wait_while_releases_the_lock_of_the_other_context(void)
{
  Locked locked = {0};

  qemu_init_main_loop();
  IOThread *iothread = iothread_create();
  locked.ctx = iothread_get_aio_context(iothread);
  aio_context_acquire(locked.ctx);
  aio_context_acquire(locked.ctx);
  assert(aio_context_held(locked.ctx) == 2);
  aio_context_release(locked.ctx);

  aio_bh_schedule_oneshot(locked.ctx, locked_cb, &locked);
  AIO_WAIT_WHILE(locked.ctx, !atomic_load(&locked.done));
  assert(aio_context_held(locked.ctx) == 1);
  aio_context_release(locked.ctx);
  assert(aio_context_held(locked.ctx) == 0);
  iothread_stop(iothread);
  iothread_destroy(iothread);
  qemu_cleanup_main_loop();
}
