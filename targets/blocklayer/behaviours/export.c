/* SPDX-License-Identifier: Apache-2.0 */
/* Behaviours of exports: a client that stays connected while the export moves. */
#include "nodes.h"

#include "export/nbd_server.h"

enum { RESETS = 10 };

typedef struct TestClient {
  NBDChannel channel;
  _Atomic unsigned answered; /* bit i: request i */
  bool gone;
} TestClient;

static void client_reply(void *opaque, uint64_t cookie, int ret)
{
  TestClient *client = opaque;

  assert(ret == 0);
  unsigned before = atomic_fetch_or(&client->answered, 1u << cookie);
  assert(!(before >> cookie & 1)); /* once */
  aio_wait_kick();
}

static void client_gone(void *opaque)
{
  ((TestClient *)opaque)->gone = true;
}

static void client_send(TestClient *client, unsigned cookie)
{
  bool sent = nbd_channel_send(&client->channel, &(NBDRequest){.cookie = cookie, .bytes = 1});
  assert(sent);
}

static void client_waits(TestClient *client, unsigned requests)
{
  AIO_WAIT_WHILE(NULL, atomic_load(&client->answered) != (1u << requests) - 1);
}

/* As often as a machine is reset, and its disk goes to the IOThread or back. */
void export_moves_with_its_client(void)
{
  TestNode node = {0};
  TestClient client = {0};

  qemu_init_main_loop();
  IOThread *iothread = iothread_create();
  AioContext *contexts[] = {iothread_get_aio_context(iothread), qemu_get_aio_context()};
  BlockDriverState *bs = test_node_new(&node);
  BlockBackend *blk = blk_new(qemu_get_aio_context());
  int ret = blk_insert_bs(blk, bs);
  assert(ret == 0);
  NBDExport *exp = nbd_export_new(blk);
  nbd_channel_init(&client.channel, client_reply, &client);
  nbd_client_new(exp, &client.channel, client_gone, &client);

  for (unsigned i = 0; i < RESETS; i++) {
    client_send(&client, i);
    ret = bdrv_try_change_aio_context(bs, contexts[i % 2], NULL);
    assert(ret == 0);
    assert(blk_get_aio_context(blk) == contexts[i % 2]);
    client_waits(&client, i + 1);
  }
  assert(!client.gone);

  nbd_export_close(exp);
  assert(client.gone);
  nbd_channel_fini(&client.channel);
  blk_unref(blk);
  bdrv_unref(bs);
  iothread_stop(iothread);
  iothread_destroy(iothread);
  qemu_cleanup_main_loop();
}
