/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The block graph: nodes and directed edges without cycles. An edge is known at both its ends and
 * belongs to its parent: another node, or a user at the root (a BlockBackend, a job).
 *
 * Unless a field says otherwise it is written by the main thread under the graph's write lock and
 * read under the read lock.
 */
#ifndef BLOCK_GRAPH_COMMON_H
#define BLOCK_GRAPH_COMMON_H

#include "colock/co_queue.h"
#include "coroutine/coroutine.h"
#include "util/thread.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct BlockDriverState BlockDriverState;
typedef struct BdrvChild BdrvChild;
typedef struct BdrvTrackedRequest BdrvTrackedRequest;
typedef struct BdrvNodeList BdrvNodeList;
typedef struct BdrvAioNotifier BdrvAioNotifier;
typedef struct AioContextChange AioContextChange;

/* What a request asks for besides its range. */
typedef enum BdrvRequestFlags {
  BDRV_REQ_NONE = 0,
  BDRV_REQ_SERIALISING = 1 << 0, /* no overlapping request at the same time */
} BdrvRequestFlags;

/* What a user does with a node, and what it lets others do. */
enum {
  BLK_PERM_CONSISTENT_READ = 1 << 0,
  BLK_PERM_WRITE = 1 << 1,
  BLK_PERM_RESIZE = 1 << 2,
  BLK_PERM_ALL = (1 << 3) - 1,
};

/* What a kind of node does. Callbacks may be NULL. */
typedef struct BlockDriver {
  const char *name;

  /* Global state: the main thread, outside of coroutines. drain_begin and drain_end are called
   * when the node becomes quiesced and ceases to be, each once; they must not poll and must not
   * change the graph. */
  void (*bdrv_drain_begin)(BlockDriverState *bs);
  void (*bdrv_drain_end)(BlockDriverState *bs);
  void (*bdrv_close)(BlockDriverState *bs); /* the node is drained */

  /* The users of the node do `perm` in all and let others do `shared`: what does it want of this
   * child, and lets others do with it? Write lock. NULL: nothing, and everything. */
  void (*bdrv_child_perm)(BlockDriverState *bs, const BdrvChild *edge, uint64_t perm,
                          uint64_t shared, uint64_t *child_perm, uint64_t *child_shared);

  /* I/O: any thread, under the read lock. 0 or a negative errno. */
  int coroutine_fn (*bdrv_co_preadv)(BlockDriverState *bs, int64_t offset, int64_t bytes);
  int coroutine_fn (*bdrv_co_pwritev)(BlockDriverState *bs, int64_t offset, int64_t bytes);
  int coroutine_fn (*bdrv_co_flush)(BlockDriverState *bs);
  int coroutine_fn (*bdrv_co_pwritev_compressed)(BlockDriverState *bs, int64_t offset,
                                                 int64_t bytes);
  int coroutine_fn (*bdrv_co_pwrite_zeroes)(BlockDriverState *bs, int64_t offset, int64_t bytes);
  int coroutine_fn (*bdrv_co_pdiscard)(BlockDriverState *bs, int64_t offset, int64_t bytes);
  int coroutine_fn (*bdrv_co_truncate)(BlockDriverState *bs, int64_t zero, int64_t length);
  int coroutine_fn (*bdrv_co_block_status)(BlockDriverState *bs, int64_t offset, int64_t bytes);
  int coroutine_fn (*bdrv_co_load_vmstate)(BlockDriverState *bs, int64_t offset, int64_t bytes);
  int coroutine_fn (*bdrv_co_save_vmstate)(BlockDriverState *bs, int64_t offset, int64_t bytes);
  int coroutine_fn (*bdrv_co_check)(BlockDriverState *bs);
  int coroutine_fn (*bdrv_co_invalidate_cache)(BlockDriverState *bs);

  /* Context change: detach with no request in flight, parents before children; attach children
   * before parents. */
  void (*bdrv_detach_aio_context)(BlockDriverState *bs);
  void (*bdrv_attach_aio_context)(BlockDriverState *bs, AioContext *new_context);
} BlockDriver;

/*
 * What a kind of parent does. The main thread calls all of these, outside of coroutines; none but
 * update_filename may poll, and the drained_ ones may not change the graph.
 */
typedef struct BdrvChildClass {
  bool parent_is_bds;
  bool stay_at_node; /* the parent means this very node, whatever comes to stand on top of it */

  /* The edge has been linked to, and is about to be unlinked from, edge->bs. Write lock. */
  void (*attach)(BdrvChild *edge);
  void (*detach)(BdrvChild *edge);

  /*
   * The parent shall send no new request to the child; may again. Counted: called as often as
   * edge->quiesced_parent changes. drained_poll: is the parent still busy with the child? Who
   * makes the answer false calls aio_wait_kick().
   */
  void (*drained_begin)(BdrvChild *edge);
  bool (*drained_poll)(BdrvChild *edge);
  void (*drained_end)(BdrvChild *edge);

  /* bdrv_drop_intermediate() has made `base` the child: the parent writes down what it is called.
   * The child is drained, no lock is held. NULL: it keeps no names. */
  void (*update_filename)(BdrvChild *edge, BlockDriverState *base);

  /* Is the parent ready to follow its child to another context? It adds to the change what it will
   * do then (block_global_state.h). NULL: no. Not called for nodes, which always are. */
  bool (*change_aio_ctx)(BdrvChild *edge, AioContextChange *change);
  AioContext *(*get_parent_aio_context)(BdrvChild *edge);
} BdrvChildClass;

/* An edge; owned by the parent, holds a reference to the child. */
struct BdrvChild {
  BlockDriverState *bs; /* the child */
  const BdrvChildClass *klass;
  void *opaque; /* the parent: a BlockDriverState, a BlockBackend, a job; see `klass` */

  /* How often this edge has quiesced its parent: once for each subtree section of the child that
   * did not come down this edge, and once if the child has any other section. Main thread. */
  unsigned quiesced_parent;

  /* What the parent does with the child and lets others do. Main thread. */
  uint64_t perm;
  uint64_t shared_perm;

  bool filename_is_old; /* the child has changed, and the parent has yet to be told; main thread */

  BdrvChild *next_sibling;    /* in the parent's children, if that is a node */
  BdrvChild *next_of_parents; /* in bs->parents */
};

/* A node. */
struct BlockDriverState {
  const BlockDriver *drv; /* NULL: a bare node of the graph */
  void *opaque;           /* the driver's */
  unsigned refcnt;        /* main thread */

  bool read_only;      /* these two: while nothing is in flight */
  bool ignore_discard; /* succeed without asking the driver */

  BdrvChild *children;         /* edges down, newest first */
  BdrvChild *parents;          /* edges up, newest first */
  BlockDriverState *next_node; /* in the list of all nodes; main thread */

  /* Where its driver's callbacks belong. Changed only while no request is in flight. */
  _Atomic(AioContext *) aio_context;

  /* Who is told of such a change; those that are deleted during a walk go at its end. Main thread.
   */
  BdrvAioNotifier *aio_notifiers;
  bool walking_aio_notifiers;

  /* Sections that keep the node quiet: all, and those of a subtree, counted once per way down to
   * here. Main thread. */
  unsigned quiesce_counter;
  unsigned recursive_quiesce_counter;

  /* Requests, and everything else that a drain has to wait for. Any thread. */
  _Atomic unsigned in_flight;

  /* Any thread. */
  QemuMutex reqs_lock; /* protects the list and the ranges of the requests in it */
  BdrvTrackedRequest *tracked_requests;
  _Atomic unsigned serialising_in_flight;

  /* Flushes; any thread, protected by `reqs_lock`. Writes that are over, and how many of them the
   * last flush has made lasting; modulo 2^32. */
  unsigned write_gen;
  unsigned flushed_gen;
  bool flush_is_active;
  CoQueue flush_queue; /* flushes that wait for the end of the active one */
};

enum { BDRV_WALK_MAX = 64 };

/* Nodes in the order in which they were met. */
struct BdrvNodeList {
  size_t count;
  BlockDriverState *nodes[BDRV_WALK_MAX];
};

#endif
