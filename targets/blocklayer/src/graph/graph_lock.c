/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The graph lock. An uncontended reader pays two additions to its own cache line and two full
 * fences, a writer a walk over all contexts and two over all nodes.
 *
 * Orders, in one place. Every store to a reader_count is a release and every load by a writer an
 * acquire (A): a writer that sees a count sees all that readers did before it. Every store of 0
 * to has_writer is a release and the readers' load an acquire (B): a reader that finds no writer
 * sees all that the last one did. Without A or B: a data race on the graph. B1, the fences F1 and
 * F2, is what keeps a new reader and a new writer from missing each other.
 */
#include "graph/graph_lock_int.h"

#include "aio/aio_wait.h"
#include "aio/code_category.h"
#include "graph/graph.h"

BdrvGraphLock bdrv_graph_lock = {.list_mutex = QEMU_MUTEX_INITIALIZER};

static void add_readers(_Atomic uint32_t *count, uint32_t amount);
static bool rdlock_or_sleep(_Atomic uint32_t *count);
static uint32_t reader_count_sum(void);
static void let_readers_in(void);
static void wait_for_readers(void);
static void enter(bool drained);

/* ------------------------------------------------------------------ contexts */

void register_aiocontext(AioContext *ctx)
{
  IO_CODE();
  BdrvGraphRWlock *counter = qemu_malloc_lines(sizeof(*counter));

  atomic_init(&counter->reader_count, 0);
  ctx->bdrv_graph = counter;
  qemu_mutex_lock(&bdrv_graph_lock.list_mutex);
  counter->next = bdrv_graph_lock.counters;
  bdrv_graph_lock.counters = counter;
  qemu_mutex_unlock(&bdrv_graph_lock.list_mutex);
}

void unregister_aiocontext(AioContext *ctx)
{
  IO_CODE();
  BdrvGraphRWlock *counter = ctx->bdrv_graph;
  BdrvGraphRWlock **link = &bdrv_graph_lock.counters;

  qemu_mutex_lock(&bdrv_graph_lock.list_mutex);
  while (*link != counter) {
    link = &(*link)->next;
  }
  *link = counter->next;
  /* Readers that locked here and hold the lock elsewhere, or the reverse. Acquire: A (litmus
   * mp_release_acquire). */
  bdrv_graph_lock.orphaned_reader_count +=
      atomic_load_explicit(&counter->reader_count, memory_order_acquire);
  qemu_mutex_unlock(&bdrv_graph_lock.list_mutex);
  ctx->bdrv_graph = NULL;
  free(counter);
}

/* ------------------------------------------------------------------ readers */

void coroutine_fn bdrv_graph_co_rdlock(void)
{
  IO_CODE();
  Coroutine *self = qemu_coroutine_self();

  reader_begins(self);
  /* The context that runs us. Once is enough: whoever is woken from the queue goes on in the
   * context where it waited. */
  _Atomic uint32_t *count = &self->ctx->bdrv_graph->reader_count;

  for (;;) {
    add_readers(count, 1);
    /* F1: count the reader, then look for a writer. Pairs with F2 in wait_for_readers() (litmus
     * sb_fences). Without it: the writer does not see the reader, the reader not the writer, both
     * are inside (litmus sb_one_fence_missing). */
    atomic_thread_fence(memory_order_seq_cst);
    /* Acquire: B (litmus mp_release_acquire). */
    if (!atomic_load_explicit(&bdrv_graph_lock.has_writer, memory_order_acquire)) {
      return;
    }
    if (rdlock_or_sleep(count)) {
      return;
    }
  }
}

/* There is, or was, a writer. True: it has gone, and we are counted. False: we slept. */
__attribute__((noinline)) static bool rdlock_or_sleep(_Atomic uint32_t *count)
{
  qemu_mutex_lock(&bdrv_graph_lock.list_mutex);
  /* Again, under the mutex: a writer that has left since has also emptied the queue, and would not
   * wake us. Relaxed: 0 is stored under this mutex. */
  if (!atomic_load_explicit(&bdrv_graph_lock.has_writer, memory_order_relaxed)) {
    qemu_mutex_unlock(&bdrv_graph_lock.list_mutex);
    return true;
  }
  /* A sleeping reader does not count. Whoever counts down kicks: that is the rule of aio_wait.h. It
   * could be spared here, but only because the writer clears the flag under this mutex before it
   * polls, and so never sleeps on a sum that still has us in it. */
  add_readers(count, UINT32_MAX);
  aio_wait_kick();
  qemu_co_queue_wait(&bdrv_graph_lock.reader_queue, &bdrv_graph_lock.list_mutex);
  qemu_mutex_unlock(&bdrv_graph_lock.list_mutex);
  return false;
}

/*
 * The kick is unconditional. The lock's first description kicks only if has_writer is set; but a
 * writer polls with has_writer == 0, so that what it waits for can take the lock meanwhile. The
 * last reader would find 0, kick nobody, and the writer would sleep for ever.
 */
void coroutine_fn bdrv_graph_co_rdunlock(void)
{
  IO_CODE();
  Coroutine *self = qemu_coroutine_self();

  reader_ends(self);
  /* Today's context, which need not be the one that we locked in: the other counter is written by
   * another thread, and may be gone. */
  _Atomic uint32_t *count = &self->ctx->bdrv_graph->reader_count;

  add_readers(count, UINT32_MAX);
  aio_wait_kick(); /* B2: its fence puts the look for a waiter behind the count */
}

/* Add to the calling thread's counter, modulo 2^32: a plain addition, because nobody else does. */
static void add_readers(_Atomic uint32_t *count, uint32_t amount)
{
  /* Relaxed: reads what this very thread wrote last. Release: A (litmus mp_release_acquire). */
  uint32_t before = atomic_load_explicit(count, memory_order_relaxed);
  atomic_store_explicit(count, before + amount, memory_order_release);
}

/* ------------------------------------------------------------------ the writer */

void bdrv_graph_wrlock(void)
{
  GLOBAL_STATE_CODE();
  assert(!qemu_in_coroutine());
  assert_bdrv_graph_unlocked();

  /* Without it, requests that keep coming would starve us: each is a reader. Not drained: who is in
   * flight may wait for bottom halves that write, so we only wait for readers. */
  bdrv_drain_all_begin_nopoll();
  wait_for_readers();
  bdrv_do_drain_all_end(); /* does not poll; requests that go on now sleep in rdlock */
  enter(false);
}

void bdrv_graph_wrlock_drained(void)
{
  GLOBAL_STATE_CODE();
  assert(!qemu_in_coroutine());

  bdrv_do_drain_all_begin();
  wait_for_readers();
  enter(true);
}

/* Leaves has_writer set. */
static void wait_for_readers(void)
{
  for (;;) {
    /* has_writer is 0 while we poll: bottom halves that write, and coroutines that read because
     * the last readers wait for them, would otherwise wait for us. */
    AIO_WAIT_WHILE(NULL, reader_count_sum() >= 1);

    /* Relaxed: only this thread writes it. */
    assert(!atomic_load_explicit(&bdrv_graph_lock.has_writer, memory_order_relaxed));
    /* Relaxed: F2 orders it before the sum; a reader that sees 1 relies on nothing else. */
    atomic_store_explicit(&bdrv_graph_lock.has_writer, 1, memory_order_relaxed);
    /* F2: announce the writer, then count the readers again. Pairs with F1 (litmus sb_fences). */
    atomic_thread_fence(memory_order_seq_cst);
    if (reader_count_sum() == 0) {
      return;
    }
    /* A reader came in before it could see us. Back to polling; readers that saw us meanwhile and
     * sleep must not wait for our unlock, or the one inside might wait for them. */
    let_readers_in();
  }
}

/* Only now, when no other writer comes and goes any more: it would leave with our section. */
static void enter(bool drained)
{
  bdrv_graph_lock.writer_is_drained = drained;
  poll_forbid();
}

void bdrv_graph_wrunlock(void)
{
  GLOBAL_STATE_CODE();
  assert_bdrv_graph_writable();
  /* Read now: the bottom halves below may be writers too. */
  bool drained = bdrv_graph_lock.writer_is_drained;

  poll_allow();
  let_readers_in();
  /* What was put off until the graph is free. Last: it may poll, and need the readers. */
  aio_bh_poll(qemu_get_aio_context());
  if (drained) {
    bdrv_do_drain_all_end();
  }
}

/*
 * Readers, modulo 2^32. Not a snapshot: a reader that moves while we sum up may be missed or seen
 * leaving only, so the sum may even be "negative". Who moved or left after we looked kicks after
 * it, and behind F2 every reader that is inside is seen. Acquire: A (litmus mp_release_acquire).
 */
static uint32_t reader_count_sum(void)
{
  qemu_mutex_lock(&bdrv_graph_lock.list_mutex);
  uint32_t sum = bdrv_graph_lock.orphaned_reader_count;
  for (BdrvGraphRWlock *counter = bdrv_graph_lock.counters; counter; counter = counter->next) {
    sum += atomic_load_explicit(&counter->reader_count, memory_order_acquire);
  }
  qemu_mutex_unlock(&bdrv_graph_lock.list_mutex);
  return sum;
}

/* B11: clear the flag and empty the queue as one step, seen from rdlock_or_sleep(). While one is
 * woken the mutex is free, but nobody new goes to sleep: has_writer is 0. Release: B (litmus
 * mp_release_acquire). */
static void let_readers_in(void)
{
  qemu_mutex_lock(&bdrv_graph_lock.list_mutex);
  atomic_store_explicit(&bdrv_graph_lock.has_writer, 0, memory_order_release);
  qemu_co_enter_all(&bdrv_graph_lock.reader_queue, &bdrv_graph_lock.list_mutex);
  qemu_mutex_unlock(&bdrv_graph_lock.list_mutex);
}
