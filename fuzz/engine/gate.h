/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread that stands before an operation which is not possible all the time: to take a lock, to
 * pass a barrier. It is runnable exactly while its gate is open, so nobody is woken to find the
 * lock taken. sync.c has lists of its own for mutexes and conditions, which are faster.
 */
#ifndef DRAINSTORM_GATE_H
#define DRAINSTORM_GATE_H

#include "machine.h"

/* Is the operation of this thread possible now? */
typedef int gate(const ds_machine *m, const fiber *f, const void *object);

/*
 * The current thread announces an operation (DS_EV_*) and stands before it until its gate is open
 * and it is chosen. until_ns: at which time it gives up, 0 = never. Returns 0 or ETIMEDOUT. Others
 * may have freed the object meanwhile.
 */
int gate_pass(ds_machine *m, uint32_t kind, const void *object, gate *open, uint64_t until_ns,
              uintptr_t pc);
void gates_moved_slow(ds_machine *m, const void *object);

/* The object has changed: gates may have opened or closed. */
static inline void gates_moved(ds_machine *m, const void *object)
{
  if (UNLIKELY(m->gated)) {
    gates_moved_slow(m, object);
  }
}

/* Does anybody stand there? */
int gate_has_waiters(const ds_machine *m, const void *object, gate *open);

/* The caller's use of an object that is none: `state` says what has become of it. */
enum { DESTROYED = 0x64616564 };
COLD NORETURN void object_misused(ds_machine *m, const char *what, int state, uintptr_t pc);

/* rwlock.c: the thread that has the lock before whose gate this one stands, or a writer who stands
 * before this reader; -1 = not known. */
int rwlock_holder(const ds_machine *m, const fiber *f);
int is_rwlock_gate(gate *open);
/* sync.c */
int mutex_owner(const void *mutex); /* thread id, -1 = free */

#endif
