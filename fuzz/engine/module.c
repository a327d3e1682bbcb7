/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's private copy of a target: a shared object whose stub is bound to this engine and
 * whose writable data is put back before every run. A second machine needs a second file, because
 * dlopen() shares the data of one file.
 */
#include "access.h"
#include "stacks.h"
#include "symbols.h"

#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { TLS_MOST = 16 << 10 };

static const symbol *symbol_for(const char *name)
{
  for (const symbol *s = ds_symbols; s->name; s++) {
    if (!strcmp(s->name, name)) {
      return s;
    }
  }
  return NULL;
}

static int bind_stub(module *t, range *slots, char *error, size_t error_size)
{
  const char *const *names = dlsym(t->handle, "ds_stub_names");
  void **slot = dlsym(t->handle, "ds_stub_slots");
  const uint64_t *count = dlsym(t->handle, "ds_stub_count");
  const uint64_t *stack = dlsym(t->handle, "ds_stub_stack");

  if (!names || !slot || !count || !stack) {
    snprintf(error, error_size, "no stub: not built as a Drainstorm target");
    return -1;
  }
  for (uint32_t which = 0; which < BINDINGS; which++) {
    t->bindings[which] = calloc(*count, sizeof *slot);
  }
  for (uint64_t i = 0; i < *count; i++) {
    const symbol *found = symbol_for(names[i]);
    if (!found) {
      snprintf(error, error_size, "stub names %s, which this engine does not have", names[i]);
      return -1;
    }
    t->bindings[BOUND_USUAL][i] = found->function;
    t->bindings[BOUND_AWARE][i] = found->aware ? found->aware : found->function;
    t->bindings[BOUND_BARE][i] = found->bare ? found->bare : found->function;
  }
  *slots = (range){(uintptr_t)slot, *count * sizeof *slot};
  t->stack_bytes = (uint32_t)*stack;
  t->slots = slot;
  t->slot_count = *count;
  t->bound = BINDINGS; /* to the stub's own */
  module_bind(t, BOUND_BARE);
  return 0;
}

static size_t shadow_bytes(const data_range *d)
{
  return ((d->at.bytes >> SHADOW_SHIFT) + 2) * sizeof *d->shadow;
}

/* Keep [from, to) to restore it before every run. */
static void keep_range(module *t, uintptr_t from, uintptr_t to)
{
  if (from >= to || t->data_count == DATA_RANGES) {
    return;
  }
  data_range *d = &t->data[t->data_count++];
  d->at = (range){from, to - from};
  d->image = malloc(d->at.bytes);
  memcpy(d->image, (void *)from, d->at.bytes);
  d->shadow = calloc(1, shadow_bytes(d));
}

typedef struct segments {
  module *t;
  range slots, relro;
  range writable[DATA_RANGES];
  int count, found;
} segments;

static void note_segment(segments *s, const struct dl_phdr_info *info, const ElfW(Phdr) * p)
{
  module *t = s->t;
  const uintptr_t at = info->dlpi_addr + p->p_vaddr;

  if (p->p_type == PT_LOAD) {
    const uintptr_t end = at + p->p_memsz;
    t->whole.bytes = end - t->whole.base;
    if (p->p_flags & PF_X) {
      t->text = (range){at, p->p_memsz};
    }
    if ((p->p_flags & PF_W) && s->count < DATA_RANGES) {
      s->writable[s->count++] = (range){at, p->p_memsz};
    }
  } else if (p->p_type == PT_GNU_RELRO) {
    s->relro = (range){at, ((at + p->p_memsz) & ~(uintptr_t)(PAGE_BYTES - 1)) - at};
  } else if (p->p_type == PT_TLS) {
    t->tls_image = (const uint8_t *)at;
    t->tls_file_bytes = p->p_filesz;
    t->tls_bytes = p->p_memsz;
    t->tls_align = p->p_align ? p->p_align : 1;
    t->tls_module_id = info->dlpi_tls_modid;
  }
}

static int visit_object(struct dl_phdr_info *info, size_t size, void *argument)
{
  segments *s = argument;

  (void)size;
  if (info->dlpi_addr != s->t->base) {
    return 0;
  }
  s->found = 1;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    note_segment(s, info, &info->dlpi_phdr[i]);
  }
  return 1;
}

static size_t cells_bytes(const module *t)
{
  return ((t->writable.bytes >> SHADOW_SHIFT) + 2) * sizeof *t->cells;
}

/* One row of cells over all that can be written, holes included. */
static void cover_writable(module *t, const segments *s)
{
  uintptr_t from = UINTPTR_MAX, to = 0;

  for (int i = 0; i < s->count; i++) {
    const range *w = &s->writable[i];
    from = w->base < from ? w->base : from;
    to = w->base + w->bytes > to ? w->base + w->bytes : to;
  }
  if (from < to) {
    from &= ~(uintptr_t)7;
    t->writable = (range){from, to - from};
    t->cells = aligned_alloc(sizeof *t->cells, cells_bytes(t));
    memset(t->cells, 0, cells_bytes(t));
  }
}

/* Writable data without what stays constant: relocated pointers and the stub's slots. */
static void keep_writable(module *t, const segments *s)
{
  for (int i = 0; i < s->count; i++) {
    uintptr_t from = s->writable[i].base;
    const uintptr_t to = from + s->writable[i].bytes;
    const uintptr_t relro_end = s->relro.base + s->relro.bytes;
    from = from >= s->relro.base && from < relro_end ? relro_end : from;
    if (s->slots.base >= from && s->slots.base < to) {
      keep_range(t, from, s->slots.base);
      from = s->slots.base + s->slots.bytes;
    }
    keep_range(t, from, to);
  }
}

static int find_segments(module *t, segments *s, char *error, size_t error_size)
{
  struct link_map *map = NULL;

  if (dlinfo(t->handle, RTLD_DI_LINKMAP, &map)) {
    snprintf(error, error_size, "%s", dlerror());
    return -1;
  }
  t->base = t->whole.base = map->l_addr;
  dl_iterate_phdr(visit_object, s);
  if (!s->found) {
    snprintf(error, error_size, "the dynamic linker does not list the target");
    return -1;
  }
  return 0;
}

static int place_stacks(ds_machine *m, char *error, size_t error_size)
{
  module *t = &m->target;
  const size_t room = STACK_COLOURS * STACK_COLOUR_BYTES + t->tls_bytes + t->tls_align;

  if (t->tls_bytes > TLS_MOST) {
    snprintf(error, error_size, "%lu bytes of thread-local data; the most is %d",
             (unsigned long)t->tls_bytes, TLS_MOST);
    return -1;
  }
  if (t->stack_bytes + room > STACK_BYTES - PAGE_BYTES) {
    snprintf(error, error_size, "no room for stacks of %u KiB", t->stack_bytes >> 10);
    return -1;
  }
  if (stacks_place(m)) {
    snprintf(error, error_size, "cannot protect the ends of the stacks");
    return -1;
  }
  return 0;
}

int module_load(ds_machine *m, const char *path, char *error, size_t error_size)
{
  module *t = &m->target;
  segments s = {.t = t};

  t->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!t->handle) {
    snprintf(error, error_size, "%s", dlerror());
    return -1;
  }
  *(void **)&t->driver_main = dlsym(t->handle, "ds_driver_main");
  *(void **)&t->driver_idle = dlsym(t->handle, "ds_driver_idle");
  if (!t->driver_main || !t->driver_idle) {
    snprintf(error, error_size, "the driver does not define ds_driver_main and ds_driver_idle");
    return -1;
  }
  if (bind_stub(t, &s.slots, error, error_size) || find_segments(t, &s, error, error_size)) {
    return -1;
  }
  if (place_stacks(m, error, error_size)) {
    return -1;
  }
  keep_writable(t, &s);
  cover_writable(t, &s);
  t->coverage = calloc(t->text.bytes ? t->text.bytes : 1, 1);
  return 0;
}

void module_unload(ds_machine *m)
{
  module *t = &m->target;

  for (uint32_t i = 0; i < t->data_count; i++) {
    free(t->data[i].image);
    free(t->data[i].shadow);
  }
  free(t->coverage);
  free(t->cells);
  if (t->handle) {
    if (t->slot_count) {
      module_bind(t, BOUND_BARE); /* its destructors run on no machine */
    }
    dlclose(t->handle);
  }
  for (uint32_t which = 0; which < BINDINGS; which++) {
    free(t->bindings[which]);
  }
  memset(t, 0, sizeof *t);
}

void module_bind(module *t, uint32_t which)
{
  if (t->bound != which) {
    t->bound = which;
    memcpy(t->slots, t->bindings[which], t->slot_count * sizeof *t->slots);
  }
}

void module_reset(ds_machine *m)
{
  for (uint32_t i = 0; i < m->target.data_count; i++) {
    const data_range *d = &m->target.data[i];
    memcpy((void *)d->at.base, d->image, d->at.bytes);
  }
}

void module_wipe_cells(ds_machine *m)
{
  module *t = &m->target;

  for (uint32_t i = 0; i < t->data_count; i++) {
    memset(t->data[i].shadow, 0, shadow_bytes(&t->data[i]));
  }
  if (t->cells) {
    memset(t->cells, 0, cells_bytes(t));
  }
}

void __sanitizer_cov_trace_pc(void) __attribute__((visibility("hidden")));
void __sanitizer_cov_trace_pc(void)
{
  const ds_machine *m = ds_current;
  const uintptr_t at = m ? CALLER - m->target.text.base : UINTPTR_MAX;

  if (m && at < m->target.text.bytes) {
    m->target.coverage[at] = 1;
  }
}

const uint8_t *ds_coverage(const ds_machine *m, uint64_t *size)
{
  *size = m->target.text.bytes;
  return m->target.coverage;
}

void ds_coverage_clear(ds_machine *m)
{
  memset(m->target.coverage, 0, m->target.text.bytes);
}
