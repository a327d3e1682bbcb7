/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver's frame: main's script, the end of a program, and what an idle machine means.
 *
 * No program can hang by itself: what holds a lock lets go of it at the end of its script. The end
 * wakes nobody: main sleeps in the event loop like at any other time, and is told with EINTR that
 * all is quiet. Only then it lets go, by the target's own means, who still waits for somebody to
 * come; who should have been woken before has been found by the rules.
 */
#include "blocks.h"
#include "aio.h"
#include "aio_contexts.h"
#include "jobs.h"
#include "colocks.h"
#include "disks.h"
#include "exports.h"
#include "rules.h"

#include "aio/main_loop.h"

_Static_assert(TIMER_CHANNEL + TIMERS <= BLK_CHANNEL && BLK_CHANNEL + BLKS <= CLIENT_CHANNEL &&
                   CLIENT_CHANNEL + CLIENTS <= LIST_CHANNEL && LIST_CHANNEL < DS_CHANNELS,
               "a channel for each object");

Ghost ghost = {.lock.writer = NO_WRITER};

static bool all_ended(void);
static void close_program(void);

void ds_driver_main(void)
{
  contexts_init();
  colocks_init();
  nodes_init();
  perform_script(ACTOR_MAIN_FIRST);
  close_program();
}

static void close_program(void)
{
  if (ghost.lock.writer != NO_WRITER) {
    write_unlock();
  }
  sections_end_all(ACTOR_MAIN_FIRST);
  ghost.closing = true;
  while (!all_ended()) {
    if (ghost_aio.any_vcpu) {
      main_loop_wait(false); /* they want the BQL */
    } else {
      aio_poll(qemu_get_aio_context(), true);
    }
    if (ghost.all_wait) {
      ghost.all_wait = false;
      waits_close();
    }
  }
  jobs_close(); /* bottom halves may have started some */
  vcpus_join();
  exports_close();
  disks_close();
  moves_close();
  contexts_close();
  rule_conservation();
  rule_settled();
  blks_close();
  created_nodes_close();
  nodes_close();
  aio_group_close();
  qemu_cleanup_main_loop();
}

static bool all_ended(void)
{
  return coroutines_ended() && bottom_halves_ended() && blocks.pending == 0 && vcpus_ended() &&
         aio_is_quiet() && exports_answered() && disks_gone();
}

int ds_driver_idle(void)
{
  rule_conservation();
  rule_notification();
  rule_pause_points();
  rule_answers();
  rule_drain_ends();
  rule_wakeup();
  rule_job_wakeup();
  rule_colocks_idle();
  rule_bells();
  rule_waiter();
  rule_handlers();
  rule_visitors();
  rule_requests();
  rule_timers();
  rule_replies();
  bool quiet = ghost.closing && ghost.lock.wrlock_depth == 0 && ds_thread_in_poll(MAIN_THREAD);
  ghost.all_wait =
      quiet && bottom_halves_ended() && vcpus_ended() && aio_is_quiet() && waits_only();
  return quiet && (all_ended() || ghost.all_wait) ? MAIN_THREAD : DS_IDLE_STUCK;
}

unsigned choose(unsigned operand, uint32_t usable, unsigned count)
{
  if (operand < 32 && usable >> operand & 1) {
    return operand;
  }
  unsigned objects = bits_set(usable);
  if (objects == 0) {
    return count;
  }
  for (unsigned skip = operand % objects; skip > 0; skip--) {
    usable &= usable - 1;
  }
  return (unsigned)__builtin_ctz(usable);
}
