/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An export: a node for clients at the other end of channels, modelled after an NBD server. Each
 * request is carried out in a coroutine of its own, in the export's context, which follows the
 * node. The main thread, unless a function says otherwise.
 */
#ifndef BLOCK_NBD_SERVER_H
#define BLOCK_NBD_SERVER_H

#include "block/block_backend.h"
#include "export/nbd_channel.h"

typedef struct NBDExport NBDExport;

/* Requests of a client at a time, its reader included. */
enum { NBD_REQUESTS_MAX = 4 };

/* Export `blk`, which has a medium, and of which the export takes a reference. No request of it is
 * in flight, and nobody else sends any. */
NBDExport *nbd_export_new(BlockBackend *blk);

/* Serve a client; the channel stays until `gone` is called, in the main thread, after its end has
 * been read or the export closed, and after the last reply. */
void nbd_client_new(NBDExport *exp, NBDChannel *channel, void (*gone)(void *opaque), void *opaque);

/* Close all channels, wait until the clients are gone, and let go of the backend. Polls. Not in a
 * drained section, which would keep the clients. */
void nbd_export_close(NBDExport *exp);

#endif
