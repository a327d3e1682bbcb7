/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting as the contract of aio_wait.h demands it: first the condition, then the kick. */
#include "callers.h"

#include "aio/aio_wait.h"

typedef struct CallerWait {
  QEMUBHFunc *cb;
  void *opaque;
  AioContext *locked; /* NULL: no lock */
  _Atomic bool done;
} CallerWait;

static void caller_wait_bh(void *opaque)
{
  CallerWait *wait = opaque;

  if (wait->locked) {
    aio_context_acquire(wait->locked);
  }
  wait->cb(wait->opaque);
  if (wait->locked) {
    aio_context_release(wait->locked);
  }
  /* Release: pairs with the acquire in the conditions below. */
  atomic_store_explicit(&wait->done, true, memory_order_release);
  aio_wait_kick(); /* `wait` may be gone already */
}

void caller_wait(AioContext *where, AioContext *wait_ctx, QEMUBHFunc *cb, void *opaque)
{
  CallerWait wait = {.cb = cb, .opaque = opaque};

  aio_bh_schedule_oneshot(where, caller_wait_bh, &wait);
  AIO_WAIT_WHILE(wait_ctx, !atomic_load_explicit(&wait.done, memory_order_acquire));
}

void caller_wait_locked(AioContext *where, QEMUBHFunc *cb, void *opaque)
{
  CallerWait wait = {.cb = cb, .opaque = opaque, .locked = where};

  aio_context_acquire(where);
  aio_bh_schedule_oneshot(where, caller_wait_bh, &wait);
  AIO_WAIT_WHILE(where, !atomic_load_explicit(&wait.done, memory_order_acquire));
  aio_context_release(where);
}

void caller_wait_unlocked(AioContext *where, QEMUBHFunc *cb, void *opaque)
{
  CallerWait wait = {.cb = cb, .opaque = opaque};

  aio_bh_schedule_oneshot(where, caller_wait_bh, &wait);
  AIO_WAIT_WHILE_UNLOCKED(NULL, !atomic_load_explicit(&wait.done, memory_order_acquire));
}

void caller_wait_job_idle(Job *job)
{
  AIO_WAIT_WHILE(NULL, job_is_active(job));
}

void caller_wait_job_concluded(const Job *job)
{
  AIO_WAIT_WHILE(NULL, job->status != JOB_CONCLUDED);
}
