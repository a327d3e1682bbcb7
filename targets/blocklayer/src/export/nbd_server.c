/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's clients. At most one coroutine of a client reads; when it has a request it creates
 * the next reader and carries the request out. `nb_requests` counts a coroutine from its creation,
 * not from its first step: until then it is on its way, and a drain must not take it for ended.
 *
 * A drained section is the server's own business, its backend queues nothing: it creates no more
 * coroutines, sends the reader away that waits for the client, and lets the others finish. So when
 * the context changes there is no coroutine that would have to be taken along.
 */
#include "export/nbd_server.h"

#include "aio/aio_wait.h"
#include "aio/code_category.h"

typedef struct NBDClient NBDClient;

struct NBDExport {
  BlockBackend *blk;
  AioContext *ctx;       /* changed while all clients are quiet, read under their locks */
  NBDClient *clients;    /* main thread, as the next */
  unsigned client_count; /* some may have left the list, and be not gone yet */
};

struct NBDClient {
  NBDExport *exp;
  NBDChannel *channel;
  void (*gone)(void *opaque);
  void *opaque;
  NBDClient *next; /* main thread */
  unsigned refs;   /* main thread: the list's, and those of wakeups on their way */
  bool listed;     /* main thread */

  QemuMutex lock;            /* protects what follows */
  Coroutine *recv_coroutine; /* the reader, from its creation until it has a request */
  unsigned nb_requests;
  bool quiescing;     /* in a drained section */
  bool read_yielding; /* the reader sleeps in its channel, or is about to */
  bool wake_pending;  /* somebody is on his way to send it away */
  bool closing;       /* the end was read */
};

static void coroutine_fn nbd_trip(void *opaque);
static void nbd_client_receive_next_request_locked(NBDClient *client);
static void nbd_client_put(NBDClient *client);
static void nbd_client_ended_bh(void *opaque);

/* ------------------------------------------------------------------ requests */

static void nbd_client_receive_next_request_locked(NBDClient *client)
{
  if (client->recv_coroutine || client->nb_requests == NBD_REQUESTS_MAX || client->quiescing ||
      client->closing) {
    return;
  }
  client->nb_requests++;
  client->recv_coroutine = qemu_coroutine_create(nbd_trip, client);
  aio_co_schedule(client->exp->ctx, client->recv_coroutine);
}

static void nbd_client_receive_next_request(NBDClient *client)
{
  qemu_mutex_lock(&client->lock);
  nbd_client_receive_next_request_locked(client);
  qemu_mutex_unlock(&client->lock);
}

/* NBD_READ_NOTHING: the reader has been sent away. */
static NBDRead coroutine_fn nbd_co_receive_request(NBDClient *client, NBDRequest *request)
{
  for (;;) {
    qemu_mutex_lock(&client->lock);
    bool quiescing = client->quiescing;
    qemu_mutex_unlock(&client->lock);
    NBDRead read = quiescing ? NBD_READ_NOTHING : nbd_channel_read(client->channel, request);
    if (quiescing || read != NBD_READ_NOTHING) {
      return read;
    }
    qemu_mutex_lock(&client->lock);
    client->read_yielding = true;
    qemu_mutex_unlock(&client->lock);
    aio_wait_kick(); /* a drain that waits for us can send us away now */
    nbd_channel_co_wait(client->channel);
    qemu_mutex_lock(&client->lock);
    client->read_yielding = false;
    qemu_mutex_unlock(&client->lock);
  }
}

static int coroutine_fn nbd_handle_request(NBDClient *client, const NBDRequest *request)
{
  BlockBackend *blk = client->exp->blk;

  return request->write ? blk_co_pwritev(blk, request->offset, request->bytes, BDRV_REQ_NONE)
                        : blk_co_preadv(blk, request->offset, request->bytes, BDRV_REQ_NONE);
}

/* A reader that becomes a worker, or gives up. */
static void coroutine_fn nbd_trip(void *opaque)
{
  NBDClient *client = opaque;
  NBDRequest request;
  NBDRead read = nbd_co_receive_request(client, &request);

  qemu_mutex_lock(&client->lock);
  client->recv_coroutine = NULL;
  client->closing |= read == NBD_READ_END;
  if (read == NBD_READ_REQUEST) {
    nbd_client_receive_next_request_locked(client);
    qemu_mutex_unlock(&client->lock);
    nbd_channel_reply(client->channel, request.cookie, nbd_handle_request(client, &request));
    qemu_mutex_lock(&client->lock);
  }
  bool last = --client->nb_requests == 0 && client->closing;
  nbd_client_receive_next_request_locked(client);
  if (last) {
    /* The list of clients and its memory are the main thread's. */
    aio_bh_schedule_oneshot(qemu_get_aio_context(), nbd_client_ended_bh, client);
  }
  qemu_mutex_unlock(&client->lock);
  aio_wait_kick();
}

/* ------------------------------------------------------------------ clients */

void nbd_client_new(NBDExport *exp, NBDChannel *channel, void (*gone)(void *opaque), void *opaque)
{
  GLOBAL_STATE_CODE();
  NBDClient *client = qemu_malloc(sizeof(*client));

  *client = (NBDClient){.exp = exp,
                        .channel = channel,
                        .gone = gone,
                        .opaque = opaque,
                        .next = exp->clients,
                        .refs = 1,
                        .listed = true,
                        .quiescing = blk_in_drain(exp->blk)};
  qemu_mutex_init(&client->lock);
  exp->clients = client;
  exp->client_count++;
  nbd_client_receive_next_request(client);
}

static void nbd_client_put(NBDClient *client)
{
  GLOBAL_STATE_CODE();
  assert(client->refs > 0);
  if (--client->refs > 0) {
    return;
  }
  assert(!client->listed);
  qemu_mutex_lock(&client->lock); /* whoever has scheduled us may still hold it */
  assert(client->nb_requests == 0 && !client->recv_coroutine);
  qemu_mutex_unlock(&client->lock);
  client->exp->client_count--;
  client->gone(client->opaque);
  qemu_mutex_destroy(&client->lock);
  free(client);
}

/* Its last coroutine has ended, or is about to: it touches nothing any more. */
static void nbd_client_ended_bh(void *opaque)
{
  NBDClient *client = opaque;
  NBDClient **link = &client->exp->clients;

  while (*link != client) {
    link = &(*link)->next;
  }
  *link = client->next;
  client->listed = false;
  nbd_client_put(client);
}

/* ------------------------------------------------------------------ sections */

static void nbd_drained_begin(void *opaque)
{
  NBDExport *exp = opaque;

  for (NBDClient *client = exp->clients; client; client = client->next) {
    qemu_mutex_lock(&client->lock);
    client->quiescing = true;
    qemu_mutex_unlock(&client->lock);
  }
}

static void nbd_client_put_bh(void *opaque)
{
  nbd_client_put(opaque);
}

/* In the export's context, so that the reader is asleep if it says so. */
static void nbd_wake_read_bh(void *opaque)
{
  NBDClient *client = opaque;

  nbd_channel_wake(client->channel);
  qemu_mutex_lock(&client->lock);
  client->wake_pending = false;
  aio_bh_schedule_oneshot(qemu_get_aio_context(), nbd_client_put_bh, client);
  qemu_mutex_unlock(&client->lock);
  aio_wait_kick();
}

static bool nbd_client_busy(NBDClient *client)
{
  qemu_mutex_lock(&client->lock);
  bool wake = client->recv_coroutine && client->read_yielding && !client->wake_pending;
  if (wake) {
    client->wake_pending = true;
    client->refs++;
    aio_bh_schedule_oneshot(client->exp->ctx, nbd_wake_read_bh, client);
  }
  bool busy = client->nb_requests > 0 || client->wake_pending;
  qemu_mutex_unlock(&client->lock);
  return busy;
}

static bool nbd_drained_poll(void *opaque)
{
  const NBDExport *exp = opaque;
  bool busy = false;

  for (NBDClient *client = exp->clients; client; client = client->next) {
    busy |= nbd_client_busy(client);
  }
  return busy;
}

static void nbd_drained_end(void *opaque)
{
  NBDExport *exp = opaque;

  for (NBDClient *client = exp->clients; client; client = client->next) {
    qemu_mutex_lock(&client->lock);
    client->quiescing = false;
    nbd_client_receive_next_request_locked(client);
    qemu_mutex_unlock(&client->lock);
  }
}

static const BlockDevOps nbd_block_ops = {
    .drained_begin = nbd_drained_begin,
    .drained_poll = nbd_drained_poll,
    .drained_end = nbd_drained_end,
};

/* ------------------------------------------------------------------ change of context */

static void nbd_detach_aio_context(void *opaque)
{
  NBDExport *exp = opaque;

  for (NBDClient *client = exp->clients; client; client = client->next) {
    qemu_mutex_lock(&client->lock);
    assert(!client->recv_coroutine);
    assert(client->nb_requests == 0);
    qemu_mutex_unlock(&client->lock);
  }
  exp->ctx = NULL;
}

static void nbd_attached_aio_context(AioContext *ctx, void *opaque)
{
  NBDExport *exp = opaque;

  exp->ctx = ctx;
}

/* ------------------------------------------------------------------ exports */

NBDExport *nbd_export_new(BlockBackend *blk)
{
  GLOBAL_STATE_CODE();
  NBDExport *exp = qemu_malloc(sizeof(*exp));

  *exp = (NBDExport){.blk = blk, .ctx = blk_get_aio_context(blk)};
  blk_ref(blk);
  blk_set_allow_aio_context_change(blk, true);
  blk_set_disable_request_queuing(blk, true);
  blk_set_dev_ops(blk, &nbd_block_ops, exp);
  blk_add_aio_context_notifier(blk, nbd_attached_aio_context, nbd_detach_aio_context, exp);
  return exp;
}

void nbd_export_close(NBDExport *exp)
{
  GLOBAL_STATE_CODE();
  for (NBDClient *client = exp->clients; client; client = client->next) {
    nbd_channel_close(client->channel);
  }
  AIO_WAIT_WHILE(NULL, exp->client_count > 0);
  blk_remove_aio_context_notifier(exp->blk, nbd_attached_aio_context, nbd_detach_aio_context, exp);
  blk_set_dev_ops(exp->blk, NULL, NULL);
  blk_unref(exp->blk);
  free(exp);
}
