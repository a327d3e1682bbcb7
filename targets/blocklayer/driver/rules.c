/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of RULES.md, judged from ghost state and the target's own fields.
 *
 * Exact, because nothing else runs between the last visible operation of a target function and
 * the driver's next line.
 */
#include "blocks.h"
#include "rules.h"

#include "aio/aio_int.h"
#include "coroutine/coroutine_int.h"
#include "graph/graph_lock_int.h"

static bool lock_function_is_running(void);
static bool sleeps_in_rdlock(const GhostCoroutine *co);
static uint32_t restarted_readers(void);

static int has_writer(void)
{
  /* Relaxed, here and below: ghost code, one operation of the machine at a time. */
  return atomic_load_explicit(&bdrv_graph_lock.has_writer, memory_order_relaxed);
}

uint32_t counted_readers(void)
{
  uint32_t sum = bdrv_graph_lock.orphaned_reader_count;
  for (const BdrvGraphRWlock *c = bdrv_graph_lock.counters; c; c = c->next) {
    sum += atomic_load_explicit(&c->reader_count, memory_order_relaxed);
  }
  return sum;
}

/* ------------------------------------------------------------------ R1 exclusion */

void rule_reader_entered(unsigned coroutine)
{
  DS_CHECK(ghost.lock.writer == NO_WRITER, "R1", "reader-beside-writer",
           "co%u was given the read lock while a writer is inside", coroutine + 1);
}

void rule_writer_entered(void)
{
  DS_CHECK(has_writer(), "R1", "writer-unannounced",
           "bdrv_graph_wrlock returned, but has_writer is 0: readers come in");
  DS_CHECK(ghost.lock.holders == 0, "R1", "writer-beside-reader",
           "bdrv_graph_wrlock returned while co%d holds the read lock",
           __builtin_ffs((int)ghost.lock.holders));
}

void rule_walked(unsigned top, uint32_t seen, uint32_t expected)
{
  DS_CHECK(seen == expected, "R1", "graph-torn",
           "walking from node%u met the nodes %#x instead of %#x", top, seen, expected);
}

/* ------------------------------------------------------------------ R2 conservation */

void rule_conservation(void)
{
  if (lock_function_is_running()) {
    return;
  }
  uint32_t counted = counted_readers();
  unsigned holders = bits_set(ghost.lock.holders);
  DS_CHECK(counted == holders, "R2", "sum-of-counters",
           "the counters sum up to %d, but %u coroutines hold the lock", (int)counted, holders);
}

/* A coroutine that sleeps inside rdlock has taken itself off the counter; one that runs there may
 * be counted or not. */
static bool lock_function_is_running(void)
{
  if (ghost.lock.unregistering || blocks.requests > 0) {
    return true;
  }
  for (unsigned i = 0; i < COROUTINES; i++) {
    const GhostCoroutine *co = &ghost.coroutines[i];
    if (co->in_unlock || (co->in_lock && !sleeps_in_rdlock(co))) {
      return true;
    }
  }
  return false;
}

static bool sleeps_in_rdlock(const GhostCoroutine *co)
{
  return co->in_lock && co->co->caller == NULL; /* read here: ghost, no access of the target */
}

/* ------------------------------------------------------------------ R3 orphans */

void rule_orphans(unsigned context, uint32_t orphans_before, uint32_t counter_before)
{
  uint32_t orphans = bdrv_graph_lock.orphaned_reader_count;
  DS_CHECK(orphans == orphans_before + counter_before, "R3", "orphans-lost",
           "ctx%u went with %d readers on its counter; the orphans went from %d to %d", context,
           (int)counter_before, (int)orphans_before, (int)orphans);
}

/* ------------------------------------------------------------------ R4 wakeup */

void rule_wakeup(void)
{
  if (ghost.lock.wrlock_depth > 0 && ds_thread_in_poll(MAIN_THREAD)) {
    DS_CHECK(
        counted_readers() != 0, "R4", "writer-asleep",
        "the writer sleeps in bdrv_graph_wrlock, but no reader is left and nobody will wake it");
    for (unsigned i = 0; i < COROUTINES; i++) {
      DS_CHECK(!sleeps_in_rdlock(&ghost.coroutines[i]), "R4", "reader-behind-writer",
               "co%u sleeps in bdrv_graph_co_rdlock, although the writer is still waiting itself",
               i + 1);
    }
    return;
  }
  if (has_writer() || ghost.lock.writer != NO_WRITER || ghost.lock.wrlock_depth > 0) {
    return;
  }
  for (unsigned i = 0; i < COROUTINES; i++) {
    DS_CHECK(!sleeps_in_rdlock(&ghost.coroutines[i]), "R4", "reader-asleep",
             "co%u sleeps in bdrv_graph_co_rdlock, but there is no writer that could wake it",
             i + 1);
  }
}

/* ------------------------------------------------------------------ R5 release */

/*
 * Nobody can be waiting again: a bottom half that took the write lock meanwhile has released it.
 *
 * Who was not waiting yet when the unlock began either went to sleep before the queue was emptied
 * (R5), or after it, with nobody to wake it (R4, judged when nothing can run). It is R5 if there
 * is a sign that somebody else was restarted.
 */
void rule_release(uint32_t waited)
{
  uint32_t left = waiting_readers();
  if (left && waited | restarted_readers()) {
    ds_show_sleepers();
    ds_fail("R5", "reader-left-waiting",
            "bdrv_graph_wrunlock returned, but co%d, which was waiting, still is",
            __builtin_ffs((int)left));
  }
  DS_CHECK(!has_writer(), "R5", "flag-left-set",
           "bdrv_graph_wrunlock returned with has_writer set");
}

/* A mask of the coroutines that were taken from the queue and have not run since. */
static uint32_t restarted_readers(void)
{
  uint32_t mask = 0;
  for (unsigned i = 0; i < COROUTINES; i++) {
    mask |= (uint32_t)sleeps_in_rdlock(&ghost.coroutines[i]) << i;
  }
  return mask & ~waiting_readers();
}

uint32_t waiting_readers(void)
{
  uint32_t mask = 0;
  for (const Coroutine *co = bdrv_graph_lock.reader_queue.waiters.head; co;
       co = co->co_queue_next) {
    for (unsigned i = 0; i < COROUTINES; i++) {
      if (ghost.coroutines[i].state == ACTOR_STARTED && ghost.coroutines[i].co == co) {
        mask |= 1u << i;
      }
    }
  }
  return mask;
}

/* ------------------------------------------------------------------ R6 notification */

/* Its thread is blocked like all others, so it is not about to look. */
void rule_notification(void)
{
  for (unsigned i = 0; i < ghost.created; i++) {
    const GhostContext *context = &ghost.contexts[i];
    if (context->state == CONTEXT_NONE) {
      continue;
    }
    DS_CHECK(!atomic_load_explicit(&context->ctx->bh_list, memory_order_relaxed), "R6",
             "loop-asleep", "the event loop of ctx%u sleeps on a bottom half that was scheduled",
             i);
  }
}
