/* SPDX-License-Identifier: Apache-2.0 */
/* What only the main thread may do: its own script, and bottom halves in the main context. */
#include "rules.h"

#include "graph_lock.h"
#include "main_loop.h"

#include <time.h>

enum { NS_PER_US = 1000, POLL_DEPTH_MAX = 2 };

/* Poll the main loop once. Not under the write lock, and not from bottom halves nested too deep
 * for anybody to understand. */
static bool op_poll(unsigned actor, const ds_operation *op)
{
  (void)actor, (void)op;
  if (ghost.lock.writer != NO_WRITER || ghost.main_bh_depth > POLL_DEPTH_MAX) {
    return false;
  }
  aio_poll(qemu_get_aio_context(), false);
  return true;
}

static bool op_wrlock(unsigned actor, const ds_operation *op)
{
  (void)op;
  if (ghost.lock.writer != NO_WRITER) {
    return false;
  }
  ghost.lock.wrlock_depth++;
  bdrv_graph_wrlock();
  ghost.lock.wrlock_depth--;
  rule_writer_entered();
  ghost.lock.writer = (uint8_t)actor;
  return true;
}

static bool op_wrunlock(unsigned actor, const ds_operation *op)
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
  ghost.lock.writer = NO_WRITER;
  bdrv_graph_wrunlock();
  rule_release(waited);
}

static bool op_sleep(unsigned actor, const ds_operation *op)
{
  (void)actor;
  struct timespec duration = {.tv_nsec = (op->a + 1) * NS_PER_US};
  nanosleep(&duration, NULL);
  return true;
}

bool perform_main(unsigned actor, const ds_operation *op)
{
  static GhostOperation *const operations[OP_COUNT + 1] = {
      [OP_CREATE_CONTEXT] = op_create_context,
      [OP_DELETE_CONTEXT] = op_delete_context,
      [OP_START] = op_start,
      [OP_POST] = op_post,
      [OP_POLL] = op_poll,
      [OP_WRLOCK] = op_wrlock,
      [OP_WRUNLOCK] = op_wrunlock,
      [OP_ATTACH] = op_attach,
      [OP_DETACH] = op_detach,
      [OP_SLEEP] = op_sleep,
  };
  GhostOperation *perform = op->code <= OP_COUNT ? operations[op->code] : NULL;
  bool done = perform && perform(actor, op);

  contexts_reap();
  return done;
}
