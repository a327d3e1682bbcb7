/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Simulated threads: one fiber each, with its own stack (stacks.h) and its own copy of the target's
 * _Thread_local data at the top of it. The target reaches that copy through
 * __tls_get_addr, which its stub binds to sim_tls_get_addr(): switching threads copies nothing.
 */
#include "liveness.h"
#include "memory.h"
#include "stacks.h"
#include "strategy.h"

#include <string.h>
#include <sys/mman.h>

static uint8_t *stack_of(const ds_machine *m, uint32_t id)
{
  return m->region + (size_t)id * STACK_BYTES;
}

int stacks_place(ds_machine *m)
{
  int failed = 0;

  for (uint32_t i = 0; i < DS_THREAD_MAX; i++) {
    failed |= mprotect(stack_of(m, i), STACK_BYTES, PROT_READ | PROT_WRITE);
    failed |= mprotect(stack_of(m, i), guard_bytes(m, i), PROT_NONE);
  }
  return failed;
}

static void fiber_main(void *self)
{
  fiber *f = self;
  ds_machine *m = ds_current;

  observe(m, DS_EV_START, THREAD_OBJECT(f->id), 0, 0, 0);
  fiber_exit(m, f->start(f->argument));
}

void *first_frame(void (*main)(void *), void *argument, uint8_t *top)
{
  uint64_t *sp = (uint64_t *)((uintptr_t)top & ~(uintptr_t)15);

  sp -= 9;           /* seven words for ds_switch() and two: at the entry sp is a multiple of 16 */
  sp[0] = sp[1] = 0; /* r15 r14 */
  sp[2] = (uint64_t)(uintptr_t)argument; /* r13 */
  sp[3] = (uint64_t)(uintptr_t)main;     /* r12 */
  sp[4] = sp[5] = 0;                     /* rbx rbp */
  sp[6] = (uint64_t)(uintptr_t)ds_fiber_entry;
  return sp;
}

static uint8_t *place_tls(ds_machine *m, uint8_t *top)
{
  const module *t = &m->target;
  uint8_t *at = (uint8_t *)(((uintptr_t)top - t->tls_bytes) & ~(uintptr_t)(t->tls_align - 1));

  memcpy(at, t->tls_image, t->tls_file_bytes);
  memset(at + t->tls_file_bytes, 0, t->tls_bytes - t->tls_file_bytes);
  return at;
}

fiber *fiber_create(ds_machine *m, void *(*start)(void *), void *argument)
{
  if (m->fiber_count >= m->fiber_limit) {
    finish(m, DS_UNKNOWN, DS_THREAD_LIMIT, 0, "limit of %u threads reached", m->fiber_limit);
  }
  if (m->model && m->fiber_count >= NARROW_LANES - 1 && m->base_model->wider) {
    m->needs_wide = 1;
    finish_quietly(m); /* run_once() begins this run again, with wide clocks */
  }
  const uint32_t id = m->fiber_count++;
  fiber *f = &m->fibers[id];
  uint8_t *top = stack_of(m, id) + STACK_BYTES - stack_colour(id);

  stack_begins(stack_of(m, id) + guard_bytes(m, id), STACK_BYTES - guard_bytes(m, id));
  memset(f, 0, sizeof *f);
  f->id = (uint16_t)id;
  f->owner = owner_of_run(m, id);
  f->start = start;
  f->argument = argument;
  f->slot_in_runnable = NOBODY;
  f->look_at = m->in_tail ? UINT32_MAX : SPIN_FIRST_LOOK;
  if (m->target.tls_bytes) {
    top = f->tls = place_tls(m, top);
  }
  f->sp = first_frame(fiber_main, f, top);
  m->live++;
  if (m->model) {
    m->model->spawn(m, id ? m->current : NULL, f);
  }
  m->strategy->spawn(m, f);
  make_runnable(m, f);
  return f;
}

static void run_key_destructors(ds_machine *m, fiber *f)
{
  for (uint32_t i = 0; i < m->key_count; i++) {
    void *value = f->keys[i];
    f->keys[i] = NULL;
    if (value && m->key_destructor[i]) {
      m->key_destructor[i](value);
    }
  }
}

void fiber_exit(ds_machine *m, void *value)
{
  fiber *f = m->current;

  run_key_destructors(m, f);
  settle(m);
  observe(m, DS_EV_EXIT, THREAD_OBJECT(f->id), 0, 0, 0);
  f->value = value;
  f->done = 1;
  m->live--;
  if (f->joiner) {
    make_runnable(m, &m->fibers[f->joiner - 1]);
  }
  make_blocked(m, f);
  if (m->live == 0) {
    finish_quietly(m);
  }
  block(m, DS_EV_EXIT, THREAD_OBJECT(f->id), 0);
  __builtin_unreachable();
}

/* The argument of __tls_get_addr in the x86-64 and aarch64 ABIs. */
typedef struct tls_index {
  size_t module, offset;
} tls_index;

void *sim_tls_get_addr(void *index)
{
  return ds_current->current->tls + ((const tls_index *)index)->offset;
}
