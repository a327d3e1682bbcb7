/* SPDX-License-Identifier: Apache-2.0 */
/* What behaviours of drained sections and of the graph share: nodes that watch, sections by kind.
 */
#ifndef BEHAVIOURS_NODES_H
#define BEHAVIOURS_NODES_H

#include "behaviours.h"

#include "aio/aio_wait.h"
#include "aio/iothread.h"
#include "aio/main_loop.h"
#include "block/block.h"
#include "block/block_backend.h"
#include "graph/graph_lock.h"

/* What the driver knows of its node. The main thread's; what a read changes, its context's. */
typedef struct TestNode {
  int drain_count; /* drain_begin minus drain_end */
  unsigned drain_begins;
  unsigned drain_ends;
  bool closed; /* aborts unless the node is drained */

  bool quiet;         /* in a section whose begin has returned: a read aborts */
  bool slow_read;     /* a read sleeps first */
  bool reads_down;    /* then goes on to the children */
  AioContext *bounce; /* then goes through a bottom half of this context, unless NULL */
  unsigned reads;     /* that are over */
} TestNode;

/* A node whose driver keeps `node`. */
BlockDriverState *test_node_new(TestNode *node);

/* A read through a backend, with what it returned; -EINPROGRESS until its callback has run. */
typedef struct TestRead {
  _Atomic int ret;
} TestRead;

/* Begin it in the calling thread's context. */
void test_read_begin(TestRead *read, BlockBackend *blk);
bool test_read_is_over(TestRead *read);

typedef enum TestSection { TEST_NODE, TEST_ALL, TEST_SUBTREE, TEST_SECTIONS } TestSection;
typedef enum TestPlace { IN_MAIN, IN_COROUTINE } TestPlace;

/* In a coroutine of the main context, whose end they wait for, or right here. */
void test_section_begin(TestSection section, TestPlace place, BlockDriverState *bs);
void test_section_end(TestSection section, TestPlace place, BlockDriverState *bs);

/* Run entry(opaque) in a coroutine of the main context and poll until it has ended. */
void test_in_coroutine(CoroutineEntry *entry, void *opaque);

/* Relaxed: the main thread, with nothing in flight. */
unsigned test_in_flight(const BlockDriverState *bs);

#endif
