/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bells (bottom halves that are scheduled again and again) and descriptor handlers. Both belong to
 * a context; what is left when it goes, the driver takes away, as an owner must.
 */
#include "aio.h"

#include "aio/main_loop.h"

enum {
  BELL_CHANNEL = AIO_CHANNELS,
  HANDLER_CHANNEL = BELL_CHANNEL + BELLS,
  POLL_NS = 1000,
  POLL_ROUNDS = 2,
};

_Static_assert(HANDLER_CHANNEL + HANDLERS <= TIMER_CHANNEL, "a channel for each object");

GhostAio ghost_aio;

/* ------------------------------------------------------------------ bells */

static void bell_cb(void *opaque)
{
  GhostBell *bell = opaque;

  rule_affinity(bell->home);
  bell->seen = bell->rung;
  ds_mark(AIO_MARK);
}

bool op_hang_bell(unsigned actor, const ds_operation *op)
{
  (void)actor;
  if (ghost_aio.bells_made == BELLS) {
    return false;
  }
  unsigned where = context_choose(op->a, NO_CONTEXT);
  if (where != op->a) {
    ds_note("hang_bell ctx%u", where);
  }
  unsigned index = ghost_aio.bells_made++;
  GhostBell *bell = &ghost_aio.bells[index];
  bell->home = (uint8_t)where;
  bell->bh = aio_bh_new(ghost.contexts[where].ctx, bell_cb, bell);
  ds_name(bell->bh, sizeof(void *), "bell%u", index);
  ds_publish(BELL_CHANNEL + index);
  return true;
}

static bool change_bell(const ds_operation *op, void (*change)(GhostBell *bell))
{
  uint32_t usable = 0;
  for (unsigned i = 0; i < BELLS; i++) {
    const GhostBell *bell = &ghost_aio.bells[i];
    usable |= (uint32_t)(bell->bh && ghost.contexts[bell->home].state == CONTEXT_LIVE) << i;
  }
  unsigned index = choose(op->a, usable, BELLS);
  if (index == BELLS) {
    return false;
  }
  if (index != op->a) {
    ds_note("bell%u", index);
  }
  GhostBell *bell = &ghost_aio.bells[index];
  ds_receive(BELL_CHANNEL + index);
  unsigned home = bell->home;
  context_enter(home);
  bell->users++;
  change(bell);
  bell->users--;
  context_leave(home);
  return true;
}

static void ring(GhostBell *bell)
{
  bell->rung++;
  qemu_bh_schedule(bell->bh);
}

static void ring_idle(GhostBell *bell)
{
  bell->rung++;
  qemu_bh_schedule_idle(bell->bh);
}

/* Who rings meanwhile may have come first. */
static void unring(GhostBell *bell)
{
  qemu_bh_cancel(bell->bh);
  bell->seen = bell->rung;
}

/* Whoever else is about to use it comes first. */
static void unhang(GhostBell *bell)
{
  if (bell->users == 1) {
    QEMUBH *bh = bell->bh;
    bell->bh = NULL;
    qemu_bh_delete(bh);
  }
}

bool op_unhang(unsigned actor, const ds_operation *op)
{
  (void)actor;
  return change_bell(op, unhang);
}

bool op_ring(unsigned actor, const ds_operation *op)
{
  (void)actor;
  return change_bell(op, ring);
}

bool op_ring_idle(unsigned actor, const ds_operation *op)
{
  (void)actor;
  return change_bell(op, ring_idle);
}

bool op_unring(unsigned actor, const ds_operation *op)
{
  (void)actor;
  return change_bell(op, unring);
}

/* ------------------------------------------------------------------ handlers */

/* One that was removed may still be running. */
static void handler_affinity(const GhostHandler *handler)
{
  if (handler->home != NO_CONTEXT) {
    rule_affinity(handler->home);
  }
}

static void handler_cb(EventNotifier *notifier)
{
  GhostHandler *handler = (GhostHandler *)notifier; /* its first field */

  handler_affinity(handler);
  if (event_notifier_test_and_clear(notifier)) {
    handler->signalled = false;
    ds_mark(AIO_MARK);
  }
}

/* As somebody who looks at the memory behind the notifier. */
static bool handler_poll(void *opaque)
{
  const GhostHandler *handler = opaque; /* the notifier is its first field */

  handler_affinity(handler);
  return handler->signalled;
}

static uint32_t handlers_usable(void)
{
  uint32_t usable = 0;
  for (unsigned i = 0; i < HANDLERS; i++) {
    unsigned home = ghost_aio.handlers[i].home;
    bool live = ghost_aio.handlers[i].made && home != NO_CONTEXT &&
                ghost.contexts[home].state == CONTEXT_LIVE;
    usable |= (uint32_t)live << i;
  }
  return usable;
}

/* One more; nobody else touches it before handler_is_made(). */
static GhostHandler *handler_begins(unsigned where, bool has_something_to_read)
{
  GhostHandler *handler = &ghost_aio.handlers[ghost_aio.handlers_made++];

  handler->home = (uint8_t)where;
  context_enter(where);
  event_notifier_init(&handler->notifier, has_something_to_read);
  return handler;
}

/* From here on others may signal and remove it. */
static void handler_is_made(GhostHandler *handler, unsigned where)
{
  handler->made = true;
  ds_publish(HANDLER_CHANNEL + (unsigned)(handler - ghost_aio.handlers));
  context_leave(where);
}

static bool add_handler(const ds_operation *op, bool polled)
{
  if (ghost_aio.handlers_made == HANDLERS) {
    return false;
  }
  unsigned where = context_choose(op->a, NO_CONTEXT);
  if (where != op->a) {
    ds_note("handler%u in ctx%u", ghost_aio.handlers_made, where);
  }
  GhostHandler *handler = handler_begins(where, false);
  AioContext *ctx = ghost.contexts[where].ctx;
  if (polled) {
    aio_context_set_poll_params(ctx, POLL_NS, POLL_ROUNDS);
  }
  aio_set_event_notifier(ctx, &handler->notifier, handler_cb, polled ? handler_poll : NULL,
                         polled ? handler_cb : NULL);
  handler_is_made(handler, where);
  return true;
}

bool op_add_handler(unsigned actor, const ds_operation *op)
{
  (void)actor;
  return add_handler(op, false);
}

bool op_add_poller(unsigned actor, const ds_operation *op)
{
  (void)actor;
  return add_handler(op, true);
}

/* It takes itself away; of two callbacks of one descriptor the second one is not called then. */
static void once_cb(void *opaque)
{
  GhostHandler *handler = opaque;

  handler_affinity(handler);
  if (handler->home != NO_CONTEXT) {
    AioContext *ctx = ghost.contexts[handler->home].ctx;
    handler->home = NO_CONTEXT;
    handler->signalled = false;
    aio_set_fd_handler(ctx, event_notifier_get_fd(&handler->notifier), NULL, NULL, NULL, NULL,
                       NULL);
    ds_mark(AIO_MARK);
  }
}

/* The descriptor can always be written to; every second one has something to read too. */
bool op_add_writer(unsigned actor, const ds_operation *op)
{
  (void)actor;
  if (ghost_aio.handlers_made == HANDLERS) {
    return false;
  }
  unsigned where = context_choose(op->a, NO_CONTEXT);
  bool reads_too = ghost_aio.handlers_made % 2;
  ds_note("handler%u in ctx%u", ghost_aio.handlers_made, where);
  GhostHandler *handler = handler_begins(where, reads_too);
  handler->signalled = true;
  aio_set_fd_handler(ghost.contexts[where].ctx, event_notifier_get_fd(&handler->notifier),
                     reads_too ? once_cb : NULL, once_cb, NULL, NULL, handler);
  handler_is_made(handler, where);
  return true;
}

/* Any thread, once per handler. */
bool op_remove_handler(unsigned actor, const ds_operation *op)
{
  (void)actor;
  unsigned index = choose(op->a, handlers_usable(), HANDLERS);
  if (index == HANDLERS) {
    return false;
  }
  if (index != op->a) {
    ds_note("remove_handler handler%u", index);
  }
  GhostHandler *handler = &ghost_aio.handlers[index];
  unsigned where = handler->home;
  ds_receive(HANDLER_CHANNEL + index);
  handler->home = NO_CONTEXT;
  context_enter(where);
  aio_set_event_notifier(ghost.contexts[where].ctx, &handler->notifier, NULL, NULL, NULL);
  context_leave(where);
  return true;
}

bool op_signal(unsigned actor, const ds_operation *op)
{
  (void)actor;
  unsigned index = choose(op->a, handlers_usable(), HANDLERS);
  if (index == HANDLERS) {
    return false;
  }
  if (index != op->a) {
    ds_note("signal handler%u", index);
  }
  GhostHandler *handler = &ghost_aio.handlers[index];
  ds_receive(HANDLER_CHANNEL + index);
  handler->signalled = true;
  event_notifier_set(&handler->notifier);
  return true;
}

/* ------------------------------------------------------------------ the end of a context */

bool aio_context_is_quiet(unsigned index)
{
  for (unsigned i = 0; i < BELLS; i++) {
    const GhostBell *bell = &ghost_aio.bells[i];
    if (bell->bh && bell->home == index && bell->rung != bell->seen) {
      return false;
    }
  }
  return timers_are_quiet(index);
}

bool aio_is_quiet(void)
{
  for (unsigned i = 0; i < ghost.created; i++) {
    if (!aio_context_is_quiet(i)) {
      return false;
    }
  }
  return requests_completed();
}

void aio_context_leaves(unsigned index)
{
  timers_leave(index);
  for (unsigned i = 0; i < BELLS; i++) {
    GhostBell *bell = &ghost_aio.bells[i];
    if (bell->bh && bell->home == index) {
      ds_receive(BELL_CHANNEL + i);
      qemu_bh_delete(bell->bh);
      bell->bh = NULL;
    }
  }
  for (unsigned i = 0; i < HANDLERS; i++) {
    GhostHandler *handler = &ghost_aio.handlers[i];
    if (handler->made && handler->home == index) {
      ds_receive(HANDLER_CHANNEL + i);
      handler->home = NO_CONTEXT;
      aio_set_event_notifier(ghost.contexts[index].ctx, &handler->notifier, NULL, NULL, NULL);
    }
  }
}

void aio_group_close(void)
{
  list_close();
  aio_context_leaves(MAIN_CONTEXT);
  for (unsigned i = 0; i < HANDLERS; i++) {
    if (ghost_aio.handlers[i].made) {
      event_notifier_cleanup(&ghost_aio.handlers[i].notifier);
    }
  }
}
