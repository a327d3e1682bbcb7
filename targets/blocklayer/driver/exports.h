/* SPDX-License-Identifier: Apache-2.0 */
/* Exports and their clients: the group "export". An export uses a backend of backends.c. */
#ifndef BLOCKLAYER_EXPORTS_H
#define BLOCKLAYER_EXPORTS_H

#include "blocks.h"

#include "export/nbd_server.h"

#pragma GCC visibility push(hidden)

enum { CLIENTS = 4, NO_CLIENT = CLIENTS, SENDS_MAX = 16, CLIENT_CHANNEL = 48 };

typedef struct GhostClient {
  NBDChannel channel;
  uint16_t sent; /* bit i: its request i */
  uint16_t answered;
  uint8_t sends;
  uint8_t accepted; /* by the channel, modulo 256 */
  uint8_t blk;
  uint8_t quiet_taken; /* of those, by the export, when a section was found to have begun */
  uint8_t quiet_root;  /* ... on this node, whose driver had been told so often that it has */
  uint8_t quiet_begun;
  bool quiet_known;
  uint8_t sending; /* calls of nbd_channel_send() in progress */
  bool connected;  /* it may send */
  bool gone;       /* the server has let go of it */
} GhostClient;

typedef struct GhostExports {
  NBDExport *of_blk[BLKS];
  GhostClient clients[CLIENTS];
  uint8_t made; /* clients */
} GhostExports;

extern GhostExports ghost_exports;

/* exports.c */
GhostOperation op_nbd_export, op_connect, op_send, op_disconnect;
bool exports_answered(void); /* every request that was sent */
void exports_close(void);

/* rules_exports.c */
void rule_reply(unsigned client, unsigned request);
void rule_replies(void);           /* nothing can run */
void rule_clients_are_quiet(void); /* a begin has returned, an end or another request is coming */
void rule_clients_gone(void);

#pragma GCC visibility pop

#endif
