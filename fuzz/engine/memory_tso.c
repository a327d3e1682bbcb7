/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Total store order (x86): a layer over sc with clocks. Each thread has a first-in first-out buffer
 * of its own atomic stores; a load sees the newest of them for its bytes, else memory. Locked
 * operations, seq_cst stores and fences, and everything that may block empty the buffer first.
 *
 * When a store leaves the buffer is a choice: at once (the quiet default), or before any later
 * atomic operation of its thread, as a step of its own that others may come before. That is
 * complete, since between two of its own operations a thread can be left anyway.
 *
 * A buffered release store releases what its thread knows when it leaves the buffer, which may be
 * more than when it was made: a race may be missed because of that, none is invented. Plain stores
 * are not buffered: a program without data races cannot tell.
 */
#include "memory.h"

#include <string.h>

static const memory_model *base(const ds_machine *m)
{
  return m->base_model;
}

static store_buffer *buffer_of(ds_machine *m)
{
  return &m->buffers[m->current->id];
}

/* The oldest store becomes visible to everybody. */
static void flush_one(ds_machine *m)
{
  store_buffer *b = buffer_of(m);
  const buffered_store oldest = b->entries[0];

  b->count--;
  memmove(b->entries, b->entries + 1, b->count * sizeof *b->entries);
  base(m)->store(m, &oldest.access, oldest.value);
}

static void drain(ds_machine *m)
{
  while (buffer_of(m)->count) {
    flush_one(m);
  }
}

static void tso_settle(ds_machine *m, int in_steps)
{
  store_buffer *b = buffer_of(m);

  while (b->count) {
    if (in_steps) {
      point(m, DS_EV_STORE, (const void *)b->entries[0].access.address, b->entries[0].access.pc);
    }
    flush_one(m);
  }
}

/* Before a thread's own atomic operation: how many of its stores leave the buffer now? */
static void flush_some(ds_machine *m, uintptr_t pc)
{
  store_buffer *b = buffer_of(m);

  while (b->count && choose(m, DS_KIND_FLUSH, 2) == 0) {
    point(m, DS_EV_STORE, (const void *)b->entries[0].access.address, pc);
    flush_one(m);
  }
}

static int overlaps(const atomic_access *a, const atomic_access *b)
{
  return a->address < b->address + b->bytes && b->address < a->address + a->bytes;
}

static wide_value tso_load(ds_machine *m, const atomic_access *at)
{
  const atomic_access a = *at;
  store_buffer *b = buffer_of(m);

  flush_some(m, a.pc);
  for (uint32_t i = b->count; i--;) {
    const buffered_store *s = &b->entries[i];
    if (!overlaps(&s->access, &a)) {
      continue;
    }
    if (s->access.address == a.address && s->access.bytes == a.bytes) {
      return s->value; /* forwarded from our own buffer: synchronises with nobody */
    }
    drain(m); /* of another size: no forwarding */
  }
  return base(m)->load(m, &a);
}

static void tso_store(ds_machine *m, const atomic_access *at, wide_value value)
{
  const atomic_access a = *at;
  store_buffer *b = buffer_of(m);

  flush_some(m, a.pc);
  const int later = a.order != ORDER_SEQ_CST && choose(m, DS_KIND_FLUSH, 2);
  if (!later) {
    drain(m);
    base(m)->store(m, &a, value);
    return;
  }
  if (b->count == BUFFER_ENTRIES) {
    m->result->bounds |= DS_BOUND_BUFFER;
    flush_one(m);
  }
  b->entries[b->count++] = (buffered_store){a, value};
}

static wide_value tso_rmw(ds_machine *m, const atomic_access *at, rmw_operation operation,
                          wide_value operand)
{
  drain(m);
  return base(m)->rmw(m, at, operation, operand);
}

static int tso_cas(ds_machine *m, const atomic_access *at, int failure_order, int weak,
                   wide_value *expected, wide_value desired)
{
  drain(m);
  return base(m)->cas(m, at, failure_order, weak, expected, desired);
}

static void tso_fence(ds_machine *m, int order)
{
  if (order == ORDER_SEQ_CST) { /* the other fences cost x86 nothing and order nothing more */
    drain(m);
  }
  base(m)->fence(m, order);
}

static void tso_release(ds_machine *m, uint16_t *clock)
{
  drain(m);
  base(m)->release(m, clock);
}

static void tso_acquire(ds_machine *m, uint16_t clock)
{
  base(m)->acquire(m, clock);
}

static void tso_begin(ds_machine *m)
{
  for (uint32_t i = 0; i < DS_THREAD_MAX && m->buffers[i].used_in; i++) {
    m->buffers[i].count = m->buffers[i].used_in = 0;
  }
  base(m)->begin(m);
}

static void tso_destroy(ds_machine *m)
{
  (void)m;
}

static void tso_spawn(ds_machine *m, const fiber *parent, fiber *child)
{
  if (parent) {
    drain(m);
  }
  m->buffers[child->id].used_in = 1;
  base(m)->spawn(m, parent, child);
}

static void tso_join(ds_machine *m, fiber *self, const fiber *ended)
{
  base(m)->join(m, self, ended);
}

static void tso_plain(ds_machine *m, access_cell *c, uintptr_t address, uint32_t mask,
                      uint32_t write, uintptr_t pc)
{
  base(m)->plain(m, c, address, mask, write, pc);
}

const memory_model memory_tso = {.begin = tso_begin,
                                 .destroy = tso_destroy,
                                 .spawn = tso_spawn,
                                 .join = tso_join,
                                 .load = tso_load,
                                 .store = tso_store,
                                 .rmw = tso_rmw,
                                 .cas = tso_cas,
                                 .fence = tso_fence,
                                 .release = tso_release,
                                 .acquire = tso_acquire,
                                 .settle = tso_settle,
                                 .plain = tso_plain};
