/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who holds the graph lock? The counters know only how many readers there are, and the field's
 * assertions are content if there is any. Here each coroutine carries a mark of its own, and the
 * main context a count of the sections in which nobody may poll: plain memory of the thread that
 * runs, two instructions per lock.
 *
 * What would otherwise hang once in a year, when a writer comes at the wrong moment (a reader that
 * locks again; a wait under the lock), aborts whenever it is executed.
 */
#include "graph/graph_lock_int.h"

#include "aio/code_category.h"
#include "aio/main_loop.h"

/* ------------------------------------------------------------------ the main thread */

void poll_forbid(void)
{
  qemu_get_aio_context()->poll_forbidden++;
}

void poll_allow(void)
{
  assert(qemu_get_aio_context()->poll_forbidden > 0);
  qemu_get_aio_context()->poll_forbidden--;
}

void bdrv_graph_rdlock_main_loop(void)
{
  GLOBAL_STATE_CODE();
  assert(!qemu_in_coroutine());
  poll_forbid();
}

void bdrv_graph_rdunlock_main_loop(void)
{
  GLOBAL_STATE_CODE();
  assert(!qemu_in_coroutine());
  poll_allow();
}

/* ------------------------------------------------------------------ assertions */

void assert_bdrv_graph_writable(void)
{
  GLOBAL_STATE_CODE();
  /* Relaxed: only this thread writes it. */
  assert(atomic_load_explicit(&bdrv_graph_lock.has_writer, memory_order_relaxed));
}

void assert_bdrv_graph_readable(void)
{
  IO_CODE();
  if (qemu_in_coroutine()) {
    assert(qemu_coroutine_self()->holds_graph_rdlock);
  } else {
    assert(qemu_in_main_thread());
  }
}

void assert_bdrv_graph_unlocked(void)
{
  IO_CODE();
  if (qemu_in_coroutine()) {
    assert(!qemu_coroutine_self()->holds_graph_rdlock);
  } else if (qemu_in_main_thread()) {
    assert(!qemu_get_aio_context()->poll_forbidden);
  }
}
