/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bottom half actors: each performs its script in one go, in the loop of the context that it was
 * posted to. In the main context it may do what the main thread may; in an IOThread only what
 * every thread may.
 */
#include "blocks.h"
#include "aio.h"

static void script_run(void *opaque);

bool bottom_halves_ended(void)
{
  for (unsigned i = 0; i < BOTTOM_HALVES; i++) {
    if (ghost.bottom_halves[i].state == ACTOR_STARTED) {
      return false;
    }
  }
  return true;
}

bool op_post(unsigned actor, const ds_operation *op)
{
  (void)actor;
  uint32_t usable = 0;
  for (unsigned i = 0; i < BOTTOM_HALVES; i++) {
    if (ghost.bottom_halves[i].state == ACTOR_NEW && ds_has_program(ACTOR_BH_FIRST + i)) {
      usable |= 1u << (i + 1); /* "bh1" is 1 */
    }
  }
  unsigned chosen = choose(op->a, usable, 0);
  unsigned where = context_choose(op->b, NO_CONTEXT);
  if (chosen == 0) {
    return false;
  }
  if (chosen != op->a || where != op->b) {
    ds_note("post bh%u ctx%u", chosen, where);
  }

  GhostBottomHalf *bh = &ghost.bottom_halves[chosen - 1];
  bh->task = (uint16_t)ds_task_create("bh", chosen);
  bh->state = ACTOR_STARTED;
  bh->home = (uint8_t)where;
  ds_task_waits(bh->task, "aio_bh_schedule_oneshot: its context", 0, -1);

  context_enter(where);
  aio_bh_schedule_oneshot(ghost.contexts[where].ctx, script_run, bh);
  context_leave(where);
  return true;
}

static void script_run(void *opaque)
{
  GhostBottomHalf *self = opaque;
  unsigned actor = ACTOR_BH_FIRST + (unsigned)(self - ghost.bottom_halves);
  unsigned before = ds_task_enter(self->task);
  bool in_main = self->home == MAIN_CONTEXT;

  ds_task_waits(self->task, NULL, 0, -1);
  rule_affinity(self->home);
  ghost.main_bh_depth = (uint8_t)(ghost.main_bh_depth + in_main);
  perform_script(actor);
  if (ghost.lock.writer == actor) {
    write_unlock();
  }
  sections_end_all(actor);
  ghost.main_bh_depth = (uint8_t)(ghost.main_bh_depth - in_main);
  self->state = ACTOR_ENDED;
  ds_task_end(self->task);
  ds_task_leave(before);
}
