/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests through a backend, and the block driver that they end up in. The operand `n` says which
 * range (n / 4: requests of one range overlap) and how the node takes its time (n % 4): not at all,
 * with a yield, sleeping, in a bottom half of another context, or (op_visit) at home. It travels as
 * the length.
 * Afterwards the request goes on to the children. The last n is out of range.
 */
#include "aio_contexts.h"

#include "aio/co_sleep.h"
#include "caller_memory.h"
#include "coroutine/coroutine_int.h"

#include <errno.h>
#include <string.h>

enum {
  WAYS = 4,
  RANGES = 3,
  RANGE_BYTES = 16,
  LEAST_BYTES = 4,
  OUT_OF_RANGE = WAYS * RANGES,
  SLEEP_NS = 2000,
};

typedef enum { AT_ONCE, YIELDING, SLEEPING, IN_BOTTOM_HALF, AT_HOME } Way;

static int64_t offset_of(unsigned n)
{
  return n >= OUT_OF_RANGE ? -1 : (int64_t)(n / WAYS * RANGE_BYTES);
}

static int64_t bytes_of(unsigned n)
{
  return LEAST_BYTES + n % WAYS;
}

/* ------------------------------------------------------------------ the driver of the nodes */

unsigned node_of(const BlockDriverState *bs)
{
  return (unsigned)(uintptr_t)bs->opaque - 1;
}

static void nothing_bh(void *opaque)
{
  (void)opaque;
}

static void take_time(BlockDriverState *bs, Way way)
{
  AioContext *home = qemu_get_current_aio_context();

  switch (way) {
  case AT_ONCE:
    return;
  case YIELDING:
    aio_co_schedule(home, qemu_coroutine_self());
    qemu_coroutine_yield();
    return;
  case SLEEPING:
    qemu_co_sleep_ns(SLEEP_NS);
    return;
  case AT_HOME:
    visit_home(bs);
    return;
  case IN_BOTTOM_HALF:
    break;
  }
  unsigned other = MAIN_CONTEXT;
  for (unsigned i = 0; i < ghost.created; i++) {
    if (ghost.contexts[i].state == CONTEXT_LIVE && ghost.contexts[i].ctx != home) {
      other = i;
    }
  }
  other = context_choose(other, NO_CONTEXT);
  context_enter(other);
  aio_co_call_bh(ghost.contexts[other].ctx, nothing_bh, NULL);
  context_leave(other);
}

/* Whoever waits for the lock now has slept meanwhile: it keeps new requests away. */
static bool writer_sleeps(void)
{
  if (ghost.lock.wrlock_depth > 0 && ds_thread_in_poll(MAIN_THREAD)) {
    blocks.writer_slept = (uint16_t)(ghost.lock.writers + 1);
    ds_mark(BLOCKS_MARK);
  }
  return ghost.lock.wrlock_depth > 0 && blocks.writer_slept == ghost.lock.writers + 1;
}

_Static_assert(ALL_NODES <= CALLER_NODES, "a node has a row of words for its requests");

static void leave_work(unsigned node)
{
  unsigned thread = ds_thread_self();

  if (thread < CALLER_THREADS) {
    caller_works(node, thread);
    blocks.workers[node] |= 1u << thread;
  }
}

static void work(unsigned node)
{
  rule_request_reaches(node);
  leave_work(node);
}

static int watch(BlockDriverState *bs, int64_t offset, int64_t bytes, bool write)
{
  unsigned node = node_of(bs);

  work(node);
  blocks.in_driver[node]++;
  take_time(bs, (Way)(bytes - LEAST_BYTES));
  (void)writer_sleeps();
  int ret = write ? bdrv_co_pwritev_children(bs, offset, bytes)
                  : bdrv_co_preadv_children(bs, offset, bytes);
  work(node);
  blocks.in_driver[node]--;
  blocks.written[node] = (uint8_t)(blocks.written[node] + write);
  return ret;
}

static int watching_preadv(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
  return watch(bs, offset, bytes, false);
}

static int watching_pwritev(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
  return watch(bs, offset, bytes, true);
}

/* Slow, so that something is written meanwhile. */
static int watching_flush(BlockDriverState *bs)
{
  unsigned node = node_of(bs);
  uint8_t written = blocks.written[node];

  work(node);
  blocks.in_driver[node]++;
  take_time(bs, YIELDING);
  work(node);
  blocks.in_driver[node]--;
  blocks.flushed[node] = written;
  return 0;
}

static void watching_drain_begin(BlockDriverState *bs)
{
  blocks.begun[node_of(bs)]++;
  rule_driver_told(node_of(bs), true);
}

static void watching_drain_end(BlockDriverState *bs)
{
  rule_driver_told(node_of(bs), false);
  created_node_undrained(node_of(bs));
}

const BlockDriver watching_driver = {
    .name = "watching",
    .bdrv_close = created_node_closes, /* others are deleted without */
    .bdrv_drain_begin = watching_drain_begin,
    .bdrv_drain_end = watching_drain_end,
    .bdrv_co_preadv = watching_preadv,
    .bdrv_detach_aio_context = node_detach,
    .bdrv_attach_aio_context = node_attach,
    .bdrv_co_pwritev = watching_pwritev,
    .bdrv_co_flush = watching_flush,
};

/* ------------------------------------------------------------------ operations */

static void request_begins(void)
{
  blocks.requests++;
  blocks.sent = true;
  meet_sections();
  if (ghost.lock.wrlock_depth > 0) {
    ds_mark(BLOCKS_MARK); /* the writer keeps it away, or waits for it */
  }
}

static bool may_send(unsigned actor)
{
  return may_wait_for_requests(actor) && !holds_section(actor);
}

static BlockBackend *backend(const ds_operation *op, const char *word)
{
  unsigned index = blk_choose(op->a);

  if (index == NO_BLK) {
    return NULL;
  }
  if (index != op->a) {
    ds_note("%s blk%u", word, index);
  }
  return blocks.blks[index].blk;
}

static bool read_once(unsigned actor, const ds_operation *op, const char *word, int64_t offset,
                      int64_t bytes)
{
  BlockBackend *blk = may_send(actor) ? backend(op, word) : NULL;

  if (!blk) {
    return false;
  }
  actor_waits(actor, "blk_co_preadv: a section, other requests, or its node");
  request_begins();
  int ret = blk_co_preadv(blk, offset, bytes, BDRV_REQ_NONE);
  blocks.requests--;
  actor_waits(actor, NULL);
  ds_note("%s: %d", word, ret);
  return true;
}

bool op_read(unsigned actor, const ds_operation *op)
{
  return read_once(actor, op, "read", offset_of(op->b), bytes_of(op->b));
}

/* Read, and while a writer waits, read again. */
bool op_read_on(unsigned actor, const ds_operation *op)
{
  BlockBackend *blk = may_send(actor) ? backend(op, "read_on") : NULL;
  int ret = 0;

  if (!blk) {
    return false;
  }
  actor_waits(actor, "blk_co_preadv: a section, other requests, or its node");
  do { /* a backend without a medium refuses, and nobody keeps it from that */
    unsigned late = writer_sleeps() ? blocks.writer_slept : 0;
    request_begins();
    ret = blk_co_preadv(blk, offset_of(op->b), bytes_of(op->b), BDRV_REQ_NONE);
    blocks.requests--;
    rule_writer_goes_first(ret >= 0 && late && writer_sleeps() && late == blocks.writer_slept);
  } while (ret >= 0 && writer_sleeps());
  actor_waits(actor, NULL);
  return true;
}

/* A read that works in the context of each node that it reaches. */
bool op_visit(unsigned actor, const ds_operation *op)
{
  return read_once(actor, op, "visit", 0, LEAST_BYTES + AT_HOME);
}

static void write_is_over(void)
{
  if (--blocks.writing == 0) {
    memcpy(blocks.settled, blocks.written, sizeof(blocks.settled));
  }
}

/* Serialising: no request that overlaps runs at the same time. */
bool op_write(unsigned actor, const ds_operation *op)
{
  BlockBackend *blk = may_send(actor) ? backend(op, "write") : NULL;

  if (!blk) {
    return false;
  }
  actor_waits(actor, "blk_co_pwritev: a section, other requests, or its node");
  request_begins();
  blocks.writing++;
  int ret = blk_co_pwritev(blk, offset_of(op->b), bytes_of(op->b), BDRV_REQ_SERIALISING);
  blocks.requests--;
  write_is_over();
  actor_waits(actor, NULL);
  ds_note("write: %d", ret);
  return true;
}

bool op_flush(unsigned actor, const ds_operation *op)
{
  BlockBackend *blk = may_send(actor) ? backend(op, "flush") : NULL;

  if (!blk) {
    return false;
  }
  uint8_t written[ALL_NODES];
  memcpy(written, blocks.settled, sizeof(written));
  actor_waits(actor, "blk_co_flush: a section, another flush, or its node");
  request_begins();
  /* Its number: when the flush is over, the node may be gone. */
  unsigned root = blk->root ? node_of(blk->root->bs) : NO_NODE;
  bool undisturbed = root != NO_NODE && blk->root->bs->quiesce_counter == 0;
  uint8_t begun = undisturbed ? blocks.begun[root] : 0;
  int ret = blk_co_flush(blk);
  blocks.requests--;
  actor_waits(actor, NULL);
  /* Whoever changes anything below the root quiesces it. */
  if (ret == 0 && undisturbed && begun == blocks.begun[root]) {
    for (unsigned node = 0; node < ALL_NODES; node++) {
      if (nodes_below_by_edges(root) >> node & 1) {
        rule_flushed(node, written[node]);
      }
    }
  }
  return true;
}

typedef struct AioRequest {
  uint8_t blk;
  uint8_t context;
  bool writes;
} AioRequest;

enum { AIO_REQUESTS = 8 };
static AioRequest aio_requests[AIO_REQUESTS];
static uint8_t aio_requests_begun;

static void aio_request_cb(void *opaque, int ret)
{
  const AioRequest *request = opaque;
  const GhostBlk *blk = &blocks.blks[request->blk];

  (void)ret;
  if (request->writes) {
    write_is_over();
  }
  rule_callback(request->blk);
  if (blk->root != NO_NODE && !blk->in_change) {
    leave_work(blk->root);
  }
  context_leave(request->context);
  blocks.pending--;
  blocks.requests--;
}

static const char *word_of(const ds_operation *op)
{
  return op->code == OP_AIO_READ    ? "aio_read"
         : op->code == OP_AIO_WRITE ? "aio_write"
                                    : "aio_flush";
}

/* A read, a write or a flush with a callback. */
bool op_aio_request(unsigned actor, const ds_operation *op)
{
  unsigned index = aio_requests_begun < AIO_REQUESTS ? blk_choose(op->a) : NO_BLK;

  if (index == NO_BLK) {
    return false;
  }
  if (index != op->a) {
    ds_note("%s blk%u", word_of(op), index);
  }
  AioRequest *request = &aio_requests[aio_requests_begun++];
  *request = (AioRequest){.blk = (uint8_t)index, .context = MAIN_CONTEXT};
  if (actor != ACTOR_MAIN_FIRST) {
    request->context = ghost.bottom_halves[actor - ACTOR_BH_FIRST].home;
  }
  BlockBackend *blk = blocks.blks[index].blk;
  context_enter(request->context);
  blocks.pending++;
  request_begins();
  if (op->code == OP_AIO_READ) {
    blk_aio_preadv(blk, offset_of(op->b), bytes_of(op->b), BDRV_REQ_NONE, aio_request_cb, request);
  } else if (op->code == OP_AIO_FLUSH) {
    blk_aio_flush(blk, aio_request_cb, request);
  } else {
    request->writes = true;
    blocks.writing++;
    blk_aio_pwritev(blk, offset_of(op->b), bytes_of(op->b), BDRV_REQ_SERIALISING, aio_request_cb,
                    request);
  }
  return true;
}
