/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the machine: its state and the few inline steps that every visible operation takes.
 *
 * One file, one idea: schedule.c (who runs next), strategy_*.c (what chooses), fiber.c (simulated
 * threads), sync.c (mutexes, conditions, once, join), file.c (event counters, poll), clock.c
 * (virtual time), inject.c (faults), tail.c (livelocks), heap.c (memory of a run), module.c (the
 * target's copy), observe.c (hashes, events, counters), task.c (what drivers say), report.c (who
 * waits for whom), fault.c (signals), tsan_abi.c and symbols.c (what the target is bound to),
 * machine.c (create, run), batch.c (many runs).
 *
 * Everything here runs on one OS thread at a time; nothing is shared between machines but the
 * libFuzzer counters of observe.c.
 */
#ifndef DRAINSTORM_MACHINE_H
#define DRAINSTORM_MACHINE_H

#include "driver.h"
#include "engine.h"
#include "module.h"
#include "sanitize.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define COLD __attribute__((noinline, cold))
#define NORETURN __attribute__((noreturn))
/* The caller's address in the target. Every entry point of the target uses it. */
#define CALLER ((uintptr_t)__builtin_return_address(0))
/* Where the caller's frame ended before it called. */
#define CALLER_END ((uintptr_t)__builtin_dwarf_cfa())

/* Sizes of the simulated computer. Address space is reserved, memory is used when touched. */
enum {
  PAGE_BYTES = 4096,
  STACK_BYTES = 512 << 10,  /* between stacks of threads; what is not used of it is a guard */
  STACK_COLOUR_BYTES = 704, /* shifts stacks apart: no 4 KiB aliasing between them */
  SLOT_BYTES = 68 << 10,    /* per stack that the target switches itself, guard included */
  SLOTS = 256,
  ARENA_BYTES = 8 << 20,
  DESCRIPTORS = 128,
  DESCRIPTOR_FIRST = 100, /* simulated descriptors start here */
  TASKS = 128,
  KEYS = 16,
  SHADOW_SHIFT = 3,           /* one shadow cell describes 8 bytes */
  RUN_NUMBER_MOST = 0xffffff, /* then cells of old runs are wiped */
  NUMBERED = 0x1000,          /* objects without an address: below this number */
  STEP_LIMIT_DEFAULT = 20000,
  STACK_REGION = DS_THREAD_MAX * STACK_BYTES,
  SLOT_REGION = SLOTS * SLOT_BYTES,
  STACKS_BYTES = STACK_REGION + SLOT_REGION,
  REGION_BYTES = STACKS_BYTES + ARENA_BYTES,
};

enum { NOBODY = 0xffff }; /* no thread, no slot */

#define FUEL_UNLIMITED (INT32_MAX / 2)

/* What a thread is about to do when it stands at a scheduling point. */
typedef struct pending {
  const void *object;
  uintptr_t pc;
  uint16_t kind;  /* DS_EV_* */
  uint16_t bytes; /* of an atomic access; 0: some object of the machine's */
} pending;
#define OF_BYTES(n) ((uint32_t)(n) << 16) /* with the kind, for point() */

typedef struct wakeup { /* what a task or thread waits for, NULL = not said */
  bool (*holds)(void *argument);
  void *argument;
} wakeup;

typedef struct holders { /* who has what a task or thread waits for, NULL = not said */
  unsigned (*next)(unsigned after, void *argument);
  void *argument;
} holders;

typedef struct fiber {
  void *sp; /* offset 0: switch_x86_64.S */
  pending op;
  uint32_t stamp;    /* thread and epoch of its accesses (access.h) */
  uint32_t owner;    /* run and thread: of the cells that only it has touched (access.h) */
  uint32_t position; /* scheduling points reached; brought up to date by schedule() */
  uint16_t id;
  uint16_t slot_in_runnable; /* index in machine.runnable, NOBODY = not runnable */
  uint16_t next_waiter;      /* id + 1 of the next one in the list that this fiber is on, 0 = end */
  uint8_t done, detached, timed_out, interrupted, yielded, in_poll, linked;
  uint32_t asked[DS_KINDS];          /* questions so far, for kinds other than DS_KIND_RUN */
  uint32_t priority;                 /* PCT, POS, SURW; of its pending operation */
  uint32_t left;                     /* URW, SURW: what it and those below it have yet to do */
  uint16_t profiled, profiled_child; /* place in the profile, of its next child: number + 1 */
  uint8_t held;                      /* SURW */
  uint32_t cursor[DS_KINDS], cursor_end[DS_KINDS]; /* replay: its records */
  uint64_t wake_ns;                                /* wakes by itself at this time, 0 = never */
  const void *waits_on; /* object of the list or descriptor set that it waits on */
  uint32_t waits_kind;  /* DS_EV_* while it is blocked, DS_EV_NONE otherwise */
  uint32_t hash_ops;    /* visible operations so far, for class_hash */
  uint16_t joiner;      /* id + 1 of the thread that waits for the end of this one */
  uint16_t task;        /* task entered on its own stack */
  int error;            /* its errno */
  uint8_t actor;        /* actor whose operation it took last */
  wakeup condition;     /* of this thread itself */
  int (*gate)(const struct ds_machine *m, const struct fiber *f, const void *object); /* gate.h */
  uint32_t round;      /* of the barrier that it waits at */
  uint8_t watch, spun; /* WATCH_*; has been watched in this run: spin.c */
  uint32_t look_at;    /* the point of its own at which to look whether it spins */
  wakeup awaited;      /* ds_await(): what must hold, and as the driver says it */
  const char *awaits;
  const char *waits; /* as the driver says it, NULL = it says nothing */
  holders holders;
  void *(*start)(void *);
  void *argument;
  void *value; /* returned */
  void *keys[KEYS];
  uint8_t *tls;   /* its copy of the target's _Thread_local data */
  int16_t *clock; /* happens-before clock, one lane a thread (memory.h) */
} fiber;

/* Order of accesses to 8 bytes, kept only while hashing or collecting feedback. */
struct shadow_cell {
  uint32_t run;     /* cell belongs to this run; anything else counts as all zero */
  uint32_t version; /* writes so far */
  uint32_t site;    /* who wrote last: offset in the target */
  uint16_t thread;
  uint16_t unused;
};

typedef struct access_more access_more;   /* access.h */
typedef struct memory_model memory_model; /* memory.h */
typedef struct store_buffers store_buffers;

typedef struct staged_access staged_access; /* relaxed.h */

typedef struct stream stream; /* stream.c */

typedef struct descriptor { /* an event counter, or one end of a pipe or of a pair of sockets */
  uint64_t counter;
  stream *in, *out; /* both NULL: an event counter */
  uint16_t clock;   /* what its writers released */
  uint8_t open, nonblocking, semaphore;
} descriptor;

typedef struct parking { /* where the target saves a stack while it is not on it: driver.h */
  void *const *saved;    /* NULL = not said */
  uint16_t frame_word, resume_word;
} parking;

typedef struct task {
  const char *kind;  /* literal of the driver */
  uint32_t number;   /* 0 = none */
  const char *waits; /* literal of the driver, NULL = not waiting */
  uint16_t holder_task;
  int16_t holder_thread;
  wakeup condition;
  holders holders;
  parking parked;
  uint8_t live;
} task;

typedef struct named_object {
  uint64_t object;
  size_t bytes;
  char name[40];
} named_object;

typedef struct strategy strategy;               /* strategy.h */
typedef struct tail tail;                       /* tail.c */
typedef struct spin spin;                       /* spin.c */
typedef struct suppressed_race suppressed_race; /* race.h */

struct ds_machine {
  /* hot: touched at every scheduling point */
  fiber *current;
  int32_t fuel;       /* scheduling points left until the strategy is asked again */
  int32_t fuel_start; /* its value when it was set: fuel_start - fuel points have passed since */
  int32_t fuel_later; /* what the strategy has granted beyond that: first see whether it spins */
  uint32_t parked;    /* threads that spin or await something */
  uint32_t gated;     /* threads with a gate */
  uint32_t observing; /* DS_FLAG_* that need observe() */
  uint32_t runnable_count;
  uint16_t runnable[DS_THREAD_MAX];
  uint16_t uninterrupted; /* thread that runs whenever it can, NOBODY = none */
  uint64_t steps, choices, switches, step_limit;
  const strategy *strategy;
  const memory_model *base_model; /* under memory_tso: what it is a layer over */
  const memory_model *model;      /* NULL: sc without checks, carried out in place */
  uint64_t random;
  uint32_t run_number; /* of this machine, 1 .. RUN_NUMBER_MOST */
  uint32_t flags;
  uint8_t *region; /* thread stacks, then target-switched stacks, then the arena */
  access_cell *cells;

  /* strategies */
  ds_strategy strategy_config;
  uint32_t sticky_left, sticky_table_for;
  uint16_t sticky_table[1024];
  uint32_t pct_next, pct_changes, pct_low, pct_steps, pct_longest;
  uint32_t pct_change[32];
  uint32_t pct_task[TASKS]; /* priorities of logical tasks, 0 = not drawn yet */
  uint32_t begun;           /* threads below this number have reached their first point */
  uint32_t row;             /* POS, SURW: choices of this kind in a row */
  uint32_t yield_low;       /* POS, SURW: the lowest priority that a yield was given */
  uint32_t intended;        /* SURW: who makes the next access of the selected object */
  const void *selected;     /* SURW */
  pending happened;         /* POS: the operation that was chosen last */
  uint32_t obligations;     /* RFF: what this run asks for, see ds_strategy */
  uint32_t held_row;
  uint16_t obligation_writer[2]; /* the thread that wrote */
  uint8_t obligation_state[2];
  struct profile *profile; /* URW, SURW, RFF */
  uint32_t choice_points;  /* points of this run with more than one runnable thread */
  uint8_t had_choice;      /* the points since the last question were choices */
  const uint8_t *bytes;
  uint32_t byte_count, byte_next;
  tail *tail; /* of a run beyond its step bound; NULL until one has got there */
  uint8_t in_tail;
  spin *spins; /* per thread; NULL until one is watched */
  size_t spin_bytes;
  uint32_t clock_reads;
  uint32_t faults_left, fault_rate; /* of this run, see inject.c */
  uint16_t *path, *fan;             /* exhaustive: answers of this run, options at each */
  uint32_t path_length, path_position, path_capacity, preemptions;
  ds_deviation *records; /* sorted by (kind, thread, position) */
  uint32_t record_count, record_capacity;

  /* the run */
  const ds_case *input;
  uint32_t fiber_count, fiber_limit, live;
  uint64_t now_ns;
  ds_result *result;
  uint32_t next_op[256]; /* per actor: index into the case's operations, see task.c */
  uint16_t actor_first[257];
  uint16_t *actor_ops;
  uint32_t actor_ops_capacity;
  ds_totals *totals;
  uint8_t *bump, *arena_end;
  uint32_t blocks_live;
  uint16_t free_slot, slots_used;
  uint16_t slot_next_free[SLOTS];
  uint16_t slot_task[SLOTS];
  uint16_t channels[DS_CHANNELS]; /* clocks of ds_publish() */
  descriptor descriptors[DESCRIPTORS];
  uint32_t descriptor_count;
  task tasks[TASKS];
  uint32_t task_count;
  uint32_t key_count;
  void (*key_destructor[KEYS])(void *);
  volatile uint8_t running, interrupt;

  /* memory */
  shadow_cell *shadow;
  shadow_cell numbered[NUMBERED]; /* of DESCRIPTOR_OBJECT() and THREAD_OBJECT() */
  uint8_t *addressable;           /* a byte for 8 of the arena: which of them a block has */
  access_more *more;              /* further slots of cells, [0] is none */
  uint32_t more_count;
  void *model_state[4];   /* of each model with histories: STATE in memory_*.c */
  store_buffers *buffers; /* memory_tso.c */
  uint8_t weak, spurious, release_sequence_c20, needs_wide, want_wide;
  uint8_t relaxed_volatile, staged_loads_are_new; /* relaxed.c */
  uint32_t relaxed_count, relaxed_capacity, staged_count;
  uint64_t *relaxed;         /* sorted */
  staged_access *staged;     /* STAGED_MOST */
  struct race_record *races; /* distinct ones of this machine */
  uint32_t race_count, race_capacity, run_races, run_suppressed;
  suppressed_race *suppressed;
  uint32_t suppressed_count, suppressed_capacity;
  ds_race first_race; /* of this run */
  uint64_t seed;      /* of this run */
  void *host_sp;
  module target;

  /* what a run leaves behind */
  ds_deviation *deviations;
  uint32_t deviation_count, deviation_capacity;
  ds_event *events;
  uint32_t event_count, event_capacity;
  ds_waiter waiters[DS_THREAD_MAX + TASKS];
  uint32_t waiter_count;
  char *text;
  uint32_t text_bytes, text_capacity;
  named_object *names;
  uint32_t name_count, name_capacity;
  char name_buffer[96];
  uint64_t trace_hash, class_hash;
  uint64_t *classes; /* open addressing, 0 = free; CLASS_REPEATED is a flag */
  uint32_t class_count, class_capacity;

  /* watchdog */
  uint32_t watch_run, watch_ticks;
  int64_t watch_progress;

  fiber fibers[DS_THREAD_MAX];
};

/* The machine that runs on this OS thread, NULL outside of ds_run() and ds_batch(). */
extern __thread ds_machine *ds_current __attribute__((tls_model("initial-exec")));

/* ------------------------------------------------------------------ machine.c */

/* End the run. The first call wins; never returns. */
COLD NORETURN void finish(ds_machine *m, uint32_t verdict, uint32_t outcome, uintptr_t pc,
                          const char *format, ...) __attribute__((format(printf, 5, 6)));
COLD NORETURN void finish_rule(ds_machine *m, const char *rule, const char *site,
                               const char *format, va_list arguments);
/* Everything that depends on the case and the flags but not on the seed. */
void run_prepare(ds_machine *m, const ds_case *c, const ds_strategy *s, uint32_t flags);
/* One run from a clean state under machine.strategy. */
void run_once(ds_machine *m, uint64_t seed, ds_result *result);
/* Fill the result without leaving: for the signal handler. */
void set_outcome(ds_machine *m, uint32_t verdict, uint32_t outcome, uintptr_t pc,
                 const char *message);
COLD NORETURN void finish_quietly(ds_machine *m); /* everything has ended */
/* An array with room for `needed` elements: for inputs, whose size is known before the run. */
void *enlarge(void *array, uint32_t *capacity, uint32_t needed, size_t element_bytes);
/* A size that grows by doubling; ends the run with DS_MEMORY_LIMIT beyond `most` of `what`. */
void *grow(ds_machine *m, void *array, uint32_t *capacity, uint32_t most, size_t element_bytes,
           const char *what);

/* ------------------------------------------------------------------ switch_x86_64.S */

/* Save the caller's registers and stack pointer in *save, go on with the stack pointer `to`. */
void ds_switch(void **save, void *to);
/* Leave the run: go on where ds_switch() saved `host_sp`. */
NORETURN void ds_leave(void *host_sp);
extern char ds_host_resume[]; /* where a signal handler sends the OS thread, sp = host_sp */
extern char ds_fiber_entry[]; /* first return address of a fiber: calls r12(r13) */

/* ------------------------------------------------------------------ schedule.c */

/* Ask who runs next, at a scheduling point or because the current fiber is blocked. Returns when
 * the current fiber is chosen again. */
void schedule(ds_machine *m);
/* The answer to a question other than "who runs": 0 .. options-1, 0 = quiet default. */
uint32_t choose(ds_machine *m, uint32_t kind, uint32_t options);
void make_runnable(ds_machine *m, fiber *f);
void make_blocked(ds_machine *m, fiber *f);
/* Who runs if nobody objects: the current thread, unless it yields or cannot; then the next id
 * upwards that can, cyclic. */
uint32_t quiet_default(const ds_machine *m);
/* The first runnable id >= `from`, cyclic. */
uint32_t runnable_from(const ds_machine *m, uint32_t from);
/* Block the current fiber on `object` and schedule; returns when somebody made it runnable. */
void block(ds_machine *m, uint32_t kind, const void *object, uintptr_t pc);

/* The scheduling point before a visible operation. */
static inline void point(ds_machine *m, uint32_t kind, const void *object, uintptr_t pc)
{
  fiber *f = m->current;

  f->op = (pending){object, pc, (uint16_t)kind, (uint16_t)(kind >> 16)};
  if (LIKELY(--m->fuel > 0)) {
    return;
  }
  schedule(m);
}

/* ------------------------------------------------------------------ relaxed.c */

/* The current thread's plain accesses that are relaxed atomic ones are over: memory becomes what
 * all may see. Due before anything that others notice. */
void relaxed_finish(ds_machine *m);
static inline void finish_staged(ds_machine *m)
{
  if (UNLIKELY(m->staged_count)) {
    relaxed_finish(m);
  }
}

/* Have the strategy asked at the next point: the set of runnable threads has changed. */
static inline void ask_soon(ds_machine *m)
{
  m->fuel_later = 0;
  if (m->fuel > 1) {
    m->fuel_start -= m->fuel - 1;
    m->fuel = 1;
  }
}

/* Nobody can run, or nobody gets on: the next sleeper's time has come. NULL = nobody sleeps. */
fiber *let_time_pass(ds_machine *m);

/* ------------------------------------------------------------------ fiber.c */

/* Lay out the first frame for ds_switch(): it calls main(argument), which must not return. `top` is
 * the end of the stack. Returns its stack pointer. */
void *first_frame(void (*main)(void *), void *argument, uint8_t *top);
fiber *fiber_create(ds_machine *m, void *(*start)(void *), void *argument);
NORETURN void fiber_exit(ds_machine *m, void *value);
void *sim_tls_get_addr(void *index);

/* ------------------------------------------------------------------ heap.c */

void heap_reset(ds_machine *m);
void *heap_allocate(ds_machine *m, size_t bytes, size_t alignment);
/* The machine's own memory, until the end of the run: no block, and nobody else may touch it. */
void *heap_reserve(ds_machine *m, size_t bytes);
/* The block of at most so many bytes that an address lies in, 0 = none. */
uintptr_t heap_small_block(const ds_machine *m, uintptr_t address, size_t bytes_most);
static inline uint8_t *arena_of(const ds_machine *m)
{
  return m->region + STACK_REGION + SLOT_REGION;
}
/* The target-switched stack that contains `address`, or NOBODY. */
uint32_t slot_of(const ds_machine *m, uintptr_t address);

/* ------------------------------------------------------------------ module.h */

/* An address as an offset in the target, 0 = it is outside. */
static inline uint64_t module_offset(const ds_machine *m, uintptr_t pc)
{
  return pc - m->target.whole.base < m->target.whole.bytes ? pc - m->target.base : 0;
}

/* ------------------------------------------------------------------ observe.c */

/* The part of observing that costs: hashes, events, counters. */
void observe_slow(ds_machine *m, uint32_t kind, const void *object, uint32_t size_order,
                  uint64_t old, uint64_t value);
void observe_reset(ds_machine *m);
/* Name of an address that is the same in every process: space << 40 | offset. */
uint64_t canonical(const ds_machine *m, uint64_t address);
/* The same for the object of an operation, which may have no address. */
uint64_t canonical_object(const ds_machine *m, const void *object);
ds_event *event_add(ds_machine *m, uint32_t kind);
uint32_t text_add(ds_machine *m, const char *text);
/* How often this class was seen: 1 = new, 2 = for the second time, 0 = more often or not known. */
uint32_t class_seen(ds_machine *m, uint64_t hash);

/* Tell what has just been done: called after the operation, before the next point. */
static inline void observe(ds_machine *m, uint32_t kind, const void *object, uint32_t size_order,
                           uint64_t old, uint64_t value)
{
  if (UNLIKELY(m->observing)) {
    observe_slow(m, kind, object, size_order, old, value);
  }
}

/* Objects that have no address: descriptors and threads. */
#define DESCRIPTOR_OBJECT(fd) ((const void *)(uintptr_t)(0x100u + (unsigned)(fd)))
#define THREAD_OBJECT(id) ((const void *)(uintptr_t)(0x800u + (unsigned)(id)))

/* ------------------------------------------------------------------ task.c, fault.c */

void program_prepare(ds_machine *m, const ds_case *c); /* once per case */
void program_reset(ds_machine *m);                     /* once per run */
/* The logical task that a thread works for, 0 = none. */
uint32_t task_of(const ds_machine *m, const fiber *f);
uint32_t current_task(const ds_machine *m);
/* Around runs: signals of this OS thread are theirs, and the watchdog counts. */
void fault_enter(void);
void fault_leave(void);

#endif
