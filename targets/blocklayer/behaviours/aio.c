/* SPDX-License-Identifier: Apache-2.0 */
/* Behaviours of AioContext. */
#include "behaviours.h"

#include "aio/aio.h"
#include "aio/main_loop.h"

static void count_cb(void *opaque)
{
  ++*(int *)opaque;
}

void aio_bh_schedule_runs_once(void)
{
  int runs = 0;

  qemu_init_main_loop();
  QEMUBH *bh = aio_bh_new(qemu_get_aio_context(), count_cb, &runs);
  qemu_bh_schedule(bh);
  qemu_bh_schedule(bh);
  assert(runs == 0);
  assert(aio_poll(qemu_get_aio_context(), false));
  assert(runs == 1);
  assert(!aio_poll(qemu_get_aio_context(), false));
  assert(runs == 1);
  qemu_bh_delete(bh);
  qemu_cleanup_main_loop();
}

void aio_bh_cancel_keeps_it_from_running(void)
{
  int runs = 0;

  qemu_init_main_loop();
  QEMUBH *bh = aio_bh_new(qemu_get_aio_context(), count_cb, &runs);
  qemu_bh_schedule(bh);
  qemu_bh_cancel(bh);
  assert(!aio_poll(qemu_get_aio_context(), false));
  assert(runs == 0);
  qemu_bh_delete(bh);
  qemu_cleanup_main_loop();
}
