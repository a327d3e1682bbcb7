/* SPDX-License-Identifier: Apache-2.0 */
/* What does not get on: threads that go round, parked while that is certain (spin.c) or judged in a
 * fair tail (tail.c); who waits for whom when nobody can run (report.c). */
#ifndef DRAINSTORM_LIVENESS_H
#define DRAINSTORM_LIVENESS_H

#include "machine.h"

/* ------------------------------------------------------------------ tail.c */

/* The step bound is reached: go on fairly. */
void tail_begin(ds_machine *m);
/* The run has ended. Returns its step bound: unless it failed, it is UNKNOWN because of that. */
uint32_t tail_end(ds_machine *m);
void tail_observe(ds_machine *m, uint32_t kind, uint64_t old, uint64_t value);
enum { OBSERVING_TAIL = 1 << 30 }; /* in machine.observing */

/* ------------------------------------------------------------------ spin.c */

enum { WATCH_NOT, WATCH_ROUND, WATCH_PROOF, WATCH_PARKED, WATCH_AWAITS };
/* The first look at a thread is at this point of its own; then so many points lie between two. */
enum { SPIN_FIRST_LOOK = 32, SPIN_LOOK_EVERY = 64 };
/* The current thread is about to yield: look then. */
void spin_yields(ds_machine *m);
/* The current thread stands at its point number `at`, where a look is due: does it spin? */
void spin_look(ds_machine *m, uint32_t at);
/* Somebody has done something: let those go on who wait for it. */
void spin_wake(ds_machine *m);
/* Nobody can run: let those go on who were parked when something was different. Are there any? */
int spin_recheck(ds_machine *m);
/* From now on nobody is parked for spinning. */
void spin_stop(ds_machine *m);
void spin_report(const ds_machine *m, const fiber *f, ds_waiter *w);
/* Nobody can run: end the run if that is because somebody spins. */
void spin_judge(ds_machine *m);

/* ------------------------------------------------------------------ report.c */

void report_waiters(ds_machine *m);
void report_sleepers(ds_machine *m);       /* the same while others can run: only those who sleep */
int report_has_cycle(const ds_machine *m); /* of threads that hold what the next one waits for */
/* What tells this deadlock from others: result->waits. After report_waiters(). */
void report_waits(ds_machine *m);
void report_lost_wakeup(ds_machine *m); /* ends the run if what somebody waits for holds */
/* Nobody can run, and this sleeper's time comes now: DS_REMARK_*. */
void remark_timer(ds_machine *m, const fiber *woken);

#endif
