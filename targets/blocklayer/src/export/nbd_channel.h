/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection between a client and an export, in memory: requests one way, in order; replies the
 * other way. The server reads in a coroutine, which sleeps while there is nothing to read.
 */
#ifndef BLOCK_NBD_CHANNEL_H
#define BLOCK_NBD_CHANNEL_H

#include "aio/aio.h"
#include "util/thread.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { NBD_CHANNEL_REQUESTS = 8 };

typedef struct NBDRequest {
  uint64_t cookie; /* the client's name for it, in the reply too */
  int64_t offset;
  int64_t bytes;
  bool write;
} NBDRequest;

/* A reply has come. In the server's thread, under the channel's lock; must not block. */
typedef void NBDReplyFunc(void *opaque, uint64_t cookie, int ret);

typedef struct NBDChannel {
  NBDReplyFunc *reply;
  void *opaque;
  EventNotifier readable; /* set when something has come that the server has not seen */

  QemuMutex lock; /* protects what follows */
  NBDRequest requests[NBD_CHANNEL_REQUESTS];
  unsigned first, count;
  bool closed;

  /* Who sleeps in nbd_channel_co_wait(). Whoever takes it out wakes it. */
  _Atomic(Coroutine *) reader;
} NBDChannel;

/* The caller's memory; it stays until the server has let go of it. */
void nbd_channel_init(NBDChannel *channel, NBDReplyFunc *reply, void *opaque);
void nbd_channel_fini(NBDChannel *channel);

/* Client: one more request; false: the channel is closed or full. Any thread. */
bool nbd_channel_send(NBDChannel *channel, const NBDRequest *request);

/* Either side: no more requests; what was sent before is still read. Any thread. */
void nbd_channel_close(NBDChannel *channel);

typedef enum NBDRead { NBD_READ_REQUEST, NBD_READ_NOTHING, NBD_READ_END } NBDRead;

/* Server: take the next request if there is one. Any thread. */
NBDRead nbd_channel_read(NBDChannel *channel, NBDRequest *request);

/* Sleep until something may have come, or until nbd_channel_wake(). It returns in the context where
 * it was called, and leaves no handler behind. */
void coroutine_fn nbd_channel_co_wait(NBDChannel *channel);

/* Wake who sleeps in there, now. In that one's context: elsewhere it may just be falling asleep. */
void nbd_channel_wake(NBDChannel *channel);

/* Server: answer a request. */
void nbd_channel_reply(NBDChannel *channel, uint64_t cookie, int ret);

#endif
