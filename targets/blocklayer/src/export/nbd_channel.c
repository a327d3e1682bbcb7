/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring under a mutex and a bell. A reader that sleeps has a handler for the bell in its context,
 * and only while it sleeps: so there is nothing to take along when the export changes its context.
 * A request takes the mutex on each side and rings once; a sleep sets a handler and takes it away.
 */
#include "export/nbd_channel.h"

#include "aio/code_category.h"

#include <stddef.h>

void nbd_channel_init(NBDChannel *channel, NBDReplyFunc *reply, void *opaque)
{
  IO_CODE();
  *channel = (NBDChannel){.reply = reply, .opaque = opaque};
  qemu_mutex_init(&channel->lock);
  event_notifier_init(&channel->readable, false);
}

void nbd_channel_fini(NBDChannel *channel)
{
  IO_CODE();
  event_notifier_cleanup(&channel->readable);
  qemu_mutex_destroy(&channel->lock);
}

bool nbd_channel_send(NBDChannel *channel, const NBDRequest *request)
{
  IO_CODE();
  qemu_mutex_lock(&channel->lock);
  bool possible = !channel->closed && channel->count < NBD_CHANNEL_REQUESTS;
  if (possible) {
    unsigned last = (channel->first + channel->count) % NBD_CHANNEL_REQUESTS;
    channel->requests[last] = *request;
    channel->count++;
    event_notifier_set(&channel->readable);
  }
  qemu_mutex_unlock(&channel->lock);
  return possible;
}

void nbd_channel_close(NBDChannel *channel)
{
  IO_CODE();
  qemu_mutex_lock(&channel->lock);
  channel->closed = true;
  event_notifier_set(&channel->readable);
  qemu_mutex_unlock(&channel->lock);
}

NBDRead nbd_channel_read(NBDChannel *channel, NBDRequest *request)
{
  IO_CODE();
  NBDRead result = NBD_READ_NOTHING;

  qemu_mutex_lock(&channel->lock);
  if (channel->count > 0) {
    *request = channel->requests[channel->first];
    channel->first = (channel->first + 1) % NBD_CHANNEL_REQUESTS;
    channel->count--;
    result = NBD_READ_REQUEST;
  } else if (channel->closed) {
    result = NBD_READ_END;
  }
  qemu_mutex_unlock(&channel->lock);
  return result;
}

/* ------------------------------------------------------------------ sleeping */

static void channel_readable(EventNotifier *notifier)
{
  NBDChannel *channel = (NBDChannel *)(void *)((char *)notifier - offsetof(NBDChannel, readable));

  event_notifier_test_and_clear(notifier);
  nbd_channel_wake(channel);
}

void coroutine_fn nbd_channel_co_wait(NBDChannel *channel)
{
  IO_CODE();
  AioContext *ctx = qemu_get_current_aio_context();

  /* Release: pairs with the exchange in nbd_channel_wake() (litmus mp_release_acquire). */
  atomic_store_explicit(&channel->reader, qemu_coroutine_self(), memory_order_release);
  aio_set_event_notifier(ctx, &channel->readable, channel_readable, NULL, NULL);
  qemu_coroutine_yield();
  aio_set_event_notifier(ctx, &channel->readable, NULL, NULL, NULL);
}

void nbd_channel_wake(NBDChannel *channel)
{
  IO_CODE();
  /* Acquire: the sleeper's stack. Pairs with the release in nbd_channel_co_wait() (litmus
   * mp_release_acquire). Exchanged, because the bell and somebody who wants it to give up may both
   * come. */
  Coroutine *co = atomic_exchange_explicit(&channel->reader, NULL, memory_order_acquire);
  if (co) {
    aio_co_wake(co);
  }
}

void nbd_channel_reply(NBDChannel *channel, uint64_t cookie, int ret)
{
  IO_CODE();
  qemu_mutex_lock(&channel->lock); /* replies go one after the other */
  channel->reply(channel->opaque, cookie, ret);
  qemu_mutex_unlock(&channel->lock);
}
