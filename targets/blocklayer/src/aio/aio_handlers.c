/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File descriptor handlers: a list that any thread changes while the home thread walks it.
 *
 * The home thread visits (QemuLockCnt) from before it collects the descriptors until after it has
 * dispatched, asleep or not. A handler that is removed meanwhile is marked: it is not called any
 * more, and freed by the last visitor. One that is changed is replaced, never edited. A loop
 * without handlers pays one load an iteration.
 */
#include "aio/aio_int.h"

#include "aio/main_loop.h"

#include <string.h>

static AioHandler *handler_find(const AioContext *ctx, int fd);
static void handler_remove(AioContext *ctx, AioHandler *node);
static void handler_unlink(AioContext *ctx, AioHandler *node);
static void handlers_free_deleted(AioContext *ctx);
static void set_add(AioHandlerSet *set, int fd, short events, AioHandler *node);
static bool handler_dispatch(AioHandler *node, short revents, bool poll_ready);

/* ------------------------------------------------------------------ setting */

void aio_set_fd_handler(AioContext *ctx, int fd, IOHandler *io_read, IOHandler *io_write,
                        AioPollFn *io_poll, IOHandler *io_poll_ready, void *opaque)
{
  AioHandler *new_node = NULL;

  assert(!io_poll == !io_poll_ready);
  if (io_read || io_write || io_poll) {
    new_node = qemu_malloc(sizeof(*new_node));
    *new_node = (AioHandler){.fd = fd,
                             .io_read = io_read,
                             .io_write = io_write,
                             .io_poll = io_poll,
                             .io_poll_ready = io_poll_ready,
                             .opaque = opaque};
  }
  qemu_lockcnt_lock(&ctx->list_lock);
  AioHandler *old_node = handler_find(ctx, fd);
  if (new_node) {
    /* Relaxed: only who has the lock writes it. */
    AioHandler *head = atomic_load_explicit(&ctx->handlers, memory_order_relaxed);
    atomic_init(&new_node->next, head);
    /* Release: publishes the handler. Pairs with the acquire in aio_handlers_visit() (litmus
     * mp_release_acquire). Without it: the walker calls what is not there yet. */
    atomic_store_explicit(&ctx->handlers, new_node, memory_order_release);
  }
  if (old_node) {
    handler_remove(ctx, old_node);
  }
  qemu_lockcnt_unlock(&ctx->list_lock);
  aio_notify_sleepers(ctx); /* who sleeps waits for what there was before */
}

void aio_set_event_notifier(AioContext *ctx, EventNotifier *notifier, EventNotifierHandler *io_read,
                            AioPollFn *io_poll, EventNotifierHandler *io_poll_ready)
{
  /* An EventNotifierHandler is called with the notifier as its opaque pointer. */
  aio_set_fd_handler(ctx, event_notifier_get_fd(notifier), (IOHandler *)(void *)io_read, NULL,
                     io_poll, (IOHandler *)(void *)io_poll_ready, notifier);
}

void aio_context_set_poll_params(AioContext *ctx, int64_t max_ns, unsigned max_rounds)
{
  assert(max_ns >= 0);
  /* Relaxed, both: a loop that sees one late polls as it did before, once more. */
  atomic_store_explicit(&ctx->poll_max_ns, max_ns, memory_order_relaxed);
  atomic_store_explicit(&ctx->poll_max_rounds, max_rounds, memory_order_relaxed);
  aio_notify(ctx);
}

/* Under the lock. */
static AioHandler *handler_find(const AioContext *ctx, int fd)
{
  /* Relaxed, here and below: only who has the lock writes these. */
  AioHandler *node = atomic_load_explicit(&ctx->handlers, memory_order_relaxed);
  while (node && (node->fd != fd || atomic_load_explicit(&node->deleted, memory_order_relaxed))) {
    node = atomic_load_explicit(&node->next, memory_order_relaxed);
  }
  return node;
}

/* Under the lock. */
static void handler_remove(AioContext *ctx, AioHandler *node)
{
  if (qemu_lockcnt_count(&ctx->list_lock) == 0) { /* and nobody comes while we have the lock */
    handler_unlink(ctx, node);
    free(node);
    return;
  }
  /* Relaxed: a walker that does not see it yet was about to call the handler anyway. */
  atomic_store_explicit(&node->deleted, true, memory_order_relaxed);
  node->next_deleted = ctx->deleted_handlers;
  ctx->deleted_handlers = node;
}

/* Under the lock, without visitors. */
static void handler_unlink(AioContext *ctx, AioHandler *node)
{
  _Atomic(AioHandler *) *link = &ctx->handlers;
  AioHandler *at;

  /* Relaxed, all: only who has the lock writes links, and nobody walks along them now. */
  while ((at = atomic_load_explicit(link, memory_order_relaxed)) != node) {
    link = &at->next;
  }
  atomic_store_explicit(link, atomic_load_explicit(&node->next, memory_order_relaxed),
                        memory_order_relaxed);
}

/* Under the lock, without visitors. */
static void handlers_free_deleted(AioContext *ctx)
{
  while (ctx->deleted_handlers) {
    AioHandler *node = ctx->deleted_handlers;
    ctx->deleted_handlers = node->next_deleted;
    handler_unlink(ctx, node);
    free(node);
  }
}

void aio_handlers_finalize(AioContext *ctx)
{
  handlers_free_deleted(ctx);
  /* Relaxed: nobody else knows the context any more. Else somebody left a handler behind. */
  assert(!atomic_load_explicit(&ctx->handlers, memory_order_relaxed));
  qemu_lockcnt_destroy(&ctx->list_lock);
}

/* ------------------------------------------------------------------ collecting */

void aio_handlers_visit(AioContext *ctx, AioHandlerSet *set)
{
  set->fds = set->few_fds;
  set->nodes = set->few_nodes;
  set->size = HANDLERS_FEW;
  set->count = 0;
  set->visiting = false;
  set->can_poll = false;
  set_add(set, event_notifier_get_fd(&ctx->notifier), POLLIN, NULL);
  /* Relaxed: only whether there is one at all. Who adds the first one notifies. */
  if (!atomic_load_explicit(&ctx->handlers, memory_order_relaxed)) {
    return;
  }
  qemu_lockcnt_inc(&ctx->list_lock);
  set->visiting = true;
  /* Acquire: pairs with the release in aio_set_fd_handler() (litmus mp_release_acquire). Relaxed,
   * the links: those behind the first one were there when it was published, and none changes as
   * long as somebody visits. `deleted`: it is looked at again before the call. */
  AioHandler *node = atomic_load_explicit(&ctx->handlers, memory_order_acquire);
  for (; node; node = atomic_load_explicit(&node->next, memory_order_relaxed)) {
    if (!atomic_load_explicit(&node->deleted, memory_order_relaxed)) {
      short events = (short)((node->io_read ? POLLIN : 0) | (node->io_write ? POLLOUT : 0));
      set_add(set, node->fd, events, node);
      set->can_poll |= node->io_poll != NULL;
    }
  }
}

void aio_handlers_leave(AioContext *ctx, AioHandlerSet *set)
{
  if (set->fds != set->few_fds) {
    free(set->fds);
    free(set->nodes);
  }
  if (set->visiting && qemu_lockcnt_dec_and_lock(&ctx->list_lock)) {
    handlers_free_deleted(ctx);
    qemu_lockcnt_unlock(&ctx->list_lock);
  }
}

void aio_handlers_also(AioHandlerSet *set, int fd)
{
  set_add(set, fd, POLLIN, NULL);
}

static void set_add(AioHandlerSet *set, int fd, short events, AioHandler *node)
{
  if (set->count == set->size) {
    unsigned size = 2 * set->size;
    struct pollfd *fds = qemu_malloc(size * sizeof(*fds));
    AioHandler **nodes = qemu_malloc(size * sizeof(*nodes));
    memcpy(fds, set->fds, set->count * sizeof(*fds));
    memcpy(nodes, set->nodes, set->count * sizeof(*nodes));
    if (set->fds != set->few_fds) {
      free(set->fds);
      free(set->nodes);
    }
    set->fds = fds;
    set->nodes = nodes;
    set->size = size;
  }
  set->fds[set->count] = (struct pollfd){.fd = fd, .events = events};
  set->nodes[set->count] = node;
  set->count++;
}

/* ------------------------------------------------------------------ busy polling */

/* Ask every handler that can be asked; whether one is ready. It is marked in its `poll_ready`. */
static bool poll_handlers_once(AioHandlerSet *set)
{
  bool ready = false;

  /* Relaxed: as in handler_dispatch(). */
  for (unsigned i = 1; i < set->count; i++) {
    AioHandler *node = set->nodes[i];
    if (node && node->io_poll && !node->in_poll_ready &&
        !atomic_load_explicit(&node->deleted, memory_order_relaxed) &&
        node->io_poll(node->opaque)) {
      node->poll_ready = true;
      ready = true;
    }
  }
  return ready;
}

bool aio_busy_poll(AioContext *ctx, AioHandlerSet *set)
{
  if (!set->can_poll) {
    return false;
  }
  /* Relaxed, both: see aio_context_set_poll_params(). */
  unsigned rounds = atomic_load_explicit(&ctx->poll_max_rounds, memory_order_relaxed);
  int64_t max_ns = atomic_load_explicit(&ctx->poll_max_ns, memory_order_relaxed);
  int64_t start_ns = qemu_clock_get_ns();
  while (rounds-- > 0 && qemu_clock_get_ns() - start_ns < max_ns) {
    if (poll_handlers_once(set)) {
      return true;
    }
    if (aio_is_notified(ctx)) { /* for what no handler knows of: a bottom half, say */
      return false;
    }
  }
  return false;
}

/* ------------------------------------------------------------------ dispatching */

bool aio_handlers_dispatch(AioContext *ctx, AioHandlerSet *set, bool any_fd)
{
  bool progress = false;

  (void)ctx;
  /* A nested poll takes over what it finds ready too: then the outer one has nothing to do. */
  for (unsigned i = 1; i < set->count; i++) {
    AioHandler *node = set->nodes[i];
    if (node && ((any_fd && set->fds[i].revents) || node->poll_ready)) {
      node->ready_in = set;
    }
  }
  for (unsigned i = 1; i < set->count; i++) {
    AioHandler *node = set->nodes[i];
    if (node && node->ready_in == set) {
      bool poll_ready = node->poll_ready;
      node->ready_in = NULL;
      node->poll_ready = false;
      progress = handler_dispatch(node, any_fd ? set->fds[i].revents : 0, poll_ready) || progress;
    }
  }
  return progress;
}

static bool handler_dispatch(AioHandler *node, short revents, bool poll_ready)
{
  bool progress = false;

  /* Relaxed, here and below: who removed it in this thread is seen, and another thread cannot
   * expect more. The node itself stays while we visit. */
  if (atomic_load_explicit(&node->deleted, memory_order_relaxed)) {
    return false;
  }
  if (poll_ready && !revents && !node->in_poll_ready) {
    /* Until it has taken what made it ready, a nested poll would find it ready again and again. */
    node->in_poll_ready = true;
    node->io_poll_ready(node->opaque);
    node->in_poll_ready = false;
    return true;
  }
  if (node->io_read && (revents & (POLLIN | POLLHUP | POLLERR))) {
    node->io_read(node->opaque);
    progress = true;
  }
  if (node->io_write && (revents & (POLLOUT | POLLERR)) &&
      !atomic_load_explicit(&node->deleted, memory_order_relaxed)) {
    node->io_write(node->opaque);
    progress = true;
  }
  return progress;
}
