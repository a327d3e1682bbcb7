/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An event loop per thread. The order to stop travels as a bottom half: aio_notify() alone would
 * only make the loop look at its lists again, and find nothing. Creating one waits until the thread
 * runs, stopping one until it has ended.
 */
#include "aio/iothread.h"

#include "aio/main_loop.h"
#include "util/thread.h"

struct IOThread {
  pthread_t thread;
  AioContext *ctx;
  bool running; /* the loop goes on; after the start only the thread itself touches it */

  QemuMutex init_lock; /* protects `ready` */
  QemuCond init_cond;
  bool ready;
};

static void *iothread_run(void *opaque);

IOThread *iothread_create(void)
{
  IOThread *iothread = qemu_malloc(sizeof(*iothread));

  *iothread = (IOThread){.ctx = aio_context_new(), .running = true};
  qemu_mutex_init(&iothread->init_lock);
  qemu_cond_init(&iothread->init_cond);
  qemu_thread_create(&iothread->thread, iothread_run, iothread);

  qemu_mutex_lock(&iothread->init_lock);
  while (!iothread->ready) {
    qemu_cond_wait(&iothread->init_cond, &iothread->init_lock);
  }
  qemu_mutex_unlock(&iothread->init_lock);
  return iothread;
}

AioContext *iothread_get_aio_context(IOThread *iothread)
{
  return iothread->ctx;
}

static void *iothread_run(void *opaque)
{
  IOThread *iothread = opaque;

  qemu_set_current_aio_context(iothread->ctx);
  qemu_mutex_lock(&iothread->init_lock);
  iothread->ready = true;
  qemu_cond_signal(&iothread->init_cond);
  qemu_mutex_unlock(&iothread->init_lock);

  while (iothread->running) {
    aio_poll(iothread->ctx, true);
  }
  qemu_coroutine_pool_leave();
  return NULL;
}

static void iothread_stop_bh(void *opaque)
{
  IOThread *iothread = opaque;
  iothread->running = false;
}

void iothread_stop(IOThread *iothread)
{
  assert(!in_aio_context_home_thread(iothread->ctx));
  aio_bh_schedule_oneshot(iothread->ctx, iothread_stop_bh, iothread);
  qemu_thread_join(iothread->thread);
}

void iothread_destroy(IOThread *iothread)
{
  aio_context_unref(iothread->ctx);
  qemu_cond_destroy(&iothread->init_cond);
  qemu_mutex_destroy(&iothread->init_lock);
  free(iothread);
}
