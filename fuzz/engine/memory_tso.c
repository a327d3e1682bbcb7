/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Total store order (x86): a layer over sc with clocks. Each thread has a first-in first-out buffer
 * of its own atomic stores; a load sees the newest of them for its bytes, else what has left the
 * buffers. Locked operations, seq_cst stores and fences, and everything that may block empty the
 * buffer first.
 *
 * When a store leaves the buffer is a choice: at once (the quiet default), or before any later
 * atomic operation of its thread, as a step of its own that others may come before. That is
 * complete, since between two of its own operations a thread can be left anyway.
 *
 * Memory itself is what it will be when all buffers are empty: a driver's rules read it as it
 * stands, and so do copies and the machine's hashes. What has left the buffers (the settled value)
 * is kept beside it, for bytes with a store in a buffer only, and is put in place for the model
 * below while that carries out an operation.
 *
 * A buffered release store releases what its thread knows when it leaves the buffer, which may be
 * more than when it was made: a race may be missed because of that, none is invented. Plain stores
 * are not buffered: a program without data races cannot tell. One to bytes that its thread has in
 * the buffer empties that first, as of an atomic object that is initialised again. Nor are stores
 * to variables of the thread's own functions: it returns from these unseen, and the place is
 * another variable's then, which nobody announces.
 */
#include "memory.h"

#include <stdlib.h>
#include <string.h>

enum { WORD_BYTES = 16 }; /* no aligned atomic object is larger */

typedef struct buffered_store {
  atomic_access access;
  wide_value value;
  uint32_t thread;
} buffered_store;

typedef struct covered_word { /* memory with stores in a buffer */
  uintptr_t address;
  uint32_t mask; /* which bytes */
  uint8_t settled[WORD_BYTES];
} covered_word;

struct store_buffers { /* of all threads: stores in the order in which they were made */
  uint32_t count, word_count;
  uint32_t of_thread[DS_THREAD_MAX];
  buffered_store entries[DS_THREAD_MAX * BUFFER_ENTRIES];
  covered_word words[DS_THREAD_MAX * BUFFER_ENTRIES];
};

static const memory_model *base(const ds_machine *m)
{
  return m->base_model;
}

static uint32_t own_count(const ds_machine *m)
{
  return m->buffers->of_thread[m->current->id];
}

static int overlaps(const atomic_access *a, uintptr_t address, size_t bytes)
{
  return a->address < address + bytes && address < a->address + a->bytes;
}

/* ------------------------------------------------------------------ memory and what has settled */

static uint8_t *memory_of(const covered_word *w)
{
  return (uint8_t *)w->address;
}

static covered_word *word_at(store_buffers *b, uintptr_t address)
{
  for (uint32_t i = 0; i < b->word_count; i++) {
    if (b->words[i].address == address) {
      return &b->words[i];
    }
  }
  b->words[b->word_count] = (covered_word){.address = address};
  return &b->words[b->word_count++];
}

static void swap_covered(covered_word *w)
{
  for (uint32_t i = 0; i < WORD_BYTES; i++) {
    if (w->mask >> i & 1) {
      const uint8_t byte = memory_of(w)[i];
      memory_of(w)[i] = w->settled[i];
      w->settled[i] = byte;
    }
  }
}

/* A store that is in a buffer from now on: memory shows it. */
static void cover(covered_word *w, const buffered_store *s)
{
  const uintptr_t first = s->access.address - w->address;

  for (uintptr_t i = first; i < first + s->access.bytes; i++) {
    if (!(w->mask >> i & 1)) {
      w->settled[i] = memory_of(w)[i];
    }
    w->mask |= 1u << i;
  }
  memcpy((void *)s->access.address, &s->value, s->access.bytes);
}

/* Memory shows what has settled, for the model below. */
static void uncover(ds_machine *m, const atomic_access *at)
{
  store_buffers *b = m->buffers;

  for (uint32_t i = 0; i < b->word_count; i++) {
    if (overlaps(at, b->words[i].address, WORD_BYTES)) {
      swap_covered(&b->words[i]);
    }
  }
}

/* Memory shows what is in the buffers now, over what has settled meanwhile. */
static void recover(ds_machine *m, const atomic_access *at)
{
  store_buffers *b = m->buffers;

  for (uint32_t i = b->word_count; i--;) {
    covered_word *w = &b->words[i];
    if (!overlaps(at, w->address, WORD_BYTES)) {
      continue;
    }
    w->mask = 0;
    for (uint32_t k = 0; k < b->count; k++) {
      if (overlaps(&b->entries[k].access, w->address, WORD_BYTES)) {
        cover(w, &b->entries[k]);
      }
    }
    if (!w->mask) {
      *w = b->words[--b->word_count];
    }
  }
}

void tso_settled(const ds_machine *m, const void *at, size_t bytes, void *value)
{
  const store_buffers *b = m->buffers;

  memcpy(value, at, bytes);
  for (uint32_t i = 0; i < b->word_count; i++) {
    for (size_t k = 0; k < bytes; k++) {
      const uintptr_t byte = (uintptr_t)at + k - b->words[i].address;
      if (byte < WORD_BYTES && b->words[i].mask >> byte & 1) {
        ((uint8_t *)value)[k] = b->words[i].settled[byte];
      }
    }
  }
}

int tso_holds_back(const ds_machine *m)
{
  return m->model == &memory_tso && m->buffers->count;
}

/* ------------------------------------------------------------------ the buffers */

static void base_store(ds_machine *m, const atomic_access *at, wide_value value)
{
  uncover(m, at);
  base(m)->store(m, at, value);
  recover(m, at);
}

/* The current thread's oldest store: it has one. */
static buffered_store *oldest_of_ours(const ds_machine *m)
{
  buffered_store *s = m->buffers->entries;

  while (s->thread != m->current->id) {
    s++;
  }
  return s;
}

/* The oldest store becomes visible to everybody. */
static void flush_one(ds_machine *m)
{
  store_buffers *b = m->buffers;
  buffered_store *at = oldest_of_ours(m);
  const buffered_store oldest = *at;

  b->count--;
  b->of_thread[oldest.thread]--;
  memmove(at, at + 1, (size_t)(b->entries + b->count - at) * sizeof *at);
  base_store(m, &oldest.access, oldest.value);
}

static void drain(ds_machine *m)
{
  while (own_count(m)) {
    flush_one(m);
  }
}

/* The current thread's newest store to some of these bytes, or NULL. */
static const buffered_store *newest_over(const ds_machine *m, uintptr_t address, size_t bytes)
{
  const store_buffers *b = m->buffers;

  for (uint32_t i = own_count(m) ? b->count : 0; i--;) {
    const buffered_store *s = &b->entries[i];
    if (s->thread == m->current->id && overlaps(&s->access, address, bytes)) {
      return s;
    }
  }
  return NULL;
}

static void tso_settle(ds_machine *m, int in_steps)
{
  while (own_count(m)) {
    if (in_steps) {
      const atomic_access *a = &oldest_of_ours(m)->access;
      point(m, DS_EV_STORE, (const void *)a->address, a->pc);
    }
    flush_one(m);
  }
}

/* Before a thread's own atomic operation: how many of its stores leave the buffer now? */
static void flush_some(ds_machine *m, uintptr_t pc)
{
  while (own_count(m) && choose(m, DS_KIND_FLUSH, 2) == 0) {
    point(m, DS_EV_STORE, (const void *)oldest_of_ours(m)->access.address, pc);
    flush_one(m);
  }
}

/* ------------------------------------------------------------------ operations */

static wide_value tso_load(ds_machine *m, const atomic_access *at)
{
  const atomic_access a = *at;

  flush_some(m, a.pc);
  const buffered_store *s = newest_over(m, a.address, a.bytes);
  if (s && s->access.address == a.address && s->access.bytes == a.bytes) {
    return s->value; /* forwarded from our own buffer: synchronises with nobody */
  }
  if (s) {
    drain(m); /* of another size: no forwarding */
  }
  uncover(m, &a);
  const wide_value value = base(m)->load(m, &a);
  recover(m, &a);
  return value;
}

/* From now on plain accesses to the object are asked about. */
static void locate_in_base(ds_machine *m, const atomic_access *at)
{
  uncover(m, at);
  base(m)->locate(m, at);
  recover(m, at);
}

static int is_in_one_word(const atomic_access *a)
{
  return a->address / WORD_BYTES == (a->address + a->bytes - 1) / WORD_BYTES;
}

/* Is this on a stack from which the current thread may return while the store is in the buffer? Any
 * task's may be one of them. */
static int may_be_left(const ds_machine *m, uintptr_t address)
{
  const uintptr_t own = (uintptr_t)m->region + (uintptr_t)m->current->id * STACK_BYTES;
  return address - own < STACK_BYTES || slot_of(m, address) != NOBODY;
}

static int can_wait(const ds_machine *m, const atomic_access *a)
{
  return a->order != ORDER_SEQ_CST && is_in_one_word(a) && !may_be_left(m, a->address);
}

static void tso_store(ds_machine *m, const atomic_access *at, wide_value value)
{
  const atomic_access a = *at;
  store_buffers *b = m->buffers;

  flush_some(m, a.pc);
  if (!can_wait(m, &a) || !choose(m, DS_KIND_FLUSH, 2)) {
    drain(m);
    base_store(m, &a, value);
    return;
  }
  if (own_count(m) == BUFFER_ENTRIES) {
    m->result->bounds |= DS_BOUND_BUFFER;
    flush_one(m);
  }
  locate_in_base(m, &a);
  b->of_thread[m->current->id]++;
  b->entries[b->count] = (buffered_store){a, value, m->current->id};
  cover(word_at(b, a.address & ~(uintptr_t)(WORD_BYTES - 1)), &b->entries[b->count++]);
}

static wide_value tso_rmw(ds_machine *m, const atomic_access *at, rmw_operation operation,
                          wide_value operand)
{
  drain(m);
  uncover(m, at);
  const wide_value old = base(m)->rmw(m, at, operation, operand);
  recover(m, at);
  return old;
}

static int tso_cas(ds_machine *m, const atomic_access *at, int failure_order, int weak,
                   wide_value *expected, wide_value desired)
{
  drain(m);
  uncover(m, at);
  const int done = base(m)->cas(m, at, failure_order, weak, expected, desired);
  recover(m, at);
  return done;
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
  if (!m->buffers && !(m->buffers = calloc(1, sizeof *m->buffers))) {
    abort(); /* outside of a run there is nowhere to go */
  }
  m->buffers->count = m->buffers->word_count = 0;
  memset(m->buffers->of_thread, 0, sizeof m->buffers->of_thread);
  base(m)->begin(m);
}

static void tso_destroy(ds_machine *m)
{
  free(m->buffers);
  m->buffers = NULL;
}

static void tso_spawn(ds_machine *m, const fiber *parent, fiber *child)
{
  if (parent) {
    drain(m);
  }
  base(m)->spawn(m, parent, child);
}

static void tso_join(ds_machine *m, const fiber *ended)
{
  base(m)->join(m, ended);
}

static void tso_plain(ds_machine *m, access_cell *c, uintptr_t address, uint32_t mask,
                      uint32_t write, uintptr_t pc)
{
  const uintptr_t first = (address & ~(uintptr_t)7) + (uintptr_t)__builtin_ctz(mask);

  if (write && newest_over(m, first, (size_t)__builtin_popcount(mask))) {
    drain(m); /* or the older store would come later */
  }
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
