/* SPDX-License-Identifier: Apache-2.0 */
/* What only the main thread may do: in its own script and in bottom halves of its context. */
#include "blocks.h"
#include "rules.h"

#include "aio/main_loop.h"
#include "graph/graph_lock.h"

bool may_poll(void)
{
  return ghost.lock.writer == NO_WRITER && ghost.main_bh_depth <= POLL_DEPTH_MAX;
}

/* Poll the main loop once. */
bool op_poll(unsigned actor, const ds_operation *op)
{
  (void)actor, (void)op;
  if (!may_poll()) {
    return false;
  }
  aio_poll(qemu_get_aio_context(), false);
  return true;
}

static unsigned reader_above(unsigned after, void *unused)
{
  (void)unused;
  return coroutine_task_above(ghost.lock.holders, after);
}

static void write_lock(unsigned actor, void (*take)(void))
{
  ghost.lock.wrlock_depth++;
  ds_thread_waits("bdrv_graph_wrlock: its readers");
  ds_task_holders(0, reader_above, NULL);
  take();
  ghost.lock.wrlock_depth--;
  if (ghost.lock.wrlock_depth == 0) { /* else a bottom half took it while another one waits */
    ds_thread_waits(NULL);
  }
  ghost.lock.writers++;
  rule_writer_entered();
  ghost.lock.writer = (uint8_t)actor;
}

bool op_wrlock(unsigned actor, const ds_operation *op)
{
  (void)op;
  if (ghost.lock.writer != NO_WRITER) {
    return false;
  }
  meet_requests();
  write_lock(actor, bdrv_graph_wrlock);
  return true;
}

/* A section of all nodes belongs to it, from here to the end of the unlock. */
bool op_wrlock_drained(unsigned actor, const ds_operation *op)
{
  (void)op;
  if (!may_wait_for_requests(actor) || !writers_section_begins(actor)) {
    return false;
  }
  write_lock(actor, bdrv_graph_wrlock_drained);
  writers_section_has_begun(actor);
  return true;
}

bool op_wrunlock(unsigned actor, const ds_operation *op)
{
  (void)op;
  if (ghost.lock.writer != actor) {
    return false;
  }
  write_unlock();
  return true;
}

void write_unlock(void)
{
  uint32_t waited = waiting_readers();
  if (waited) {
    ds_mark(1); /* a reader found has_writer */
  }
  rule_writer_entered(); /* nobody came in behind our back */
  unsigned actor = ghost.lock.writer;
  ghost.lock.writer = NO_WRITER;
  writers_section_ends(actor);
  bdrv_graph_wrunlock();
  writers_section_has_ended(actor);
  rule_release(waited);
  rule_settled();
}
