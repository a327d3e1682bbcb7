/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a job until its work is done; what comes then is job_txn.c's.
 *
 * A job is `busy` from the moment when somebody enters it until its coroutine yields to be idle.
 * Both changes of that flag happen under the mutex, the second one together with a look at
 * `pause_count`. So whoever has raised the count and then sees the job idle knows that it will not
 * begin anything, and is nowhere on its way, before the count is dropped. Whoever clears the flag
 * kicks: a drain may be waiting for it.
 *
 * There is one mutex for all jobs; a step below takes it once or twice, and waits for nobody with
 * it held. A job is one allocation and, started, a coroutine.
 */
#include "job/job_int.h"

#include "aio/aio_wait.h"
#include "aio/code_category.h"

#include <errno.h>

QemuMutex job_mutex = QEMU_MUTEX_INITIALIZER;

enum { FOR_EVER = -1 };

static void coroutine_fn job_run(void *opaque);
static void coroutine_fn job_stay_idle(Job *job, int64_t nanoseconds);
static void job_exit(void *opaque);
static bool job_should_pause_locked(const Job *job);
static void job_enter_locked(Job *job);
static void job_sleep_timer_cb(void *opaque);

/* ------------------------------------------------------------------ life */

Job *job_create(const JobDriver *driver, JobTxn *txn, AioContext *ctx)
{
  GLOBAL_STATE_CODE();
  assert(driver->instance_size >= sizeof(Job));
  Job *job = qemu_malloc0(driver->instance_size);

  job->driver = driver;
  job->refs = 1;
  job->aio_context = ctx;
  aio_timer_init(ctx, &job->sleep_timer, job_sleep_timer_cb, job);
  job->pause_count = 1;
  job->paused = true;
  if (txn) {
    job_txn_add(txn, job);
  } else {
    txn = job_txn_new();
    job_txn_add(txn, job);
    job_txn_unref(txn);
  }
  return job;
}

void job_ref(Job *job)
{
  GLOBAL_STATE_CODE();
  job->refs++;
}

void job_unref(Job *job)
{
  GLOBAL_STATE_CODE();
  assert(job->refs > 0);
  if (--job->refs == 0) {
    assert(job->status == JOB_CONCLUDED);
    free(job);
  }
}

void job_start(Job *job)
{
  GLOBAL_STATE_CODE();
  job_ref(job); /* dropped when it has concluded */

  qemu_mutex_lock(&job_mutex);
  assert(job->status == JOB_CREATED && !job->cancelled);
  job->status = JOB_RUNNING;
  job->paused = false;
  job->busy = true;
  job->pause_count--;
  job->co = qemu_coroutine_create(job_run, job);
  qemu_mutex_unlock(&job_mutex);
  aio_co_enter(job->aio_context, job->co);
}

static void coroutine_fn job_run(void *opaque)
{
  Job *job = opaque;

  job_pause_point(job);
  int ret = job->driver->run(job);

  /* It stays busy until job_exit() has begun: there is still work of it to come. */
  qemu_mutex_lock(&job_mutex);
  job->ret = ret;
  job->deferred_to_main_loop = true;
  qemu_mutex_unlock(&job_mutex);
  aio_bh_schedule_oneshot(qemu_get_aio_context(), job_exit, job);
}

static void job_exit(void *opaque)
{
  Job *job = opaque;

  GLOBAL_STATE_CODE();
  qemu_mutex_lock(&job_mutex);
  job->busy = false; /* from here on the job's own callbacks drain: do not wait for ourselves */
  qemu_mutex_unlock(&job_mutex);
  aio_wait_kick();
  job_completed(job); /* it may be gone now */
}

/* ------------------------------------------------------------------ pausing */

void job_pause(Job *job)
{
  GLOBAL_STATE_CODE();
  qemu_mutex_lock(&job_mutex);
  job->pause_count++;
  if (!job->paused) {
    job_enter_locked(job); /* so that one that sleeps comes to its pause point */
  }
  qemu_mutex_unlock(&job_mutex);
}

void job_resume(Job *job)
{
  GLOBAL_STATE_CODE();
  qemu_mutex_lock(&job_mutex);
  assert(job->pause_count > 0);
  if (--job->pause_count == 0) {
    job_enter_locked(job);
  }
  qemu_mutex_unlock(&job_mutex);
}

void job_enter(Job *job)
{
  IO_CODE();
  qemu_mutex_lock(&job_mutex);
  job_enter_locked(job);
  qemu_mutex_unlock(&job_mutex);
}

/* It is busy from now on, not from the moment when it goes on: until then it is on its way, and
 * nobody may take it for idle. The mutex is dropped meanwhile: in its own context the coroutine
 * goes on right here. */
static void job_enter_locked(Job *job)
{
  if (!job->co || job->busy || job->deferred_to_main_loop) {
    return;
  }
  timer_del(&job->sleep_timer);
  job->busy = true;
  qemu_mutex_unlock(&job_mutex);
  aio_co_wake(job->co);
  qemu_mutex_lock(&job_mutex);
}

static void job_sleep_timer_cb(void *opaque)
{
  job_enter(opaque);
}

void coroutine_fn job_pause_point(Job *job)
{
  const JobDriver *driver = job->driver;

  IO_CODE();
  qemu_mutex_lock(&job_mutex);
  bool pause = job_should_pause_locked(job);
  qemu_mutex_unlock(&job_mutex);
  if (!pause) {
    return;
  }
  if (driver->pause) {
    driver->pause(job);
  }
  qemu_mutex_lock(&job_mutex);
  while (job_should_pause_locked(job)) {
    job->paused = true;
    job->status = JOB_PAUSED;
    job_stay_idle(job, FOR_EVER);
    job->paused = false;
    job->status = JOB_RUNNING;
  }
  qemu_mutex_unlock(&job_mutex);
  if (driver->resume) {
    driver->resume(job);
  }
}

static bool job_should_pause_locked(const Job *job)
{
  return job->pause_count > 0 && !job->cancelled;
}

void coroutine_fn job_sleep_ns(Job *job, int64_t nanoseconds)
{
  IO_CODE();
  qemu_mutex_lock(&job_mutex);
  if (!job->cancelled && !job_should_pause_locked(job)) {
    job_stay_idle(job, nanoseconds);
  }
  qemu_mutex_unlock(&job_mutex);
  job_pause_point(job);
}

void coroutine_fn job_yield(Job *job)
{
  IO_CODE();
  job_sleep_ns(job, FOR_EVER);
}

/* Idle until somebody enters the job. The mutex is held, released meanwhile, and held again; then
 * the coroutine is in the job's context, whatever that is by now. */
static void coroutine_fn job_stay_idle(Job *job, int64_t nanoseconds)
{
  assert(job->busy);
  if (nanoseconds != FOR_EVER) {
    timer_mod(&job->sleep_timer, qemu_clock_get_ns() + nanoseconds);
  }
  job->busy = false;
  qemu_mutex_unlock(&job_mutex);
  aio_wait_kick();
  qemu_coroutine_yield();
  qemu_mutex_lock(&job_mutex);
  assert(job->busy); /* by whoever entered us */
  while (job->aio_context != qemu_get_current_aio_context()) {
    AioContext *ctx = job->aio_context;
    qemu_mutex_unlock(&job_mutex);
    aio_co_reschedule_self(ctx);
    qemu_mutex_lock(&job_mutex);
  }
}

void job_set_aio_context(Job *job, AioContext *ctx)
{
  GLOBAL_STATE_CODE();
  qemu_mutex_lock(&job_mutex);
  assert(!job->busy);
  assert(job->paused || job->deferred_to_main_loop);
  job->aio_context = ctx;
  timer_del(&job->sleep_timer);
  aio_timer_init(ctx, &job->sleep_timer, job_sleep_timer_cb, job);
  qemu_mutex_unlock(&job_mutex);
}

/* ------------------------------------------------------------------ ending early */

void job_cancel(Job *job)
{
  GLOBAL_STATE_CODE();
  qemu_mutex_lock(&job_mutex);
  bool never_started = !job->co && !job->cancelled;
  job->cancelled = true;
  job->deferred_to_main_loop |= never_started;
  job_enter_locked(job);
  qemu_mutex_unlock(&job_mutex);
  if (never_started) {
    job_completed(job);
  }
}

int job_cancel_sync(Job *job)
{
  GLOBAL_STATE_CODE();
  job_ref(job);
  job_cancel(job);
  int ret = job_finish_sync(job);
  job_unref(job);
  return ret;
}

int job_finish_sync(Job *job)
{
  GLOBAL_STATE_CODE();
  job_ref(job);
  AIO_WAIT_WHILE(NULL, !job_is_completed(job));
  int ret = job->ret == 0 && job->cancelled ? -ECANCELED : job->ret;
  job_unref(job);
  return ret;
}

bool job_is_cancelled(Job *job)
{
  IO_CODE();
  qemu_mutex_lock(&job_mutex);
  bool cancelled = job->cancelled;
  qemu_mutex_unlock(&job_mutex);
  return cancelled;
}

bool job_is_completed(Job *job)
{
  IO_CODE();
  qemu_mutex_lock(&job_mutex);
  bool completed = job_is_completed_locked(job);
  qemu_mutex_unlock(&job_mutex);
  return completed;
}

bool job_is_completed_locked(const Job *job)
{
  return job->status >= JOB_WAITING;
}

bool job_is_active(Job *job)
{
  IO_CODE();
  qemu_mutex_lock(&job_mutex);
  bool active = job->busy && !job_is_completed_locked(job);
  qemu_mutex_unlock(&job_mutex);
  return active;
}

bool job_is_paused(Job *job)
{
  IO_CODE();
  qemu_mutex_lock(&job_mutex);
  bool paused = job->paused;
  qemu_mutex_unlock(&job_mutex);
  return paused;
}
