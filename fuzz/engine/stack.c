/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which part of a stack is alive: use after return, and where a parked task stands.
 *
 * A variable of a function that has returned lies below the stack pointer of whoever has the stack.
 * So an access there is one too late, whoever makes it. What later calls have covered again is not
 * noticed: that would take a call of the machine at the begin and end of every function. Price: one
 * comparison for an access to the page above the caller's frame, a walk over two or three frames
 * elsewhere on a stack.
 *
 * Not judged: a stack whose stack pointer is not known, because its owner runs on another one or
 * because the driver has not said where the target saves it (ds_task_parks()).
 */
#include "access.h"
#include "stacks.h"

static int on_stacks(const ds_machine *m, uintptr_t address)
{
  return address - (uintptr_t)m->region < STACKS_BYTES;
}

int frame_is_readable(const ds_machine *m, uintptr_t frame)
{
  return on_stacks(m, frame) && on_stacks(m, frame + 2 * sizeof(void *)) &&
         frame % sizeof(void *) == 0;
}

uintptr_t frame_of(const ds_machine *m, const fiber *f)
{
  const uintptr_t *saved = f->sp; /* r15 r14 r13 r12 rbx rbp, return address: ds_switch() */
  return f == m->current ? (uintptr_t)__builtin_frame_address(0) : saved[5];
}

uintptr_t stack_end_of_thread(const ds_machine *m, const fiber *f)
{
  uintptr_t frame = frame_of(m, f);

  for (int guard = 0; guard < 16 && frame_is_readable(m, frame); guard++) {
    const uintptr_t *record = (const uintptr_t *)frame;
    if (module_offset(m, record[1])) {
      return frame + 2 * sizeof(void *);
    }
    frame = record[0];
  }
  return 0;
}

const parking *parking_of(const ds_machine *m, uint32_t task_id)
{
  const parking *p = &m->tasks[task_id].parked;
  return task_id && p->saved && *p->saved ? p : NULL;
}

/* The stack pointer that the target saved when it left a stack of its own; 0: not known. */
static uintptr_t parked_end(const ds_machine *m, uint32_t slot)
{
  const parking *p = parking_of(m, m->slot_task[slot]);
  const uintptr_t saved = p ? (uintptr_t)*p->saved : 0;

  return saved && slot_of(m, saved) == slot ? saved : 0;
}

uintptr_t stack_end_of_slot(const ds_machine *m, uint32_t slot)
{
  for (uint32_t i = 0; i < m->fiber_count; i++) {
    const fiber *f = &m->fibers[i];
    if (!f->done && slot_of(m, frame_of(m, f)) == slot) {
      return stack_end_of_thread(m, f);
    }
  }
  return parked_end(m, slot);
}

/* An access to the stack of thread `id`: 0 = all of it may be alive, UINTPTR_MAX = nothing is. */
static uintptr_t thread_end(const ds_machine *m, uint32_t id)
{
  if (id >= m->fiber_count || m->fibers[id].done) {
    return UINTPTR_MAX;
  }
  const uintptr_t end = stack_end_of_thread(m, &m->fibers[id]);
  const uintptr_t low = (uintptr_t)m->region + (uintptr_t)id * STACK_BYTES;
  return end - low < STACK_BYTES ? end : 0; /* else it runs on another stack */
}

static COLD NORETURN void used_after_return(ds_machine *m, uintptr_t address, uint32_t write,
                                            uintptr_t pc)
{
  const uint32_t id = (uint32_t)((address - (uintptr_t)m->region) / STACK_BYTES);
  access_cell *c = cell_of(m, address);
  const char *what = write ? "write" : "read";

  m->result->other_pc = touched(m, c) ? access_other_place(m, c, pc) : 0;
  if (slot_of(m, address) != NOBODY) {
    finish(m, DS_FAIL, DS_USE_AFTER_RETURN, pc,
           "use after return: %s of a variable on the stack of %s whose function has returned",
           what, m->slot_task[slot_of(m, address)] ? "a task" : "a coroutine");
  }
  finish(m, DS_FAIL, DS_USE_AFTER_RETURN, pc,
         m->fibers[id].done
             ? "use after return: %s of a variable on the stack of T%u, which has ended"
             : "use after return: %s of a variable on the stack of T%u whose function has returned",
         what, id);
}

/* The same for the stack that the current thread is on, which is the usual case: `pc` is where the
 * target has called us. */
static inline int is_above_caller(const ds_machine *m, uintptr_t address, uintptr_t pc)
{
  const uintptr_t *record = __builtin_frame_address(0);

  for (int guard = 0; record[1] != pc; guard++) {
    if (guard == 8 || !record[0]) {
      return 0;
    }
    record = (const uintptr_t *)record[0];
  }
  const uintptr_t at = address - (uintptr_t)m->region,
                  end = (uintptr_t)record - (uintptr_t)m->region;
  if (at <= end + sizeof(void *)) {
    return 0;
  }
  return at < STACK_REGION ? (at ^ end) < STACK_BYTES
                           : (at - STACK_REGION) / SLOT_BYTES == (end - STACK_REGION) / SLOT_BYTES;
}

static uintptr_t end_at(const ds_machine *m, uintptr_t address)
{
  const uint32_t slot = slot_of(m, address);

  return slot != NOBODY ? stack_end_of_slot(m, slot)
                        : thread_end(m, (uint32_t)((address - (uintptr_t)m->region) / STACK_BYTES));
}

int stack_has_left(const ds_machine *m, uintptr_t address)
{
  return on_stacks(m, address) && address < end_at(m, address);
}

void stack_check(ds_machine *m, uintptr_t address, uint32_t write, uintptr_t pc)
{
  if (LIKELY(is_above_caller(m, address, pc))) {
    return;
  }
  if (UNLIKELY(address < end_at(m, address))) {
    used_after_return(m, address, write, pc);
  }
}
