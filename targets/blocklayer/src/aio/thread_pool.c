/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread pool: a queue under a mutex, and a bottom half that calls the completions. A request
 * costs two uses of the mutex on each side and a bottom half; workers stay until the context goes
 * (no timer ends idle ones: it would make a lost wakeup look like a delay).
 */
#include "aio/thread_pool.h"

#include "aio/aio_int.h"
#include "aio/main_loop.h"

#include <errno.h>

typedef enum RequestState {
  REQUEST_QUEUED,
  REQUEST_ACTIVE, /* a worker has it */
  REQUEST_DONE,   /* `ret` is valid; nobody but the home thread has it */
} RequestState;

struct BlockAIOCB {
  ThreadPoolAio *pool;
  ThreadPoolFunc *func;
  void *arg;
  BlockCompletionFunc *cb;
  void *opaque;

  _Atomic unsigned state; /* RequestState; leaves REQUEST_QUEUED under the pool's lock only */
  int ret;                /* written before `state` becomes REQUEST_DONE */

  BlockAIOCB *next_queued; /* in ThreadPoolAio.queue; under the lock */
  BlockAIOCB *next;        /* in ThreadPoolAio.requests; home thread only */
  unsigned refs;           /* home thread only */
  bool completed;          /* its completion has returned; home thread only */
};

struct ThreadPoolAio {
  AioContext *ctx;
  QEMUBH *completion_bh;
  BlockAIOCB *requests; /* all that are not completed, newest first; home thread only */

  QemuMutex lock; /* protects what follows */
  QemuCond request_cond;
  BlockAIOCB *queue; /* oldest first */
  unsigned idle_workers;
  bool stopping;

  /* Home thread only. */
  unsigned workers;
  unsigned max_workers;
  pthread_t *threads;
};

static ThreadPoolAio *pool_of_current_context(void);
static void *worker_run(void *opaque);
static void completion_bh_cb(void *opaque);
static void request_unref(BlockAIOCB *acb);

/* ------------------------------------------------------------------ the pool */

static ThreadPoolAio *pool_new(AioContext *ctx, unsigned max_workers)
{
  ThreadPoolAio *pool = qemu_malloc(sizeof(*pool));

  *pool = (ThreadPoolAio){.ctx = ctx, .max_workers = max_workers};
  pool->completion_bh = aio_bh_new(ctx, completion_bh_cb, pool);
  pool->threads = qemu_malloc(max_workers * sizeof(*pool->threads));
  qemu_mutex_init(&pool->lock);
  qemu_cond_init(&pool->request_cond);
  return pool;
}

static ThreadPoolAio *pool_of_current_context(void)
{
  AioContext *ctx = qemu_get_current_aio_context();

  assert(ctx);
  if (!ctx->thread_pool) {
    ctx->thread_pool = pool_new(ctx, THREAD_POOL_MAX_THREADS_DEFAULT);
  }
  return ctx->thread_pool;
}

void aio_context_set_thread_pool_params(AioContext *ctx, unsigned max_threads)
{
  assert(in_aio_context_home_thread(ctx));
  assert(max_threads >= 1);
  assert(!ctx->thread_pool);
  ctx->thread_pool = pool_new(ctx, max_threads);
}

void thread_pool_free_aio(ThreadPoolAio *pool)
{
  assert(!pool->requests);
  qemu_mutex_lock(&pool->lock);
  pool->stopping = true;
  qemu_cond_broadcast(&pool->request_cond);
  qemu_mutex_unlock(&pool->lock);
  for (unsigned i = 0; i < pool->workers; i++) {
    qemu_thread_join(pool->threads[i]);
  }
  qemu_bh_delete(pool->completion_bh);
  qemu_cond_destroy(&pool->request_cond);
  qemu_mutex_destroy(&pool->lock);
  free(pool->threads);
  free(pool);
}

/* ------------------------------------------------------------------ submitting */

BlockAIOCB *thread_pool_submit_aio(ThreadPoolFunc *func, void *arg, BlockCompletionFunc *cb,
                                   void *opaque)
{
  ThreadPoolAio *pool = pool_of_current_context();
  BlockAIOCB *acb = qemu_malloc(sizeof(*acb));

  *acb =
      (BlockAIOCB){.pool = pool, .func = func, .arg = arg, .cb = cb, .opaque = opaque, .refs = 1};
  acb->next = pool->requests;
  pool->requests = acb;

  qemu_mutex_lock(&pool->lock);
  BlockAIOCB **link = &pool->queue;
  unsigned queued = 1;
  for (; *link; link = &(*link)->next_queued) {
    queued++;
  }
  *link = acb;
  bool more_workers = queued > pool->idle_workers && pool->workers < pool->max_workers;
  qemu_cond_signal(&pool->request_cond);
  qemu_mutex_unlock(&pool->lock);
  if (more_workers) {
    qemu_thread_create(&pool->threads[pool->workers++], worker_run, pool);
  }
  return acb;
}

typedef struct SubmitCo {
  Coroutine *co;
  int ret;
} SubmitCo;

static void submit_co_cb(void *opaque, int ret)
{
  SubmitCo *submit = opaque;
  submit->ret = ret;
  aio_co_wake(submit->co);
}

int coroutine_fn thread_pool_submit_co(ThreadPoolFunc *func, void *arg)
{
  SubmitCo submit = {.co = qemu_coroutine_self()};

  assert(qemu_in_coroutine());
  thread_pool_submit_aio(func, arg, submit_co_cb, &submit);
  qemu_coroutine_yield();
  return submit.ret;
}

/* ------------------------------------------------------------------ workers */

/* The oldest request, or NULL when the pool goes. Under the lock. */
static BlockAIOCB *worker_next(ThreadPoolAio *pool)
{
  while (!pool->queue && !pool->stopping) {
    pool->idle_workers++;
    qemu_cond_wait(&pool->request_cond, &pool->lock);
    pool->idle_workers--;
  }
  BlockAIOCB *acb = pool->queue;
  if (acb) {
    pool->queue = acb->next_queued;
    /* Relaxed: only read under the lock, or for REQUEST_DONE. */
    atomic_store_explicit(&acb->state, REQUEST_ACTIVE, memory_order_relaxed);
  }
  return acb;
}

static void *worker_run(void *opaque)
{
  ThreadPoolAio *pool = opaque;
  BlockAIOCB *acb;

  qemu_mutex_lock(&pool->lock);
  while ((acb = worker_next(pool))) {
    qemu_mutex_unlock(&pool->lock);
    acb->ret = acb->func(acb->arg);
    /* Release: the result and what func() wrote. Pairs with the acquire in take_done() (litmus
     * mp_release_acquire). Without it: a completion with an old result. From here on `acb` may be
     * gone. */
    atomic_store_explicit(&acb->state, REQUEST_DONE, memory_order_release);
    qemu_bh_schedule(pool->completion_bh);
    qemu_mutex_lock(&pool->lock);
  }
  qemu_mutex_unlock(&pool->lock);
  return NULL;
}

/* ------------------------------------------------------------------ completion */

static BlockAIOCB *take_done(ThreadPoolAio *pool)
{
  for (BlockAIOCB **link = &pool->requests; *link; link = &(*link)->next) {
    BlockAIOCB *acb = *link;
    /* Acquire: pairs with the release in worker_run() (litmus mp_release_acquire). */
    if (atomic_load_explicit(&acb->state, memory_order_acquire) == REQUEST_DONE) {
      *link = acb->next;
      return acb;
    }
  }
  return NULL;
}

static void completion_bh_cb(void *opaque)
{
  ThreadPoolAio *pool = opaque;
  BlockAIOCB *acb;

  while ((acb = take_done(pool))) {
    if (acb->cb) {
      /* The completion may poll, and wait there for another request, whose notice we have taken:
       * a nested loop shall come here too. If none did, we go on by ourselves. */
      qemu_bh_schedule(pool->completion_bh);
      acb->cb(acb->opaque, acb->ret);
      qemu_bh_cancel(pool->completion_bh);
    }
    acb->completed = true;
    request_unref(acb);
  }
}

static void request_unref(BlockAIOCB *acb)
{
  if (--acb->refs == 0) {
    free(acb);
  }
}

/* ------------------------------------------------------------------ cancelling */

void bdrv_aio_cancel_async(BlockAIOCB *acb)
{
  ThreadPoolAio *pool = acb->pool;

  assert(in_aio_context_home_thread(pool->ctx));
  qemu_mutex_lock(&pool->lock);
  /* Relaxed: it leaves this state under the lock only. */
  if (atomic_load_explicit(&acb->state, memory_order_relaxed) == REQUEST_QUEUED) {
    BlockAIOCB **link = &pool->queue;
    while (*link != acb) {
      link = &(*link)->next_queued;
    }
    *link = acb->next_queued;
    acb->ret = -ECANCELED;
    atomic_store_explicit(&acb->state, REQUEST_DONE, memory_order_relaxed); /* our own thread */
    qemu_bh_schedule(pool->completion_bh);
  }
  qemu_mutex_unlock(&pool->lock);
}

void bdrv_aio_cancel(BlockAIOCB *acb)
{
  AioContext *ctx = acb->pool->ctx;

  acb->refs++;
  bdrv_aio_cancel_async(acb);
  /* Not "until nobody else has a reference", as the field has it: what runs in this poll may cancel
   * the same request, and then each of the two waits for the other's reference. */
  while (!acb->completed) {
    aio_poll(ctx, true); /* the completion is a bottom half of this very context */
  }
  request_unref(acb);
}
