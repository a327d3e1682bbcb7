/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be seen of a run: two hashes, events, and counters for coverage-guided fuzzers. None of
 * it exists unless a flag asks for it.
 *
 * trace_hash is of every visible operation in the order of the run. class_hash is of the order per
 * object only: each operation contributes mix(thread, its own number, object, the object's
 * version), and the sum does not depend on how independent operations interleave.
 */
#include "liveness.h"
#include "machine.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
  SPACE_SHIFT = DS_PLACE_SHIFT, /* canonical name: space << 40 | offset */
  SPACE_REGION = 1,
  SPACE_MODULE = DS_PLACE_MODULE,
  SPACE_DESCRIPTOR = 4,
  SPACE_THREAD = 5,
  COUNTERS = 16 << 10,
  EVENTS_MOST = 1 << 20,
  CLASSES_MOST = 1 << 24,
};

#define CLASS_REPEATED (1ull << 63) /* flag in an entry: this class was seen more than once */

static uint64_t in_space(uint64_t space, uint64_t offset)
{
  return space << SPACE_SHIFT | offset;
}

uint64_t canonical(const ds_machine *m, uint64_t address)
{
  if (address - (uintptr_t)m->region < REGION_BYTES) {
    return in_space(SPACE_REGION, address - (uintptr_t)m->region);
  }
  if (address - m->target.whole.base < m->target.whole.bytes) {
    return in_space(SPACE_MODULE, address - m->target.base);
  }
  return address;
}

uint64_t canonical_object(const ds_machine *m, const void *object)
{
  const uintptr_t address = (uintptr_t)object;

  if (LIKELY(address >= NUMBERED)) {
    return canonical(m, address);
  }
  if (address >= (uintptr_t)THREAD_OBJECT(0)) {
    return in_space(SPACE_THREAD, address - (uintptr_t)THREAD_OBJECT(0));
  }
  if (address >= (uintptr_t)DESCRIPTOR_OBJECT(0)) {
    return in_space(SPACE_DESCRIPTOR, address - (uintptr_t)DESCRIPTOR_OBJECT(0));
  }
  return canonical(m, address);
}

static uint64_t mix(uint64_t x)
{
  x ^= x >> 32;
  x *= 0xd6e8feb86659fd93u;
  x ^= x >> 32;
  x *= 0xd6e8feb86659fd93u;
  return x ^ x >> 32;
}

/* ------------------------------------------------------------------ order per object */

static shadow_cell *shadow_of(ds_machine *m, uintptr_t address)
{
  const uintptr_t at = address - (uintptr_t)m->region;

  if (at < REGION_BYTES) {
    return &m->shadow[at >> SHADOW_SHIFT];
  }
  for (uint32_t i = 0; i < m->target.data_count; i++) {
    const data_range *d = &m->target.data[i];
    if (address - d->at.base < d->at.bytes) {
      return &d->shadow[(address - d->at.base) >> SHADOW_SHIFT];
    }
  }
  return &m->numbered[address < NUMBERED ? address : 0];
}

static inline uint32_t writes(uint32_t kind)
{
  enum { READS = 1 << DS_EV_LOAD | 1 << DS_EV_CAS_FAILED | 1 << DS_EV_FENCE | 1 << DS_EV_FAULT };
  _Static_assert((int)DS_EVENTS <= 32, "one bit each");
  return (~(uint32_t)READS >> kind) & 1;
}

/* ------------------------------------------------------------------ counters for libFuzzer */

static uint8_t *counters; /* shared by all machines of the process: presence only */

static void count_pair(uint32_t site, uint32_t writer_site, uint32_t kind)
{
  if (counters) {
    const uint64_t h = mix((uint64_t)site << 32 | (uint64_t)writer_site << 3 | (kind & 7));
    counters[h % COUNTERS] = 1;
  }
}

int ds_attach_counters(const char *core_path, char *error, size_t error_size)
{
  typedef void (*init_fn)(uint8_t *, uint8_t *);
  typedef void (*table_fn)(const uintptr_t *, const uintptr_t *);
  void *core = dlopen(core_path, RTLD_NOW | RTLD_NOLOAD);
  init_fn init_counters;
  table_fn init_table;

  if (counters) {
    return 0;
  }
  if (!core) {
    snprintf(error, error_size, "%s is not loaded", core_path);
    return -1;
  }
  *(void **)&init_counters = dlsym(core, "__sanitizer_cov_8bit_counters_init");
  *(void **)&init_table = dlsym(core, "__sanitizer_cov_pcs_init");
  uint8_t *c = mmap(NULL, COUNTERS, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  uintptr_t *pcs = calloc(COUNTERS * 2, sizeof *pcs);
  if (!init_counters || !init_table || c == MAP_FAILED || !pcs) {
    snprintf(error, error_size, "%s has no libFuzzer counters", core_path);
    free(pcs);
    return -1;
  }
  for (uintptr_t i = 0; i < COUNTERS; i++) {
    pcs[2 * i] = 0x10000 + i; /* invented, unique; the flag word 0 says: no function entry */
  }
  init_counters(c, c + COUNTERS);
  init_table(pcs, pcs + (size_t)2 * COUNTERS);
  counters = c;
  return 0;
}

/* ------------------------------------------------------------------ classes seen */

static uint32_t class_slot(const uint64_t *table, uint32_t capacity, uint64_t hash)
{
  uint32_t at = (uint32_t)(hash & (capacity - 1));

  while (table[at] && (table[at] & ~CLASS_REPEATED) != hash) {
    at = (at + 1) & (capacity - 1);
  }
  return at;
}

static int classes_grow(ds_machine *m)
{
  const uint32_t capacity = m->class_capacity ? m->class_capacity * 4 : 1 << 16;
  uint64_t *table = capacity <= CLASSES_MOST ? calloc(capacity, sizeof *table) : NULL;

  if (!table) {
    return 0;
  }
  for (uint32_t i = 0; i < m->class_capacity; i++) {
    if (m->classes[i]) {
      table[class_slot(table, capacity, m->classes[i] & ~CLASS_REPEATED)] = m->classes[i];
    }
  }
  free(m->classes);
  m->classes = table;
  m->class_capacity = capacity;
  return 1;
}

uint32_t class_seen(ds_machine *m, uint64_t hash)
{
  hash = hash & ~CLASS_REPEATED ? hash & ~CLASS_REPEATED : 1;
  if (2 * m->class_count >= m->class_capacity && !classes_grow(m)) {
    return 0; /* full: from here on the count is a lower bound */
  }
  const uint32_t at = class_slot(m->classes, m->class_capacity, hash);
  if (m->classes[at]) {
    const uint32_t second = !(m->classes[at] & CLASS_REPEATED);
    m->classes[at] |= CLASS_REPEATED;
    return second ? 2 : 0;
  }
  m->classes[at] = hash;
  m->class_count++;
  return 1;
}

/* ------------------------------------------------------------------ events */

uint32_t text_add(ds_machine *m, const char *text)
{
  const uint32_t bytes = (uint32_t)strlen(text) + 1;

  while (m->text_bytes + bytes > m->text_capacity) {
    m->text = grow(m, m->text, &m->text_capacity, 1u << 26, 1, "characters of notes");
  }
  if (m->text_bytes == 0) {
    m->text[m->text_bytes++] = 0; /* offset 0 is the empty text */
    return text_add(m, text);
  }
  memcpy(m->text + m->text_bytes, text, bytes);
  m->text_bytes += bytes;
  return m->text_bytes - bytes;
}

ds_event *event_add(ds_machine *m, uint32_t kind)
{
  const fiber *f = m->current;

  if (m->event_count == m->event_capacity) {
    m->events = grow(m, m->events, &m->event_capacity, EVENTS_MOST, sizeof *m->events, "events");
  }
  const uint32_t passed = (uint32_t)(m->fuel_start - m->fuel);
  const uint32_t position = f->position + passed;
  ds_event *e = &m->events[m->event_count++];
  *e = (ds_event){.step = (uint32_t)m->steps + passed,
                  .position = position ? position - 1 : 0, /* of the point before it */
                  .thread = f->id,
                  .task = (uint16_t)current_task(m),
                  .actor = f->actor,
                  .kind = (uint8_t)kind};
  return e;
}

void observe_reset(ds_machine *m)
{
  m->event_count = m->name_count = m->text_bytes = 0;
  m->trace_hash = m->class_hash = 0;
  m->observing = m->flags & (DS_FLAG_HASH | DS_FLAG_TRACE | DS_FLAG_FEEDBACK);
}

static void hash_operation(ds_machine *m, uint32_t kind, uint64_t object, uint32_t version,
                           uint64_t value)
{
  fiber *f = m->current;

  m->trace_hash = mix(m->trace_hash ^ (object * 32 + kind)) + value * 0x9e3779b97f4a7c15u + f->id;
  m->class_hash += mix((uint64_t)f->id << 52 ^ (uint64_t)f->hash_ops++ << 32 ^ object * 0x10001u ^
                       (uint64_t)version << 8 ^ kind);
}

/* Something at which threads can meet, unlike a thread's start and end, a fence or a yield. */
static int is_shareable(const void *object)
{
  const uintptr_t address = (uintptr_t)object;
  return address >= NUMBERED || (address && address < (uintptr_t)THREAD_OBJECT(0));
}

/* Not cold: every run of a campaign is hashed, and nothing else is wanted of it. */
__attribute__((noinline)) void observe_slow(ds_machine *m, uint32_t kind, const void *object,
                                            uint32_t size_order, uint64_t old, uint64_t value)
{
  if (UNLIKELY(m->observing & OBSERVING_TAIL)) {
    tail_observe(m, kind, old, value);
  }
  const uint64_t name = canonical_object(m, object);
  const uint64_t what = canonical(m, value);
  shadow_cell *cell = shadow_of(m, (uintptr_t)object);
  const uint32_t id = m->current->id, does_write = writes(kind);
  uint32_t site = 0; /* only feedback and events ask for it */

  if (cell->run != m->run_number) {
    *cell = (shadow_cell){.run = m->run_number, .thread = (uint16_t)id};
  }
  cell->version += does_write;
  if (LIKELY(m->observing & DS_FLAG_HASH)) {
    hash_operation(m, kind, name, cell->version, what);
  }
  if (UNLIKELY(m->observing & (DS_FLAG_FEEDBACK | DS_FLAG_TRACE))) {
    site = (uint32_t)module_offset(m, m->current->op.pc);
  }
  if (cell->thread != id && is_shareable(object)) {
    m->result->shared = 1;
  }
  if (UNLIKELY(m->observing & DS_FLAG_FEEDBACK) && cell->thread != id) {
    count_pair(site, cell->site, kind);
  }
  if (does_write) {
    cell->site = site;
    cell->thread = (uint16_t)id;
  }
  if (UNLIKELY(m->observing & DS_FLAG_TRACE)) {
    ds_event *e = event_add(m, kind);
    e->object = name;
    e->old = canonical(m, old);
    e->value = what;
    e->pc = site;
    e->size = (uint8_t)(size_order & 0xff);
    e->order = (uint8_t)(size_order >> 8);
  }
}

/* ------------------------------------------------------------------ names of objects */

const char *ds_object_name(ds_machine *m, uint64_t object)
{
  const uint64_t space = object >> SPACE_SHIFT, offset = object & ((1ull << SPACE_SHIFT) - 1);
  const uint64_t heap = STACK_REGION + SLOT_REGION;

  for (uint32_t i = m->name_count; i--;) {
    const named_object *n = &m->names[i];
    if (object - n->object < n->bytes) {
      return n->name;
    }
  }
  char *out = m->name_buffer;
  const size_t bytes = sizeof m->name_buffer;
  if (space == SPACE_DESCRIPTOR) {
    snprintf(out, bytes, "fd%lu", (unsigned long)offset - DESCRIPTOR_FIRST);
  } else if (space == SPACE_THREAD) {
    snprintf(out, bytes, "T%lu", (unsigned long)offset);
  } else if (space == SPACE_MODULE) {
    snprintf(out, bytes, "data+0x%lx", (unsigned long)offset);
  } else if (space == SPACE_REGION && offset >= heap) {
    snprintf(out, bytes, "heap+0x%lx", (unsigned long)(offset - heap));
  } else if (space == SPACE_REGION) {
    snprintf(out, bytes, "stack+0x%lx", (unsigned long)offset);
  } else {
    snprintf(out, bytes, "%s", object ? "?" : "");
  }
  return out;
}
