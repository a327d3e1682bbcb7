/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ended coroutines whose stacks are used again: a list per thread, without any synchronisation,
 * and one for all, because threads that create coroutines need not be those in which they end.
 *
 * The list for all takes and gives whole batches, so that a thread comes by its mutex once in
 * POOL_BATCH coroutines. Who takes a coroutine out has synchronised with who put it in: the two
 * lives of a stack follow each other.
 */
#include "coroutine/coroutine_int.h"

#include "util/thread.h"

enum {
  POOL_BATCH = 16,
  THREAD_MOST = 2 * POOL_BATCH, /* kept by one thread: it can swing by a batch either way */
};

typedef struct CoroutinePool {
  CoroutineList kept;
  unsigned count;
} CoroutinePool;

typedef struct SharedPool {
  QemuMutex mutex; /* protects `pool`; a leaf */
  CoroutinePool pool;
  unsigned size; /* most coroutines in `pool`; 0: threads keep none either. Set-up only */
} SharedPool;

static SharedPool shared_pool = {.mutex = QEMU_MUTEX_INITIALIZER,
                                 .size = COROUTINE_POOL_FIRST_SIZE};
static _Thread_local CoroutinePool thread_pool;

static void pool_move(CoroutinePool *to, CoroutinePool *from, unsigned most);
static void pool_free(CoroutinePool *pool);

void qemu_coroutine_inc_pool_size(unsigned coroutines)
{
  shared_pool.size += coroutines;
}

void qemu_coroutine_dec_pool_size(unsigned coroutines)
{
  assert(coroutines <= shared_pool.size);
  shared_pool.size -= coroutines;
}

/* Noinline, here and below: a coroutine may go on in another thread (coroutine.c). */
__attribute__((noinline)) Coroutine *coroutine_pool_take(void)
{
  CoroutinePool *mine = &thread_pool;

  __asm__ volatile("" ::: "memory");
  if (shared_pool.size == 0) {
    return NULL;
  }
  if (mine->count == 0) {
    qemu_mutex_lock(&shared_pool.mutex);
    pool_move(mine, &shared_pool.pool, POOL_BATCH);
    qemu_mutex_unlock(&shared_pool.mutex);
  }
  if (mine->count == 0) {
    return NULL;
  }
  mine->count--;
  return coroutine_list_pop(&mine->kept);
}

__attribute__((noinline)) void coroutine_pool_put(Coroutine *co)
{
  CoroutinePool *mine = &thread_pool;

  __asm__ volatile("" ::: "memory");
  if (shared_pool.size == 0) {
    coroutine_delete(co);
    return;
  }
  coroutine_list_push(&mine->kept, co); /* the next one gets the stack that is still in the cache */
  mine->count++;
  if (mine->count > THREAD_MOST) {
    CoroutinePool surplus = {0};

    qemu_mutex_lock(&shared_pool.mutex);
    bool room = shared_pool.pool.count + POOL_BATCH <= shared_pool.size;
    pool_move(room ? &shared_pool.pool : &surplus, mine, POOL_BATCH);
    qemu_mutex_unlock(&shared_pool.mutex);
    pool_free(&surplus);
  }
}

__attribute__((noinline)) void qemu_coroutine_pool_leave(void)
{
  __asm__ volatile("" ::: "memory");
  pool_free(&thread_pool);
}

void qemu_coroutine_pool_cleanup(void)
{
  qemu_coroutine_pool_leave();
  pool_free(&shared_pool.pool);
}

/* Move up to `most` coroutines. */
static void pool_move(CoroutinePool *to, CoroutinePool *from, unsigned most)
{
  for (unsigned moved = 0; moved < most && from->count > 0; moved++) {
    coroutine_list_push(&to->kept, coroutine_list_pop(&from->kept));
    from->count--;
    to->count++;
  }
}

static void pool_free(CoroutinePool *pool)
{
  while (pool->count > 0) {
    coroutine_delete(coroutine_list_pop(&pool->kept));
    pool->count--;
  }
}
