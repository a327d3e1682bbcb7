/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of the group "aio", R13 to R18 and R50; R19 is judged by the machine. */
#include "aio.h"

#include "aio/aio_int.h"
#include "aio/main_loop.h"

#include <errno.h>

/* ------------------------------------------------------------------ R13 bottom halves */

/* A bell that nobody can hear any more rings in vain: its context waits for that (contexts.c). */
void rule_bells(void)
{
  for (unsigned i = 0; i < BELLS; i++) {
    const GhostBell *bell = &ghost_aio.bells[i];
    DS_CHECK(!bell->bh || bell->seen == bell->rung, "R13", "bell-unanswered",
             "bell%u was scheduled %u times, but its callback last ran after %u", i, bell->rung,
             bell->seen);
  }
}

/* ------------------------------------------------------------------ R14 affinity */

static bool is_main_home_thread(void)
{
  unsigned self = ds_thread_self();

  if (self == MAIN_THREAD) {
    return true;
  }
  for (unsigned i = 0; i < VCPUS; i++) {
    const GhostVcpu *vcpu = &ghost_aio.vcpus[i];
    if (vcpu->state == ACTOR_STARTED && vcpu->thread_id == self) {
      return vcpu->has_bql;
    }
  }
  return false;
}

void rule_affinity(unsigned context)
{
  bool at_home = context == MAIN_CONTEXT
                     ? is_main_home_thread()
                     : qemu_get_current_aio_context() == ghost.contexts[context].ctx;
  DS_CHECK(at_home, "R14", "wrong-thread", "T%u runs what belongs to ctx%u", ds_thread_self(),
           context);
}

/* ------------------------------------------------------------------ R15 waiting */

/* Only the innermost wait: the others cannot go on before it is over. */
void rule_waiter(void)
{
  DS_CHECK(ghost_aio.waits == 0 || !ghost_aio.wait_is_over[ghost_aio.waits - 1], "R15",
           "waiter-asleep", "somebody sleeps in AIO_WAIT_WHILE, but its condition is false");
}

/* ------------------------------------------------------------------ R16 descriptors */

void rule_handlers(void)
{
  for (unsigned i = 0; i < HANDLERS; i++) {
    const GhostHandler *handler = &ghost_aio.handlers[i];
    DS_CHECK(!handler->made || handler->home == NO_CONTEXT || !handler->signalled, "R16",
             "handler-asleep", "the event loop of ctx%u sleeps, but handler%u is ready",
             handler->home, i);
  }
}

/* ------------------------------------------------------------------ R17 visitors */

static void judge_visitors(const QemuLockCnt *lockcnt, const char *what, unsigned number)
{
  unsigned word = atomic_load_explicit(&lockcnt->word, memory_order_relaxed);
  DS_CHECK(lockcnt->sleepers == 0 || (word & LOCKCNT_STATE_MASK) != LOCKCNT_FREE, "R17",
           "visitor-asleep", "%u threads sleep for %s%u, which are free", lockcnt->sleepers, what,
           number);
}

void rule_visitors(void)
{
  for (unsigned i = 0; i < ghost.created; i++) {
    const GhostContext *context = &ghost.contexts[i];
    if (context->state != CONTEXT_NONE) {
      judge_visitors(&context->ctx->list_lock, "the handlers of ctx", i);
    }
  }
  if (list_lockcnt()) {
    judge_visitors(list_lockcnt(), "the entries of list", 0);
  }
}

/* ------------------------------------------------------------------ R18 completions */

void rule_requests(void)
{
  for (unsigned i = 0; i < REQUESTS; i++) {
    const GhostRequest *request = &ghost_aio.requests[i];
    DS_CHECK(!request->submitted || request->completed, "R18", "completion-asleep",
             "request %u was submitted, but nobody calls its completion", i);
    DS_CHECK(!request->returned || !request->cancelling, "R18", "cancel-asleep",
             "request %u is completed, but who cancelled it waits for that", i);
  }
}

void rule_performance(const GhostRequest *request)
{
  DS_CHECK(!request->performed, "R18", "performed-twice", "request %u is performed twice",
           (unsigned)(request - ghost_aio.requests));
}

void rule_completion(const GhostRequest *request, int ret)
{
  int number = (int)(request - ghost_aio.requests);
  bool right = request->performed ? ret == number : request->cancelled && ret == -ECANCELED;

  DS_CHECK(!request->completed, "R18", "completed-twice", "request %d is completed twice", number);
  DS_CHECK(right, "R18", "wrong-result", "request %d, which was %s, is completed with %d", number,
           request->performed ? "performed" : "not performed", ret);
}

void rule_coroutines_request(int ret, int due)
{
  DS_CHECK(ret == due, "R18", "wrong-result", "a coroutine's request returns %d instead of %d", ret,
           due);
}

/* ------------------------------------------------------------------ R50 timers */

void rule_timer_fires(const GhostTimer *timer)
{
  unsigned number = (unsigned)(timer - ghost_aio.timers);

  DS_CHECK(!timer->sure || timer->armed, "R50", "timer-disarmed",
           "timer%u fires, but it was disarmed, or has fired", number);
  DS_CHECK(!timer->sure || qemu_clock_get_ns() >= timer->due_ns, "R50", "timer-early",
           "timer%u fires before its time", number);
}

void rule_alarm_fires(bool armed)
{
  DS_CHECK(armed, "R50", "timer-disarmed", "an alarm fires that is gone, or has fired");
}

void rule_timers(void)
{
  for (unsigned i = 0; i < TIMERS; i++) {
    const GhostTimer *timer = &ghost_aio.timers[i];
    DS_CHECK(!timer->armed || timer->changing, "R50", "timer-asleep",
             "timer%u is armed, but the loop of ctx%u sleeps for ever", i, timer->home);
  }
}
