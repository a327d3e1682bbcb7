/* SPDX-License-Identifier: Apache-2.0 */
/* Behaviours of the thread pool: each request gets exactly one completion. */
#include "behaviours.h"

#include "aio/main_loop.h"
#include "aio/thread_pool.h"

#include <errno.h>
#include <stdatomic.h>

typedef struct Work {
  BlockAIOCB *acb; /* NULL once completed */
  _Atomic int runs;
  int completions;
  int ret;
  int *active;
} Work;

static int work_func(void *opaque)
{
  Work *work = opaque;
  return atomic_fetch_add(&work->runs, 1);
}

static void work_done(void *opaque, int ret)
{
  Work *work = opaque;

  work->acb = NULL;
  work->completions++;
  work->ret = ret;
  --*work->active;
}

static void work_submit(Work *work, int *active)
{
  work->active = active;
  ++*active;
  work->acb = thread_pool_submit_aio(work_func, work, work_done, work);
}

static void submit_all(Work *works, unsigned count, int *active)
{
  for (unsigned i = 0; i < count; i++) {
    work_submit(&works[i], active);
  }
}

static void pool_begin(unsigned threads)
{
  qemu_init_main_loop();
  aio_context_set_thread_pool_params(qemu_get_aio_context(), threads);
}

static void poll_until_idle(const int *active)
{
  while (*active > 0) {
    aio_poll(qemu_get_aio_context(), true);
  }
}

void pool_request_without_completion_runs(void)
{
  Work silent = {0}, last = {0};
  int active = 0;

  pool_begin(1);
  thread_pool_submit_aio(work_func, &silent, NULL, NULL);
  work_submit(&last, &active); /* one worker: behind the other one */
  poll_until_idle(&active);
  assert(atomic_load(&silent.runs) == 1 && silent.completions == 0);
  qemu_cleanup_main_loop();
}

void pool_request_is_completed_once(void)
{
  Work work = {.ret = -EINPROGRESS};
  int active = 0;

  pool_begin(2);
  work_submit(&work, &active);
  assert(work.ret == -EINPROGRESS); /* never from within the submission */
  poll_until_idle(&active);
  assert(atomic_load(&work.runs) == 1 && work.completions == 1 && work.ret == 0);
  qemu_cleanup_main_loop();
}

typedef struct CoWork {
  Work work;
  int active;
} CoWork;

static void coroutine_fn co_work(void *opaque)
{
  CoWork *co = opaque;

  co->active++;
  co->work.ret = thread_pool_submit_co(work_func, &co->work);
  co->active--;
}

void pool_coroutine_waits_for_its_request(void)
{
  CoWork co = {.work.ret = -EINPROGRESS};

  pool_begin(2);
  qemu_coroutine_enter(qemu_coroutine_create(co_work, &co));
  assert(co.active == 1 && co.work.ret == -EINPROGRESS);
  poll_until_idle(&co.active);
  assert(atomic_load(&co.work.runs) == 1 && co.work.ret == 0);
  qemu_cleanup_main_loop();
}

void pool_many_requests_are_completed_once_each(void)
{
  enum { REQUESTS = 8 };
  Work works[REQUESTS] = {0};
  int active = 0;

  pool_begin(3);
  submit_all(works, REQUESTS, &active);
  poll_until_idle(&active);
  for (unsigned i = 0; i < REQUESTS; i++) {
    assert(atomic_load(&works[i].runs) == 1 && works[i].completions == 1 && works[i].ret == 0);
  }
  qemu_cleanup_main_loop();
}

static void expect_one_end(Work *work)
{
  int runs = atomic_load(&work->runs);

  assert(work->completions == 1 && !work->acb);
  assert((runs == 1 && work->ret == 0) || (runs == 0 && work->ret == -ECANCELED));
}

void pool_cancel_waits_for_the_completion(void)
{
  enum { REQUESTS = 4 };
  Work works[REQUESTS] = {0};
  int active = 0;

  pool_begin(1);
  submit_all(works, REQUESTS, &active);
  for (unsigned i = REQUESTS; i-- > 0;) {
    if (works[i].acb) {
      bdrv_aio_cancel(works[i].acb);
    }
    expect_one_end(&works[i]);
  }
  assert(active == 0);
  qemu_cleanup_main_loop();
}

void pool_cancel_async_completes_later_and_once(void)
{
  enum { REQUESTS = 4 };
  Work works[REQUESTS] = {0};
  int active = 0;

  pool_begin(1);
  submit_all(works, REQUESTS, &active);
  for (unsigned i = 0; i < REQUESTS; i++) {
    bdrv_aio_cancel_async(works[i].acb);
    assert(works[i].completions == 0);
  }
  poll_until_idle(&active);
  for (unsigned i = 0; i < REQUESTS; i++) {
    expect_one_end(&works[i]);
  }
  qemu_cleanup_main_loop();
}
