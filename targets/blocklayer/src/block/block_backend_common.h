/* SPDX-License-Identifier: Apache-2.0 */
/* BlockBackend: a user of the graph, at its root: a device, an export, a job. */
#ifndef BLOCK_BLOCK_BACKEND_COMMON_H
#define BLOCK_BLOCK_BACKEND_COMMON_H

#include "block/block_common.h"

/* What a device wants to know. Main thread; may not poll and may not change the graph. Each begin
 * and end once per time that the backend becomes quiesced. */
typedef struct BlockDevOps {
  void (*drained_begin)(void *opaque);
  bool (*drained_poll)(void *opaque); /* is the device still busy? */
  void (*drained_end)(void *opaque);
} BlockDevOps;

typedef struct BlkAioNotifier BlkAioNotifier;

typedef struct BlockBackend {
  unsigned refcnt; /* main thread */
  BdrvChild *root; /* NULL: no medium. As the graph: changed under the write lock */
  uint64_t perm;   /* of its edge to the medium; main thread */
  uint64_t shared_perm;
  _Atomic(AioContext *) ctx; /* need not be that of the root node */

  /* Main thread. May others move the root node, and us with it? Who is told of it, whatever the
   * root is. */
  bool allow_aio_context_change;
  BlkAioNotifier *aio_notifiers;

  const BlockDevOps *dev_ops; /* main thread */
  void *dev_opaque;

  /* Requests of this user that are not queued. Raised before anything else happens to them, and
   * lowered when their callback has returned. Any thread. */
  _Atomic unsigned in_flight;

  /* Sections; written by the main thread, read by those who begin a request. */
  _Atomic unsigned quiesce_counter;

  /* The user stops by itself in time (a job does): its requests are never queued. */
  _Atomic bool disable_request_queuing;

  QemuMutex queued_requests_lock; /* protects the queue */
  CoQueue queued_requests;        /* requests that wait for the end of a section */
} BlockBackend;

typedef void BlockCompletionFunc(void *opaque, int ret);

#endif
