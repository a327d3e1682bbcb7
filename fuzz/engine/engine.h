/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine, seen from outside: the C ABI that `drainstorm/native.py` (and nothing else) calls.
 *
 * A machine is a small deterministic computer. It holds one private copy of a target (a shared
 * object compiled with `-fsanitize=thread` code generation and bound to this engine through its
 * stub) and runs cases on it: program + schedule + limits in, verdict + events out.
 *
 * Ownership: the caller owns every struct it passes in; results are copied out. Strings returned
 * by pointer live as long as the machine and until the next call that says it replaces them.
 * Threads: a machine may be used by one OS thread at a time, by a different one on every call.
 * Two machines never share state. No call needs the Python interpreter lock.
 * Blocking: only ds_run() and ds_batch() take long; both are bounded by the step limit.
 */
#ifndef DRAINSTORM_ENGINE_H
#define DRAINSTORM_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#define DS_API __attribute__((visibility("default")))

/* Raised on every change of a struct or a meaning below; native.py refuses another one. */
enum { DS_ABI_VERSION = 10 };

typedef struct ds_machine ds_machine;

/* ------------------------------------------------------------------ a case */

/* One operation of the program. `code` 0 is the no-op; operands are taken modulo live objects. */
typedef struct ds_op {
  uint8_t actor; /* index in the target's actor table; 0 is the main thread */
  uint8_t code;  /* 1-based position in the target's operation table */
  uint8_t a, b;  /* operands */
} ds_op;

/* What the machine may ask. Answer 0 (for DS_KIND_RUN: "stay") is always the quiet default. */
enum {
  DS_KIND_RUN = 0,      /* which thread runs next; the answer is an absolute thread id */
  DS_KIND_SIGNAL = 1,   /* which waiter of a condition variable is woken; 0 = longest waiting */
  DS_KIND_READ = 2,     /* which store a load reads; 0 = the newest */
  DS_KIND_SPURIOUS = 3, /* does a weak compare-exchange fail for no reason; 0 = no */
  DS_KIND_FLUSH = 4,    /* tso: does a buffered store stay in the buffer; 0 = no */
  /* Faults: asked only where DS_FAULT_* is switched on. */
  DS_KIND_WAKEUP = 5,    /* does a wait on a condition variable end for no reason; 0 = no */
  DS_KIND_MEMORY = 6,    /* does an allocation fail; 0 = no */
  DS_KIND_THREAD = 7,    /* does the creation of a thread fail; 0 = no */
  DS_KIND_SHORT = 8,     /* 0 = a pipe moves all bytes that it can, 1 = one, 2 = all but one */
  DS_KIND_INTERRUPT = 9, /* does a call that is about to block return EINTR; 0 = no */
  DS_KIND_TIMER = 10,    /* does time pass at once (sleeps, timeouts, clocks), 0 = no; which timer
                            fires when nothing can run, 0 = the earliest */
  DS_KINDS = 11,
  DS_FIRST_FAULT = 5,
};

/*
 * One answer that differs from the quiet default, anchored at (thread, its own count of questions
 * of this kind). For DS_KIND_RUN the count is the number of scheduling points that the thread has
 * reached before, so deleting other deviations never shifts an anchor.
 */
typedef struct ds_deviation {
  uint32_t position;
  uint16_t thread;
  uint16_t kind;
  uint32_t answer;
} ds_deviation;

enum {
  DS_MODEL_SC = 0,
  DS_MODEL_C11 = 1, /* modification order is the order of execution: fast, shows no 2+2W */
  DS_MODEL_TSO = 2,
  DS_MODEL_C11_GRAPH = 3, /* modification order as far as it matters: for verify and litmus */
  DS_MODELS = 4,
};

/* What is judged besides the driver's rules; off: not looked at, and faster. */
enum {
  DS_CHECK_ACCESS = 1,       /* data races, use after free, out of bounds */
  DS_CHECK_LEAK = 2,         /* heap blocks that are live at the end */
  DS_CHECK_SPURIOUS = 4,     /* weak compare-exchange may fail for no reason */
  DS_CHECK_SEQUENCE_C20 = 8, /* release sequences by C++20, not C11 */
  DS_CHECK_VOLATILE = 16,    /* volatile accesses are relaxed atomic ones */
};

/* What may go wrong in a run because the schedule says so, by bit: DS_KIND_* - DS_FIRST_FAULT.
 * Off: the question is never asked. */
enum {
  DS_FAULT_WAKEUP = 1,
  DS_FAULT_MEMORY = 2,
  DS_FAULT_THREAD = 4,
  DS_FAULT_SHORT = 8,
  DS_FAULT_INTERRUPT = 16,
  DS_FAULT_TIMER = 32,
};

/* A strategy lets at most so many faults happen in a run; a replay, as many as its case says. */
enum { DS_FAULTS_MOST = 3 };

typedef struct ds_case {
  const ds_op *ops;               /* in program order per actor */
  const ds_deviation *deviations; /* any order; a duplicate anchor: the last one counts */
  const uint8_t *bytes;           /* for DS_STRATEGY_BYTES: one byte answers one question, modulo */
  uint32_t op_count, deviation_count, byte_count;
  uint32_t step_limit;   /* scheduling points; reached: UNKNOWN. 0 means 20,000 */
  uint32_t thread_limit; /* simulated threads, at most DS_THREAD_MAX; reached: UNKNOWN. 0 = max */
  uint32_t model;        /* DS_MODEL_* */
  uint32_t checks;       /* DS_CHECK_* */
  /* Plain accesses that are carried out as relaxed atomic ones: scheduling points, with history,
   * in no race. Offsets in the target that calls of __tsan_read4() and the like return to. */
  uint32_t relaxed_count;
  const uint64_t *relaxed;
  uint32_t faults; /* DS_FAULT_* */
} ds_case;

enum { DS_THREAD_MAX = 192 };

/* ------------------------------------------------------------------ a strategy */

enum {
  DS_STRATEGY_REPLAY = 0,     /* the case's deviations, nothing else */
  DS_STRATEGY_RANDOM = 1,     /* uniform over the runnable threads at every point */
  DS_STRATEGY_STICKY = 2,     /* leave the running thread with probability sticky/256 */
  DS_STRATEGY_PCT = 3,        /* Burckhardt et al. 2010, clamped (ALGORITHMS 3.2) */
  DS_STRATEGY_BYTES = 4,      /* the case's bytes */
  DS_STRATEGY_EXHAUSTIVE = 5, /* depth first over all answers; ds_batch() only */
  DS_STRATEGY_POS = 6,        /* partial order sampling, Yuan et al. 2018 (ALGORITHMS 3.3) */
  DS_STRATEGY_URW = 7,        /* uniform over interleavings, counts from a profile (3.4) */
  DS_STRATEGY_SURW = 8,       /* uniform over the orders of one object, Zhao et al. 2025 (3.5) */
  DS_STRATEGY_RFF = 9,        /* POS under reads-from obligations, Wolff et al. 2024 (3.6) */
};

typedef struct ds_strategy {
  uint64_t seed;
  uint32_t kind;
  uint32_t sticky;      /* 1..256: chance in 256 of leaving the running thread */
  uint32_t pct_depth;   /* 1..32 */
  uint32_t pct_steps;   /* expected number of choices; 0: the longest run of this batch so far */
  uint32_t preemptions; /* exhaustive: at most so many switches away from a thread that can run */
  uint32_t obligations; /* rff: what a run asks for, two halves of 16 bits; 0: drawn */
} ds_strategy;

/* ------------------------------------------------------------------ a result */

enum { DS_PASS = 0, DS_UNKNOWN = 1, DS_FAIL = 2 };

enum {
  DS_OK = 0,
  DS_RULE = 1,          /* a rule of the target's driver */
  DS_DEADLOCK = 2,      /* nothing can run and somebody is not finished */
  DS_ASSERT = 3,        /* assert() of the target */
  DS_ABORT = 4,         /* abort() */
  DS_SEGV = 5,          /* SIGSEGV or SIGBUS in the target */
  DS_ARITHMETIC = 6,    /* SIGFPE, SIGILL or SIGTRAP in the target */
  DS_STACK = 7,         /* stack overflow of a thread or coroutine */
  DS_LOCK_MISUSE = 8,   /* unlock of a mutex that is not held, relock of a normal mutex, ... */
  DS_BAD_FREE = 9,      /* free of what is no live heap block */
  DS_HANG = 10,         /* no scheduling point for too long */
  DS_STEP_LIMIT = 11,   /* UNKNOWN, and a fair schedule from there on shows no livelock */
  DS_THREAD_LIMIT = 12, /* UNKNOWN */
  DS_MEMORY_LIMIT = 13, /* UNKNOWN: heap, stacks, file descriptors, events, stores kept ... */
  DS_UNSUPPORTED = 14,  /* UNKNOWN: the target made a call in a form the machine does not know */
  DS_RACE = 15,         /* data race; ds_races() lists them */
  DS_USE_AFTER_FREE = 16,
  DS_OUT_OF_BOUNDS = 17,
  DS_LEAK = 18,
  DS_LOST_WAKEUP = 19, /* nothing can run, but what somebody waits for (as the driver said) holds */
  DS_USE_AFTER_RETURN = 20, /* of what was on a stack, by a pointer that has outlived it */
  DS_LIVELOCK = 21,         /* under a fair schedule everybody who can run goes round for ever */
  DS_STARVATION = 22, /* under a fair schedule somebody never gets on, while others go round */
  DS_OUTCOMES = 23,
};

enum { DS_MARKS = 8 };

/* Where the machine shows less than the model allows. A run that met a limit (L) is UNKNOWN with
 * its name unless it failed; the others are counted. Who claims to have seen every run must not
 * have met one, but for stale reads, which such a claim names. */
enum {
  DS_BOUND_HISTORY = 1,  /* L. c11: an older store than those that are kept might have been read */
  DS_BOUND_STALE = 2,    /* c11: after many stale reads in a row a thread got the newest store */
  DS_BOUND_MIXED = 4,    /* c11: an atomic object was stored to unseen, or in another size */
  DS_BOUND_ACCESSES = 8, /* L. more accesses to 8 bytes than are kept: a race may be missed */
  DS_BOUND_BUFFER = 16,  /* L. tso: a full store buffer gave its oldest store away */
  DS_BOUND_COUNT = 5,
};

/* What is worth knowing of a run and no verdict: nobody could run, and only because a timer's time
 * had come the run went on ... */
enum {
  DS_REMARK_TIMER = 1,  /* ... while somebody was waiting for something else */
  DS_REMARK_MASKED = 2, /* ... while what somebody waits for (as the driver said) held already:
                           without the timer it would have been DS_LOST_WAKEUP */
  DS_REMARK_COUNT = 2,
};

/* Where somebody stands in a deadlock, and as the driver says it what for; equal ones once. */
typedef struct ds_wait {
  uint64_t pc;   /* offset in the target, 0 = not known */
  uint32_t kind; /* DS_EV_*, DS_EV_NONE: a parked task */
  char what[44];
} ds_wait;
enum { DS_WAITS = 8 };

typedef struct ds_result {
  uint32_t verdict; /* DS_PASS, DS_UNKNOWN, DS_FAIL */
  uint32_t outcome; /* DS_OK .. */
  uint32_t thread;  /* the simulated thread that was running */
  uint32_t task;    /* the logical task, 0 = none */
  uint64_t steps;   /* scheduling points */
  uint64_t choices; /* of these, with more than one runnable thread */
  uint64_t switches;
  uint64_t trace_hash; /* of every visible operation in order; only with DS_FLAG_HASH */
  uint64_t class_hash; /* of the order per object only (Mazurkiewicz class); DS_FLAG_HASH */
  uint64_t virtual_ns;
  uint64_t observed; /* the driver's ds_observe(), 0 = none */
  uint32_t threads;  /* simulated threads that were started */
  uint32_t ops_done, ops_skipped;
  uint32_t marks;     /* bit mask set by the driver with ds_mark() */
  uint32_t pct_steps; /* what PCT used: pass it to reproduce this very run */
  uint32_t deviation_count, event_count, waiter_count; /* recorded, see below */
  uint32_t obligations; /* what RFF asked for: pass it to reproduce this very run */
  uint32_t bounds;      /* DS_BOUND_*: approximations of the machine that this run met */
  uint32_t remarks;     /* DS_REMARK_* */
  uint32_t wait_count;  /* of waits */
  uint32_t shared;      /* 1 = two threads did something to the same object; DS_FLAG_HASH */
  uint32_t mixed;       /* race: one of the two is atomic */
  uint32_t runnable;    /* threads that could run while the waiters that are listed slept */
  uint32_t unused;
  uint64_t pc;       /* offset in the target's shared object, 0 = none */
  uint64_t other_pc; /* race: the earlier access; use after free: the free; 0 = none */
  uint64_t place;    /* race: as in ds_race */
  char rule[16];     /* "R1", empty when the machine itself judged */
  char site[96];     /* the driver's name of the check, or the failed expression; stable */
  char message[256];
  ds_wait waits[DS_WAITS]; /* of DS_DEADLOCK: those who wait for each other, else all who wait */
} ds_result;

/* Flags of ds_run() and ds_batch(). */
enum {
  DS_FLAG_RECORD = 1,    /* keep the deviations of the run: ds_deviations() */
  DS_FLAG_TRACE = 2,     /* keep the events of the run: ds_events() */
  DS_FLAG_HASH = 4,      /* compute trace_hash and class_hash */
  DS_FLAG_STOP = 8,      /* ds_batch() stops at the first FAIL */
  DS_FLAG_FEEDBACK = 16, /* fill the interleaving counters of ds_attach_counters() */
  DS_FLAG_TWICE = 32,    /* ds_batch() replays every run and stops if the replay differs */
};

enum { DS_OBSERVATIONS = 256, DS_PREEMPTIONS_ANY = 0xffffffffu };

/* One of the messages of DS_UNSUPPORTED. */
typedef struct ds_unsupported {
  uint64_t runs; /* that ended with it; 0 = this entry is free */
  char message[88];
} ds_unsupported;
enum { DS_UNSUPPORTED_KINDS = 8 };

typedef struct ds_totals {
  uint64_t runs, pass, unknown, fail;
  uint64_t steps, choices, switches;
  uint64_t marked[DS_MARKS]; /* runs in which the driver set this bit */
  uint64_t marked_any;       /* runs in which the driver set any bit */
  uint64_t shared;           /* runs in which two threads met at an object (DS_FLAG_HASH) */
  uint64_t new_classes;      /* class hashes that this machine had not seen (DS_FLAG_HASH) */
  uint64_t op_done[256], op_skipped[256]; /* per operation code */
  uint64_t outcome[DS_OUTCOMES];
  uint64_t bounded[DS_BOUND_COUNT];   /* runs that met DS_BOUND_* number i */
  uint64_t remarked[DS_REMARK_COUNT]; /* runs with DS_REMARK_* number i, and the first one's seed */
  uint64_t first_remarked_seed[DS_REMARK_COUNT];
  /* Distinct values that the driver gave to ds_observe(), and how many runs gave each; values
   * beyond the last place are counted in observations_lost. */
  uint64_t observed[DS_OBSERVATIONS], observed_runs[DS_OBSERVATIONS];
  uint32_t observed_count;
  uint32_t exhausted; /* exhaustive: 1 = every schedule within the bounds was run */
  uint64_t observations_lost;
  uint64_t suppressed;    /* runs that showed a suppressed race and nothing worse */
  int64_t single_classes; /* change in the number of classes that only one run has shown */
  uint64_t unrepeated;    /* DS_FLAG_TWICE: runs whose replay differed, and the first one's seed */
  uint64_t first_unrepeated_seed;
  /* What DS_UNSUPPORTED runs said, without gaps; runs with a further message are not in it. */
  ds_unsupported unsupported[DS_UNSUPPORTED_KINDS];
  uint64_t first_fail_seed; /* with the two below: the run to repeat */
  uint32_t first_fail_pct_steps;
  uint32_t first_fail_obligations;
  ds_result first_fail;
} ds_totals;

/* ------------------------------------------------------------------ events and waiters */

enum {
  DS_EV_NONE,
  DS_EV_OPERATION,
  DS_EV_SKIP,
  DS_EV_NOTE,
  DS_EV_LOAD,
  DS_EV_STORE,
  DS_EV_RMW,
  DS_EV_CAS,
  DS_EV_CAS_FAILED,
  DS_EV_FENCE,
  DS_EV_LOCK,
  DS_EV_TRYLOCK_FAILED,
  DS_EV_UNLOCK,
  DS_EV_WAIT,
  DS_EV_SIGNAL,
  DS_EV_BROADCAST,
  DS_EV_CREATE,
  DS_EV_START,
  DS_EV_JOIN,
  DS_EV_EXIT,
  DS_EV_ONCE,
  DS_EV_POLL,
  DS_EV_READ,
  DS_EV_WRITE,
  DS_EV_SLEEP,
  DS_EV_YIELD,
  DS_EV_WOKEN,
  DS_EV_FAIL,
  DS_EV_LOOP, /* of a waiter only: it goes round, with an object: looks at it; its stack is where */
  DS_EV_FAULT, /* its value is the DS_KIND_* of the question, its text says what failed */
  DS_EV_AWAIT, /* of a waiter only: ds_await(), its text is what for */
  DS_EVENTS,
};

typedef struct ds_event {
  uint64_t object;   /* canonical name of the object, the same in every process; 0 = none */
  uint64_t value;    /* value read or written, canonical; operation: code | a << 8 | b << 16 */
  uint64_t old;      /* value before a store or read-modify-write */
  uint64_t pc;       /* offset in the target's shared object */
  uint32_t step;     /* scheduling points before it, over all threads */
  uint32_t position; /* scheduling points before it in its own thread */
  uint32_t text;     /* offset into ds_text(), 0 = none (notes, failures) */
  uint16_t thread, task;
  uint8_t kind, size, actor, order; /* DS_EV_*, bytes accessed, operation's actor, memory order */
  uint32_t reserved;
} ds_event;

enum { DS_HOLDERS = 8 };

/* Who was waiting for what when the run ended because somebody did (threads first, then tasks). */
typedef struct ds_waiter {
  uint64_t object;
  uint64_t pc[12];     /* stack, innermost first, offsets in the target; 0 ends it */
  int32_t thread;      /* simulated thread, -1 for a parked task */
  int32_t task;        /* logical task that runs there or is parked, 0 = none */
  int32_t holder;      /* thread that holds the object, -1 = none known */
  int32_t holder_task; /* logical task that holds it, 0 = none known */
  uint32_t kind;       /* DS_EV_* of the blocked operation */
  uint32_t text;       /* offset into ds_text(): what the driver says that it waits for */
  uint32_t said;       /* the same: of a thread that stands before something in the course of it */
  uint32_t holder_count;        /* logical tasks that hold it, as the driver lists them ... */
  uint16_t holders[DS_HOLDERS]; /* ... and the first of these; holder_task is one of them */
} ds_waiter;

/* Where a race is: nothing of it depends on the schedule. A file-scope variable, by its offset in
 * the target; a word of a heap block that is small enough to be a structure, by its offset in
 * there; 0 = neither. */
enum {
  DS_PLACE_SHIFT = 40, /* place: kind << 40 | offset in bytes */
  DS_PLACE_MODULE = 2, /* such a place is the variable's canonical name */
  DS_PLACE_BLOCK = 6,
  DS_PLACE_BLOCK_BYTES = 512, /* the largest block whose words are told apart */
};

/* A distinct data race: the same pair of sites is listed once for each place. */
typedef struct ds_race {
  uint64_t pc, other_pc; /* offsets in the target: this access, the earlier one; 0 = none known */
  uint64_t object;       /* canonical name of the first address at which it was seen */
  uint64_t place;        /* DS_PLACE_* */
  uint64_t count;        /* runs in which it was seen */
  uint64_t first_seed;
  uint16_t thread, other_thread;
  uint8_t write, other_write;
  uint8_t mixed;       /* one of the two is atomic */
  uint8_t in_last_run; /* the last run of this machine showed it */
  uint8_t suppressed;  /* by ds_suppress(): counted, but no failure */
  uint8_t reserved[7];
} ds_race;

/* ------------------------------------------------------------------ calls */

DS_API uint32_t ds_abi_version(void);

/* sizeof of the structs above, by index: op, deviation, case, strategy, result, totals, event,
 * waiter, race. native.py compares them with its own before the first call. */
DS_API uint32_t ds_abi_size(uint32_t which);

/* A machine, or NULL with a message in error[error_size]. Reserves address space, no memory. */
DS_API ds_machine *ds_machine_create(char *error, size_t error_size);
DS_API void ds_machine_destroy(ds_machine *machine);

/*
 * Load a target. `path` must be a file that no other machine has loaded (a private copy); it may
 * be unlinked afterwards. One target per machine. 0, or -1 with a message.
 */
DS_API int ds_machine_load(ds_machine *machine, const char *path, char *error, size_t error_size);

/* Processor time in ns of so many switches between two fibers that do nothing else: what the price
 * of a scheduling point is compared with. Needs no machine. */
DS_API uint64_t ds_bare_switches(uint64_t count);

/* Names of all symbols that a target's stub must define, NULL-terminated. */
DS_API const char *const *ds_stub_symbols(void);

/* Run one case once. Returns the verdict. */
DS_API uint32_t ds_run(ds_machine *machine, const ds_case *c, const ds_strategy *strategy,
                       uint32_t flags, ds_result *result);

/* Run `count` schedules of one case with seeds seed, seed+1, ...; totals are added to *totals. */
DS_API uint32_t ds_batch(ds_machine *machine, const ds_case *c, const ds_strategy *strategy,
                         uint64_t count, uint32_t flags, ds_totals *totals);

/* Ask a running ds_batch() of this machine to return after the current run; any thread. */
DS_API void ds_interrupt(ds_machine *machine);

/* What the last ds_run() left, copied out; each returns how many there are in all. */
DS_API uint32_t ds_deviations(const ds_machine *machine, ds_deviation *out, uint32_t capacity);
DS_API uint32_t ds_events(const ds_machine *machine, ds_event *out, uint32_t capacity);
DS_API uint32_t ds_waiters(const ds_machine *machine, ds_waiter *out, uint32_t capacity);
/* The races seen by this machine since ds_races_clear(). */
DS_API uint32_t ds_races(const ds_machine *machine, ds_race *out, uint32_t capacity);
DS_API void ds_races_clear(ds_machine *machine);
/* Races between these two offsets (in either order) at this place, of which one is atomic or none
 * (ds_race.mixed), fail no run from now on; until cleared. */
DS_API void ds_suppress(ds_machine *machine, uint64_t pc, uint64_t other_pc, uint64_t place,
                        uint32_t mixed);
DS_API void ds_suppress_clear(ds_machine *machine);
/* Text of an event or waiter; name of a task ("co1"); name of a canonical object. Never NULL. */
DS_API const char *ds_text(const ds_machine *machine, uint32_t offset);
/* The latter two: until the next call of either. */
DS_API const char *ds_task_name(ds_machine *machine, uint32_t task);
DS_API const char *ds_object_name(ds_machine *machine, uint64_t object);

/* Code coverage (targets compiled with -fsanitize-coverage=trace-pc): one byte per byte of the
 * target's text, set for the return address of every basic block that ran since the last clear. */
DS_API const uint8_t *ds_coverage(const ds_machine *machine, uint64_t *size);
DS_API void ds_coverage_clear(ds_machine *machine);

/* Give interleaving counters to libFuzzer inside the shared object `core_path` (atheris' core).
 * Process-wide, once. 0 or -1 with a message. */
DS_API int ds_attach_counters(const char *core_path, char *error, size_t error_size);

#endif
