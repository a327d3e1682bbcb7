/* SPDX-License-Identifier: Apache-2.0 */
/* Counting what a drain has to wait for: an addition, and a full fence when it is over. */
#include "block/block_io.h"

#include "aio/code_category.h"

void bdrv_inc_in_flight(BlockDriverState *bs)
{
  IO_CODE();
  /* Relaxed: whoever waits for the node has first stopped the user that we work for, and waits for
   * that one's count too (block_backend.c). */
  atomic_fetch_add_explicit(&bs->in_flight, 1, memory_order_relaxed);
}

void bdrv_dec_in_flight(BlockDriverState *bs)
{
  IO_CODE();
  /* Release: what the request did. Pairs with the acquire in bdrv_drain_poll(), which reads what
   * the last of many left (litmus mp_release_sequence). Before the kick: a waiter that is woken
   * earlier looks again too early, and nobody wakes it a second time. */
  unsigned before = atomic_fetch_sub_explicit(&bs->in_flight, 1, memory_order_release);
  assert(before > 0);
  aio_wait_kick();
}
