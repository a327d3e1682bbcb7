/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that must not overlap. Each one is in its node's list; a serialising one keeps all that
 * overlap it out, those that were there first are waited for. A mutex per node is taken twice per
 * request, three times when somebody serialises.
 */
#include "block/block_io.h"

#include "aio/code_category.h"

static void wait_for_conflicts_locked(BdrvTrackedRequest *self);
static BdrvTrackedRequest *find_conflict_locked(BdrvTrackedRequest *self);

void coroutine_fn tracked_request_begin(BdrvTrackedRequest *req, BlockDriverState *bs,
                                        int64_t offset, int64_t bytes, BdrvTrackedRequestType type)
{
  IO_CODE();
  *req = (BdrvTrackedRequest){
      .bs = bs,
      .type = type,
      .offset = offset,
      .bytes = bytes,
      .co = qemu_coroutine_self(),
      .overlap_offset = offset,
      .overlap_bytes = bytes,
  };
  qemu_mutex_lock(&bs->reqs_lock);
  req->next = bs->tracked_requests;
  bs->tracked_requests = req;
  qemu_mutex_unlock(&bs->reqs_lock);
}

void coroutine_fn tracked_request_end(BdrvTrackedRequest *req)
{
  IO_CODE();
  BlockDriverState *bs = req->bs;

  qemu_mutex_lock(&bs->reqs_lock);
  if (req->serialising) {
    /* Relaxed: written under the mutex; see bdrv_wait_serialising_requests(). */
    atomic_fetch_sub_explicit(&bs->serialising_in_flight, 1, memory_order_relaxed);
  }
  BdrvTrackedRequest **link = &bs->tracked_requests;
  while (*link != req) {
    link = &(*link)->next;
  }
  *link = req->next;
  bs->write_gen += req->type == BDRV_TRACKED_WRITE; /* whatever has become of it */
  qemu_mutex_unlock(&bs->reqs_lock);

  /* Without the mutex: nobody finds us any more, so nobody else queues up. */
  qemu_co_queue_restart_all(&req->wait_queue);
}

static int64_t align_down(int64_t value)
{
  return value - value % BDRV_SERIALISING_ALIGN;
}

void coroutine_fn bdrv_make_request_serialising(BdrvTrackedRequest *req)
{
  IO_CODE();
  BlockDriverState *bs = req->bs;
  int64_t start = align_down(req->offset);
  int64_t end = align_down(req->offset + req->bytes + BDRV_SERIALISING_ALIGN - 1);

  qemu_mutex_lock(&bs->reqs_lock);
  assert(!req->serialising);
  req->serialising = true;
  req->overlap_offset = start;
  req->overlap_bytes = end - start;
  /* Relaxed: as in tracked_request_end(). */
  atomic_fetch_add_explicit(&bs->serialising_in_flight, 1, memory_order_relaxed);
  wait_for_conflicts_locked(req);
  qemu_mutex_unlock(&bs->reqs_lock);
}

void coroutine_fn bdrv_wait_serialising_requests(BdrvTrackedRequest *req)
{
  IO_CODE();
  BlockDriverState *bs = req->bs;

  /* Relaxed: who serialised before we entered the list did so under the mutex that we have held
   * since. Who does later finds us in the list, and waits. */
  if (!atomic_load_explicit(&bs->serialising_in_flight, memory_order_relaxed)) {
    return;
  }
  qemu_mutex_lock(&bs->reqs_lock);
  wait_for_conflicts_locked(req);
  qemu_mutex_unlock(&bs->reqs_lock);
}

static void wait_for_conflicts_locked(BdrvTrackedRequest *self)
{
  BdrvTrackedRequest *other;

  while ((other = find_conflict_locked(self))) {
    self->waiting_for = other;
    qemu_co_queue_wait(&other->wait_queue, &self->bs->reqs_lock);
    self->waiting_for = NULL;
  }
}

static BdrvTrackedRequest *find_conflict_locked(BdrvTrackedRequest *self)
{
  for (BdrvTrackedRequest *other = self->bs->tracked_requests; other; other = other->next) {
    if (other == self || (!self->serialising && !other->serialising)) {
      continue;
    }
    if (self->overlap_offset >= other->overlap_offset + other->overlap_bytes ||
        other->overlap_offset >= self->overlap_offset + self->overlap_bytes) {
      continue;
    }
    assert(other->co != self->co); /* it would wait for itself */
    /* Who waits already has looked after us, and will look again; two that wait for each other
     * would do so for ever. */
    if (!other->waiting_for) {
      return other;
    }
  }
  return NULL;
}
