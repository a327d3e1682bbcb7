/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A coroutine that sleeps until its time has come, or until somebody wakes it.
 *
 * A wakeup is never lost: one that comes while nobody sleeps makes the next sleep end at once. So
 * whoever changes something that a sleeper looks at changes it first and wakes afterwards, from
 * any thread, and the sleeper looks again after every sleep.
 */
#ifndef BLOCK_CO_SLEEP_H
#define BLOCK_CO_SLEEP_H

#include "coroutine/coroutine.h"

#include <stdatomic.h>
#include <stdint.h>

/* A bed for one coroutine at a time. All zero = empty. It lives as long as anybody may wake. */
typedef struct QemuCoSleep {
  /* Who sleeps; NULL: nobody; CO_SLEEP_WOKEN: nobody, and the next sleep ends at once. */
  _Atomic(Coroutine *) to_wake;
} QemuCoSleep;

/* Let the context do something else for at least `nanoseconds` (>= 0; rounded up to the resolution
 * of poll(), a millisecond). */
void coroutine_fn qemu_co_sleep_ns(int64_t nanoseconds);

/* The same, but at most until somebody wakes `w`. */
void coroutine_fn qemu_co_sleep_ns_wakeable(QemuCoSleep *w, int64_t nanoseconds);

/* Sleep until somebody wakes `w`. */
void coroutine_fn qemu_co_sleep(QemuCoSleep *w);

/* End the sleep in `w`, this one or the next. Any thread, inside or outside of coroutines. All
 * wakeups until the sleeper goes on count as one. What was written before is visible to who wakes
 * up. */
void qemu_co_sleep_wake(QemuCoSleep *w);

#endif
