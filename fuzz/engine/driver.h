/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a driver says to the machine, and the machine to a driver.
 *
 * A driver is one C file per target. It is compiled *without* thread instrumentation: all that it
 * reads and writes itself is ghost state, seen by no oracle and no scheduling point. Only the
 * target's functions that it calls are visible. What it reads of the target is the newest store in
 * every memory model, also one that other threads of the target may not see yet. No function here
 * but ds_await() is a scheduling point. A macro or an inline function of the target that it uses is
 * driver code as well: what waits, counts or fences in one belongs into a source of the target (the
 * build refuses a driver with atomic instructions).
 *
 * The build generates `operations.h` from target.toml: OP_<NAME> for every operation (1-based),
 * ACTOR_<KIND>_FIRST and ACTOR_<KIND>_COUNT for every kind of actor.
 *
 * File-scope data of driver and target is restored before every run; so is the heap.
 */
#ifndef DRAINSTORM_DRIVER_H
#define DRAINSTORM_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ds_operation {
  uint8_t code, a, b;
} ds_operation;

/* ------------------------------------------------------------------ the driver defines */

/* Body of simulated thread 0. When it returns, every other thread must have ended: a thread that
 * is still there then makes the machine wait for it (and report a deadlock if it never ends). */
void ds_driver_main(void);

/* What ds_driver_idle() may answer. */
enum { DS_IDLE_STUCK = -1 };

/*
 * Nothing can run and no timer is pending. Called on the stack of the last thread that blocked;
 * must not call the target. Returns DS_IDLE_STUCK (the machine reports a deadlock), or the id of
 * a thread that is blocked in poll(): its poll() returns -1 with EINTR. That is how a driver ends
 * a program without waking anybody whom the target should have woken. It may call ds_fail().
 */
int ds_driver_idle(void);

/* ------------------------------------------------------------------ program */

/* Take the next operation of an actor; false when there is none left. */
bool ds_next(unsigned actor, ds_operation *op);
/* Has this actor any operation at all? */
bool ds_has_program(unsigned actor);
/* The operation that this actor took last was not carried out: a precondition did not hold. */
void ds_skip(unsigned actor);

/* ------------------------------------------------------------------ rules */

/* End the run: FAIL of `rule` ("R1"). `site` names the check (stable, no spaces): it is part of
 * the signature by which findings are compared. */
__attribute__((noreturn, format(printf, 3, 4))) void ds_fail(const char *rule, const char *site,
                                                             const char *format, ...);
/* The next call is ds_fail(), and somebody sleeps who should not, while others can still run: its
 * report says who waits for what, as that of a rule which is judged when nothing can run. */
void ds_show_sleepers(void);
#define DS_CHECK(condition, rule, site, ...)                                                       \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      ds_fail(rule, site, __VA_ARGS__);                                                            \
    }                                                                                              \
  } while (0)

/* What this run showed, for counting outcomes over many runs (litmus tests). */
void ds_observe(uint64_t value);

/* Something that makes a run worth counting happened (bit 0..7). */
void ds_mark(unsigned bit);

/* ------------------------------------------------------------------ logical tasks */

/*
 * A coroutine, request or bottom half. Returns its id (1, 2, ...), or 0 when there are too many.
 * It is called by its kind and number ("co3"); 0: by its kind alone. The kind must be a literal.
 */
unsigned ds_task_create(const char *kind, unsigned number);
/* The caller runs on a stack that the target allocated (mmap with MAP_STACK): from now on, what
 * happens on that stack belongs to `task`, whichever thread runs it. */
void ds_task_bind_stack(unsigned task);
/* A task that runs on the thread's own stack (a bottom half): bracket it; may nest. */
unsigned ds_task_enter(unsigned task); /* returns the task that ran before */
void ds_task_leave(unsigned before);
/* What the task is waiting for, as the deadlock report shall say it; NULL = it is not waiting.
 * holder_task: the task that holds it, 0 = none known; holder_thread: -1 = none known.
 * The string is not copied: it must be a literal. */
void ds_task_waits(unsigned task, const char *what, unsigned holder_task, int holder_thread);
/* The same for the calling thread, beside what it stands before; it has no part in what a deadlock
 * is called. */
void ds_thread_waits(const char *what);
/*
 * Who has what the task (0: the calling thread) waits for, where that changes while it waits: asked
 * when a report is made, until it answers 0. `next` returns the lowest task above `after` that is
 * one of them; it may read what a condition of ds_task_condition() may. Holds until the next
 * ds_task_waits() or ds_thread_waits(), and counts instead of the holders that those name.
 */
void ds_task_holders(unsigned task, unsigned (*next)(unsigned after, void *argument),
                     void *argument);
/*
 * What must be true for the task (0: the calling thread) to go on. The machine asks when nothing
 * can run: if it holds, whoever made it true has woken nobody, and the run fails as a lost wakeup
 * at the site that ds_task_waits() named. `holds` is the driver's: it may read ghost state and the
 * target's variables, it must not call the target. NULL: it waits no longer.
 */
void ds_task_condition(unsigned task, bool (*holds)(void *argument), void *argument);
/*
 * How the target leaves the stack of a task: it keeps the stack pointer in *saved, and so many
 * words above stand the frame pointer and the address at which the task goes on. *saved must stay
 * readable until the run ends, as heap memory does, freed or not. With it a report shows where a
 * parked task stands, and what a function has left behind on its stack is no longer there for
 * others.
 */
void ds_task_parks(unsigned task, void *const *saved, unsigned frame_word, unsigned resume_word);
void ds_task_end(unsigned task);

/* ------------------------------------------------------------------ awaits */

/*
 * The calling thread goes on when `holds`, and not before: in place of a loop that looks again and
 * again. It is asked whenever somebody has done something, and may read what a condition of
 * ds_task_condition() may. Waiting costs no steps; if nothing can run, `what` (a literal) is in the
 * report. It synchronises nothing: what the target has published, the target has to acquire.
 */
void ds_await(const char *what, bool (*holds)(void *argument), void *argument);

/* ------------------------------------------------------------------ what threads tell each other
 */

/*
 * A driver hands objects from thread to thread through ghost state, which synchronises nothing; in
 * a real program somebody would have told the other thread. ds_publish() notes what the calling
 * thread knows on a channel (0 .. DS_CHANNELS - 1), ds_receive() learns it. Publish once, when the
 * object is ready: anything later would hide missing synchronisation of the target.
 */
enum { DS_CHANNELS = 64 };
void ds_publish(unsigned channel);
void ds_receive(unsigned channel);

/* ------------------------------------------------------------------ the machine's state */

/* From ds_uninterrupted(true) to ds_uninterrupted(false) the calling thread runs whenever it can:
 * set-up and waiting for the end, which no schedule needs to take apart and in which no fault
 * happens to it. One thread at a time. */
void ds_uninterrupted(bool on);

/* The calling simulated thread (0 = main). */
unsigned ds_thread_self(void);
/* Is this simulated thread blocked in poll() now? */
bool ds_thread_in_poll(unsigned thread);

/* ------------------------------------------------------------------ words for the timeline */

/* Is the run traced? If not, what is said by the two functions below is lost. */
bool ds_wants_words(void);
/* Name an object: shown instead of its address. The string is copied. Costs nothing unless the
 * run is traced. */
__attribute__((format(printf, 3, 4))) void ds_name(const void *object, size_t bytes,
                                                   const char *format, ...);
/* A line in the timeline. */
__attribute__((format(printf, 1, 2))) void ds_note(const char *format, ...);

#endif
