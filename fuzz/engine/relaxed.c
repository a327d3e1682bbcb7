/* SPDX-License-Identifier: Apache-2.0 */
/* Plain accesses as relaxed atomic ones (relaxed.h). */
#include "relaxed.h"
#include "memory.h"

#include <stdlib.h>
#include <string.h>

#define HIDDEN __attribute__((visibility("hidden")))

/* ------------------------------------------------------------------ which */

static int compare_offsets(const void *a, const void *b)
{
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

void relaxed_prepare(ds_machine *m, const ds_case *c)
{
  const int is_aware = c->relaxed_count || c->checks & DS_CHECK_VOLATILE;

  module_bind(&m->target, is_aware ? BOUND_AWARE : m->model ? BOUND_USUAL : BOUND_BARE);
  if (is_aware && !m->staged) {
    m->staged = enlarge(NULL, &(uint32_t){0}, STAGED_MOST, sizeof *m->staged);
  }
  m->relaxed_volatile = (c->checks & DS_CHECK_VOLATILE) != 0;
  m->relaxed_count = c->relaxed_count;
  if (c->relaxed_count) {
    m->relaxed = enlarge(m->relaxed, &m->relaxed_capacity, c->relaxed_count, sizeof *m->relaxed);
    memcpy(m->relaxed, c->relaxed, c->relaxed_count * sizeof *m->relaxed);
    qsort(m->relaxed, m->relaxed_count, sizeof *m->relaxed, compare_offsets);
  }
}

void relaxed_destroy(ds_machine *m)
{
  free(m->relaxed);
  free(m->staged);
}

static int is_relaxed_place(const ds_machine *m, uintptr_t pc)
{
  const uint64_t offset = module_offset(m, pc);

  return m->relaxed_count && bsearch(&offset, m->relaxed, m->relaxed_count, sizeof *m->relaxed,
                                     compare_offsets) != NULL;
}

/* ------------------------------------------------------------------ pieces */

/* The largest aligned piece at the beginning of [address, address + bytes). */
static uint32_t piece_of(uintptr_t address, size_t bytes)
{
  uint32_t piece = 8;

  while (piece > bytes || address % piece) {
    piece /= 2;
  }
  return piece;
}

static size_t pieces_in(uintptr_t address, size_t bytes)
{
  size_t count = 0;

  while (bytes && count <= STAGED_MOST) {
    const uint32_t piece = piece_of(address, bytes);
    address += piece;
    bytes -= piece;
    count++;
  }
  return count;
}

static uint64_t look(const staged_access *s)
{
  uint64_t value = 0;

  memcpy(&value, (const void *)s->address, s->bytes);
  return value;
}

static void put(const staged_access *s, uint64_t value)
{
  if (look(s) != value) { /* constants are read, too, and cannot be written */
    memcpy((void *)s->address, &value, s->bytes);
  }
}

static atomic_access as_atomic(const staged_access *s)
{
  return (atomic_access){s->address, s->pc, s->bytes, ORDER_RELAXED};
}

/* Bytes and memory order (relaxed) as events have them. */
static uint32_t how(const staged_access *s)
{
  return s->bytes;
}

/* ------------------------------------------------------------------ the end of an access */

/* The instruction has stored `value`, which is out of memory again: now it is an operation. */
static void store_staged(ds_machine *m, const staged_access *s, uint64_t value)
{
  fiber *f = m->current;
  const pending next = f->op; /* this may be called from the thread's next point */

  f->op = (pending){(const void *)s->address, s->pc, DS_EV_STORE, (uint16_t)s->bytes};
  if (m->model) {
    const atomic_access at = as_atomic(s);
    m->model->store(m, &at, value);
  } else {
    put(s, value);
  }
  observe(m, DS_EV_STORE, (const void *)s->address, how(s), s->memory, value);
  f->op = next;
}

/* The last thing that a function did with its own variable: the place is the machine's by now. */
static void forget_left(ds_machine *m)
{
  uint32_t kept = 0;

  for (uint32_t i = 0; i < m->staged_count; i++) {
    if (!stack_has_left(m, m->staged[i].address)) {
      m->staged[kept++] = m->staged[i];
    }
  }
  m->staged_count = kept;
}

/* Memory as everybody shall see it. Stores first: they may lie over what a load was shown. */
static uint32_t unstage(ds_machine *m, staged_access *stores, uint64_t *values)
{
  uint32_t count = 0;

  forget_left(m);

  for (uint32_t i = 0; i < m->staged_count; i++) {
    const staged_access *s = &m->staged[i];
    if (s->write) {
      values[count] = look(s);
      stores[count++] = *s;
      put(s, s->memory);
    }
  }
  for (uint32_t i = 0; i < m->staged_count; i++) {
    const staged_access *s = &m->staged[i];
    if (!s->write && look(s) == s->shown) { /* else somebody else has written there since */
      put(s, s->memory);
    }
  }
  m->staged_count = 0;
  return count;
}

COLD void relaxed_finish(ds_machine *m)
{
  staged_access stores[STAGED_MOST];
  uint64_t values[STAGED_MOST];
  const uint32_t count = unstage(m, stores, values);

  for (uint32_t i = 0; i < count; i++) { /* others may run in between: a store is a piece */
    store_staged(m, &stores[i], values[i]);
  }
}

/* ------------------------------------------------------------------ the beginning of an access */

static void stage(ds_machine *m, const staged_access *s)
{
  m->staged[m->staged_count++] = *s;
  ask_soon(m); /* the next point of this thread ends the access */
}

/* Memory shows a load what it reads. */
static void show(ds_machine *m, staged_access *s)
{
  s->memory = look(s);
  stage(m, s);
  put(s, s->shown);
}

static void begin_loads(ds_machine *m, uintptr_t address, size_t bytes, uintptr_t pc)
{
  staged_access pieces[STAGED_MOST];
  uint32_t count = 0;

  for (size_t left = bytes; left; count++) {
    staged_access *s = &pieces[count];
    *s = (staged_access){.address = address, .pc = pc, .bytes = piece_of(address, left)};
    point(m, DS_EV_LOAD | OF_BYTES(s->bytes), (const void *)address, pc);
    const uint64_t memory = look(s);
    const atomic_access at = as_atomic(s);
    s->shown = m->model ? (uint64_t)m->model->load(m, &at) : memory;
    observe(m, DS_EV_LOAD, (const void *)address, how(s), memory, s->shown);
    address += s->bytes;
    left -= s->bytes;
  }
  for (uint32_t i = 0; i < count; i++) {
    show(m, &pieces[i]);
  }
  m->staged_loads_are_new = 1;
}

static void begin_stores(ds_machine *m, uintptr_t address, size_t bytes, uintptr_t pc)
{
  while (bytes) {
    staged_access s = {.address = address, .pc = pc, .bytes = piece_of(address, bytes), .write = 1};
    s.memory = look(&s);
    stage(m, &s);
    address += s.bytes;
    bytes -= s.bytes;
  }
}

/*
 * An assignment of a struct is one instruction for the compiler: load and store are announced
 * before it. What the loads were shown must still be there when it is carried out, also when
 * others have run at the store's point.
 */
static uint32_t keep_new_loads(ds_machine *m, staged_access *kept)
{
  uint32_t count = 0;

  for (uint32_t i = 0; i < m->staged_count && m->staged_loads_are_new; i++) {
    if (!m->staged[i].write) {
      kept[count++] = m->staged[i];
    }
  }
  m->staged_loads_are_new = 0;
  return count;
}

static void aware_write(ds_machine *m, uintptr_t address, size_t bytes, int relaxed, uintptr_t pc)
{
  staged_access kept[STAGED_MOST];
  const uint32_t count = keep_new_loads(m, kept);
  const size_t pieces = pieces_in(address, bytes);

  finish_staged(m);
  relaxed = relaxed && pieces + count <= STAGED_MOST;
  if (relaxed) {
    for (size_t i = 0; i < pieces; i++) {
      point(m, DS_EV_STORE, (const void *)address, pc);
    }
    begin_stores(m, address, bytes, pc);
  } else if (m->model) {
    access_plain(m, address, bytes, STAMP_WRITE, pc);
  }
  for (uint32_t i = 0; i < count; i++) {
    show(m, &kept[i]);
  }
  m->staged_loads_are_new = 0;
}

static void aware_read(ds_machine *m, uintptr_t address, size_t bytes, int relaxed, uintptr_t pc)
{
  finish_staged(m);
  if (relaxed && pieces_in(address, bytes) <= STAGED_MOST) {
    begin_loads(m, address, bytes, pc);
  } else if (m->model) {
    access_plain(m, address, bytes, 0, pc);
  }
}

static void aware(const void *address, size_t bytes, uint32_t write, int is_volatile, uintptr_t pc)
{
  ds_machine *m = ds_current;

  if (!m) {
    return;
  }
  const int relaxed = (is_volatile && m->relaxed_volatile) || is_relaxed_place(m, pc);
  (write ? aware_write : aware_read)(m, (uintptr_t)address, bytes, relaxed, pc);
}

/* ------------------------------------------------------------------ entry points */

#define AWARE(name, bytes, write, is_volatile)                                                     \
  HIDDEN void aware__tsan_##name(void *address);                                                   \
  HIDDEN void aware__tsan_##name(void *address)                                                    \
  {                                                                                                \
    aware(address, bytes, write, is_volatile, CALLER);                                             \
  }
#define AWARE_BOTH(prefix, bytes, is_volatile)                                                     \
  AWARE(prefix##read##bytes, bytes, 0, is_volatile)                                                \
  AWARE(prefix##write##bytes, bytes, 1, is_volatile)
#define AWARE_WIDE(prefix, is_volatile)                                                            \
  AWARE_BOTH(prefix, 2, is_volatile)                                                               \
  AWARE_BOTH(prefix, 4, is_volatile)                                                               \
  AWARE_BOTH(prefix, 8, is_volatile)                                                               \
  AWARE_BOTH(prefix, 16, is_volatile)

AWARE_BOTH(, 1, 0)
AWARE_WIDE(, 0)
AWARE_BOTH(volatile_, 1, 1)
AWARE_WIDE(volatile_, 1)
AWARE_WIDE(unaligned_, 0)
AWARE_WIDE(unaligned_volatile_, 1)
AWARE(vptr_read, 8, 0, 0)

#define AWARE_RANGE(name, write)                                                                   \
  HIDDEN void aware__tsan_##name(void *address, size_t bytes);                                     \
  HIDDEN void aware__tsan_##name(void *address, size_t bytes)                                      \
  {                                                                                                \
    aware(address, bytes, write, 0, CALLER);                                                       \
  }
AWARE_RANGE(read_range, 0)
AWARE_RANGE(write_range, 1)

HIDDEN void aware__tsan_vptr_update(void **pointer, void *value);
HIDDEN void aware__tsan_vptr_update(void **pointer, void *value)
{
  (void)value;
  aware(pointer, sizeof *pointer, 1, 0, CALLER);
}

#define AWARE_COPY(copy)                                                                           \
  HIDDEN void *aware__tsan_##copy(void *to, const void *from, size_t bytes);                       \
  HIDDEN void *aware__tsan_##copy(void *to, const void *from, size_t bytes)                        \
  {                                                                                                \
    aware(from, bytes, 0, 0, CALLER);                                                              \
    aware(to, bytes, 1, 0, CALLER);                                                                \
    return copy(to, from, bytes);                                                                  \
  }
AWARE_COPY(memcpy)
AWARE_COPY(memmove)

HIDDEN void *aware__tsan_memset(void *to, int byte, size_t bytes);
HIDDEN void *aware__tsan_memset(void *to, int byte, size_t bytes)
{
  aware(to, bytes, 1, 0, CALLER);
  return memset(to, byte, bytes);
}
