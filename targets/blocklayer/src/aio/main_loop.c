/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The main context, and the thread-local answer to "whose thread is this?". The answer is read
 * inside noinline functions only, because a coroutine may go on in another thread (coroutine.c).
 */
#include "aio/main_loop.h"

#include "aio/aio_int.h"

static AioContext *main_context; /* written before the first and after the last other thread */

static _Thread_local AioContext *current_context;

void qemu_init_main_loop(void)
{
  assert(!main_context);
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
}

AioContext *qemu_get_aio_context(void)
{
  return main_context;
}

__attribute__((noinline)) AioContext *qemu_get_current_aio_context(void)
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
