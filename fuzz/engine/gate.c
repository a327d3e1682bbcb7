/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that stand before operations: see gate.h. */
#include "gate.h"

#include "memory.h"

#include <errno.h>

#include "posix.h"

void gates_moved_slow(ds_machine *m, const void *object)
{
  for (uint32_t i = 0; i < m->fiber_count; i++) {
    fiber *f = &m->fibers[i];
    if (!f->gate || f->op.object != object || f == m->current || f->timed_out) {
      continue;
    }
    if (f->gate(m, f, object)) {
      make_runnable(m, f);
    } else {
      make_blocked(m, f);
    }
  }
}

int gate_has_waiters(const ds_machine *m, const void *object, gate *open)
{
  for (uint32_t i = 0; i < m->fiber_count; i++) {
    const fiber *f = &m->fibers[i];
    if (f->gate == open && f->op.object == object && f != m->current) {
      return 1;
    }
  }
  return 0;
}

int gate_pass(ds_machine *m, uint32_t kind, const void *object, gate *open, uint64_t until_ns,
              uintptr_t pc)
{
  fiber *f = m->current;

  settle(m);
  f->timed_out = 0;
  f->gate = open;
  m->gated++;
  if (open(m, f, object)) {
    point(m, kind, object, pc);
  } else {
    f->op = (pending){object, pc, (uint16_t)kind, 0}; /* time_passes() is a question of ours */
    f->wake_ns = until_ns;
    make_blocked(m, f);
    time_passes(m, f, pc);
    block(m, kind, object, pc);
  }
  const int late = f->timed_out && !open(m, f, object);
  f->timed_out = 0;
  f->wake_ns = 0;
  f->gate = NULL;
  m->gated--;
  return late ? ETIMEDOUT : 0;
}
