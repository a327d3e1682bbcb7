/* SPDX-License-Identifier: Apache-2.0 */
/* Hashing the state of a program: registers, stacks, data and heap (state.h). */
#include "state.h"

#include "access.h"
#include "stacks.h"

#include <unwind.h>

enum {
  STATE_BYTES_MOST = 1 << 20, /* a larger state is not looked at */
  STACK_NEEDED = 8 << 10,     /* for walking the machine's own frames */
  FRAMES_MOST = 32,
};

static READS_WHOLE_STACKS uint64_t stir_bytes(uint64_t hash, uintptr_t from, uintptr_t end,
                                              size_t *looked_at)
{
  const uint64_t *words = (const uint64_t *)((from + 7) & ~(uintptr_t)7);
  const size_t count = end > (uintptr_t)words ? (end - (uintptr_t)words) / sizeof *words : 0;

  reading_whole_stacks_begins();
  for (size_t i = 0; i < count; i++) {
    hash = stir(hash, words[i]);
  }
  reading_whole_stacks_ends(&hash, sizeof hash);
  *looked_at += count * sizeof *words;
  return hash;
}

/* ------------------------------------------------------------------ where a thread stands */

typedef struct search {
  ds_machine *m;
  standpoint *at;
  int depth;
} search;

/* The first frame of the target: what is in the registers that calls preserve, where it begins. */
static _Unwind_Reason_Code in_frame(struct _Unwind_Context *context, void *argument)
{
  static const int preserved[] = {3, 6, 12, 13, 14, 15}; /* rbx rbp r12..r15, as DWARF counts */
  search *s = argument;
  const uintptr_t pc = _Unwind_GetIP(context);

  if (!module_offset(s->m, pc)) {
    return ++s->depth < FRAMES_MOST ? _URC_NO_REASON : _URC_END_OF_STACK;
  }
  s->at->frame = _Unwind_GetCFA(context);
  s->at->registers = stir(1, pc);
  reading_whole_stacks_begins();
  for (size_t i = 0; i < sizeof preserved / sizeof *preserved; i++) {
    s->at->registers = stir(s->at->registers, _Unwind_GetGR(context, preserved[i]));
  }
  reading_whole_stacks_ends(&s->at->registers, sizeof s->at->registers); /* some hold nothing */
  return _URC_END_OF_STACK;
}

static uintptr_t stack_base(const ds_machine *m, uintptr_t address)
{
  const uintptr_t at = address - (uintptr_t)m->region;

  return at < STACK_REGION
             ? address - at % STACK_BYTES + guard_bytes(m, (uint32_t)(at / STACK_BYTES))
             : address - (at - STACK_REGION) % SLOT_BYTES + PAGE_BYTES;
}

void state_stand(ds_machine *m, standpoint *at)
{
  const uintptr_t sp = (uintptr_t)__builtin_frame_address(0);
  search s = {.m = m, .at = at};

  at->frame = 0;
  if (sp - stack_base(m, sp) > STACK_NEEDED) {
    _Unwind_Backtrace(in_frame, &s);
  }
}

/* ------------------------------------------------------------------ memory */

uint64_t stir_stack(ds_machine *m, uint64_t hash, const fiber *f, uintptr_t from, size_t *looked_at)
{
  const uintptr_t own = (uintptr_t)m->region + (uintptr_t)f->id * STACK_BYTES;
  const uintptr_t begin = from - own < STACK_BYTES ? from : own + guard_bytes(m, f->id);

  return stir_bytes(hash, begin, own + STACK_BYTES, looked_at);
}

uint64_t stir_data(ds_machine *m, uint64_t hash, size_t *looked_at)
{
  for (uint32_t i = 0; i < m->target.data_count; i++) {
    const range *at = &m->target.data[i].at;
    hash = stir_bytes(hash, at->base, at->base + at->bytes, looked_at);
  }
  return stir_bytes(hash, (uintptr_t)arena_of(m), (uintptr_t)m->bump, looked_at);
}

static uintptr_t slot_base(const ds_machine *m, uint32_t slot)
{
  return (uintptr_t)m->region + STACK_REGION + (uintptr_t)slot * SLOT_BYTES;
}

uint64_t stir_slots(ds_machine *m, uint64_t hash, size_t *looked_at)
{
  for (uint32_t i = 0; i < m->slots_used; i++) {
    hash = stir_bytes(hash, slot_base(m, i) + PAGE_BYTES, slot_base(m, i) + SLOT_BYTES, looked_at);
  }
  return hash;
}

uint64_t stir_live_slots(ds_machine *m, uint64_t hash, size_t *looked_at)
{
  for (uint32_t i = 0; i < m->slots_used; i++) {
    const uintptr_t base = slot_base(m, i), end = stack_end_of_slot(m, i);
    hash = stir_bytes(hash, end ? end : base + PAGE_BYTES, base + SLOT_BYTES, looked_at);
  }
  return hash;
}

int state_is_small(const ds_machine *m)
{
  size_t bytes = (size_t)(m->bump - arena_of(m)) + (size_t)m->slots_used * SLOT_BYTES;

  for (uint32_t i = 0; i < m->target.data_count; i++) {
    bytes += m->target.data[i].at.bytes;
  }
  return bytes < STATE_BYTES_MOST;
}
