/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The main context, and the thread-local answer to "whose thread is this?". The answer is read
 * inside noinline functions only, because a coroutine may go on in another thread (coroutine.c):
 * one or two calls and loads, nothing atomic. An iteration gives the BQL up and takes it again
 * once.
 */
#include "aio/main_loop.h"

#include "aio/aio_int.h"
#include "util/bql.h"

static AioContext *main_context; /* written before the first and after the last other thread */

/* For the main thread alone, asleep in main_loop_wait(): other pollers do not take it. */
static EventNotifier main_loop_notifier;

static _Thread_local AioContext *current_context;

static AioContext *own_context(void);

void qemu_init_main_loop(void)
{
  assert(!main_context);
  bql_lock();
  event_notifier_init(&main_loop_notifier, false);
  main_context = aio_context_new();
  qemu_set_current_aio_context(main_context);
}

void qemu_cleanup_main_loop(void)
{
  assert(qemu_in_main_thread());
  while (aio_bh_poll(main_context)) {
    /* a bottom half may schedule another one */
  }
  qemu_set_current_aio_context(NULL);
  aio_context_unref(main_context);
  main_context = NULL;
  qemu_coroutine_pool_cleanup();
  event_notifier_cleanup(&main_loop_notifier);
  bql_unlock();
}

void main_loop_wait(bool nonblocking)
{
  AioPoll poll;

  assert(qemu_in_main_thread());
  assert(!qemu_in_coroutine());
  assert(!main_context->poll_forbidden);
  aio_poll_announce(main_context, &poll, NOTIFY_ME_MAIN_LOOP);
  if (nonblocking) {
    poll.timeout_ms = 0;
  }
  aio_handlers_also(&poll.handlers, event_notifier_get_fd(&main_loop_notifier));
  unsigned own = poll.handlers.count - 1;

  bql_unlock();
  aio_poll_sleep(&poll);
  bql_lock();

  if (poll.ready > 0 && poll.handlers.fds[own].revents) {
    event_notifier_test_and_clear(&main_loop_notifier);
  }
  aio_poll_check(main_context, &poll);
  aio_dispatch(main_context, &poll);
}

void main_loop_wake(void)
{
  event_notifier_set(&main_loop_notifier);
}

AioContext *qemu_get_aio_context(void)
{
  return main_context;
}

AioContext *qemu_get_current_aio_context(void)
{
  AioContext *own = own_context();
  return own || !bql_locked() ? own : main_context;
}

__attribute__((noinline)) static AioContext *own_context(void)
{
  __asm__ volatile("" ::: "memory");
  return current_context;
}

__attribute__((noinline)) void qemu_set_current_aio_context(AioContext *ctx)
{
  __asm__ volatile("" ::: "memory");
  current_context = ctx;
}

bool in_aio_context_home_thread(const AioContext *ctx)
{
  return qemu_get_current_aio_context() == ctx;
}

bool qemu_in_main_thread(void)
{
  return in_aio_context_home_thread(main_context);
}
