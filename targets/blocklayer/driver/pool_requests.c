/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to the thread pool of the main context, alone or in pairs, and of coroutines to the pool
 * of their context. Of a pair, whose completion is called first polls until the other one's has
 * begun: what a synchronous function does that is called from a completion.
 */
#include "aio.h"

#include "aio/main_loop.h"

static int perform(void *opaque)
{
  GhostRequest *request = opaque;

  rule_performance(request);
  request->performed = true;
  return (int)(request - ghost_aio.requests);
}

static void completed(void *opaque, int ret)
{
  GhostRequest *request = opaque;
  const GhostRequest *partner = &ghost_aio.requests[request->partner];

  rule_affinity(MAIN_CONTEXT);
  rule_completion(request, ret);
  request->completed = true;
  ds_mark(AIO_MARK);
  while (!partner->completed) {
    aio_poll(qemu_get_aio_context(), true);
  }
  request->returned = true;
}

static void make_main_pool(void)
{
  if (!ghost_aio.main_pool) {
    aio_context_set_thread_pool_params(qemu_get_aio_context(), POOL_THREADS);
    ghost_aio.main_pool = true;
  }
}

bool op_submit(unsigned actor, const ds_operation *op)
{
  unsigned count = op->a % 2 + 1;
  unsigned first = ghost_aio.requests_made;

  (void)actor;
  if (first + count > REQUESTS) {
    return false;
  }
  make_main_pool();
  ghost_aio.requests_made = (uint8_t)(first + count);
  for (unsigned i = first; i < first + count; i++) {
    GhostRequest *request = &ghost_aio.requests[i];
    request->partner = (uint8_t)(2 * first + count - 1 - i);
    request->submitted = true;
  }
  for (unsigned i = first; i < first + count; i++) {
    GhostRequest *request = &ghost_aio.requests[i];
    request->acb = thread_pool_submit_aio(perform, request, completed, request);
  }
  return true;
}

static int answer(void *opaque)
{
  return (int)(uintptr_t)opaque;
}

bool op_submit_co(unsigned actor, const ds_operation *op)
{
  int due = op->a + 1;

  if (ghost_aio.co_requests == CO_REQUESTS) {
    return false;
  }
  ghost_aio.co_requests++;
  if (ghost.coroutines[actor - ACTOR_CO_FIRST].home == MAIN_CONTEXT) {
    make_main_pool();
  }
  ds_mark(AIO_MARK);
  actor_waits(actor, "thread_pool_submit_co: a worker");
  int ret = thread_pool_submit_co(answer, (void *)(uintptr_t)due);
  actor_waits(actor, NULL);
  rule_coroutines_request(ret, due);
  return true;
}

/* An odd number waits for the completion. */
bool op_cancel(unsigned actor, const ds_operation *op)
{
  uint32_t usable = 0;

  (void)actor;
  for (unsigned i = 0; i < ghost_aio.requests_made; i++) {
    const GhostRequest *request = &ghost_aio.requests[i];
    usable |= (uint32_t)(request->acb && !request->completed) << i;
  }
  unsigned index = choose(op->a / 2, usable, REQUESTS);
  if (index == REQUESTS || !may_poll()) {
    return false;
  }
  ds_note("cancel request %u", index);
  GhostRequest *request = &ghost_aio.requests[index];
  request->cancelled = true;
  if (op->a % 2) {
    request->cancelling++;
    bdrv_aio_cancel(request->acb);
    request->cancelling--;
  } else {
    bdrv_aio_cancel_async(request->acb);
  }
  return true;
}

bool requests_completed(void)
{
  for (unsigned i = 0; i < REQUESTS; i++) {
    if (ghost_aio.requests[i].submitted && !ghost_aio.requests[i].completed) {
      return false;
    }
  }
  return true;
}
