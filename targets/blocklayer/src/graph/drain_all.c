/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sections of all nodes, as far as the main thread begins and ends them: one quiesce per node and
 * section. Here and not with the other sections (block/drain.c), because the graph lock's writer
 * needs them.
 */
#include "graph/graph.h"

#include "aio/aio_wait.h"
#include "aio/code_category.h"
#include "graph/graph_lock.h"

static unsigned drain_all_sections; /* main thread */

void bdrv_drain_all_begin_nopoll(void)
{
  GLOBAL_STATE_CODE();
  assert(!qemu_in_coroutine());
  drain_all_sections++;
  bdrv_do_all_begin_quiesce();
}

/* Each node is asked itself, so nobody asks his parents that are nodes. */
bool bdrv_drain_all_busy(void)
{
  GLOBAL_STATE_CODE();
  for (BlockDriverState *bs = bdrv_first_node(); bs; bs = bs->next_node) {
    if (bdrv_drain_poll(bs, false, NULL, true)) {
      return true;
    }
  }
  return false;
}

void bdrv_do_drain_all_begin(void)
{
  GLOBAL_STATE_CODE();
  assert_bdrv_graph_unlocked();
  bdrv_drain_all_begin_nopoll();
  AIO_WAIT_WHILE(NULL, bdrv_drain_all_busy());
}

void bdrv_do_drain_all_end(void)
{
  GLOBAL_STATE_CODE();
  assert(drain_all_sections > 0);
  bdrv_do_all_end_quiesce();
  drain_all_sections--;
}

unsigned bdrv_drain_all_sections(void)
{
  GLOBAL_STATE_CODE();
  return drain_all_sections;
}
