/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the graph lock costs with real threads and a plain build, without the machine:
 *
 *   realthreads pair N        N read sections in an IOThread, and N times two full fences
 *   realthreads threads T N   N read sections in each of T IOThreads at once
 *   realthreads line T N      the same counting without the lock, T counters in one cache line
 *   realthreads writer C N    N write sections while there are C contexts
 *
 * Prints numbers: nanoseconds per turn, by the clock and by the thread's processor time.
 */
#include "aio/aio.h"
#include "aio/iothread.h"
#include "aio/main_loop.h"
#include "coroutine/coroutine.h"
#include "graph/graph_lock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { THREADS_MAX = 16, CONTEXTS_MAX = 4096, FILES_SPARE = 64, FILES_PER_CONTEXT = 2 };

static double now(clockid_t clock)
{
  struct timespec time;
  clock_gettime(clock, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* ------------------------------------------------------------------ readers */

typedef struct Reader {
  unsigned long turns;
  void (*turn)(struct Reader *reader);
  _Atomic uint32_t *count; /* for count_once() */
  double clock, processor; /* results, ns per turn */
} Reader;

static _Atomic unsigned waiting, running, done;

static void read_once(Reader *reader)
{
  (void)reader;
  bdrv_graph_co_rdlock();
  bdrv_graph_co_rdunlock();
}

static void fence_twice(Reader *reader)
{
  (void)reader;
  atomic_thread_fence(memory_order_seq_cst);
  atomic_thread_fence(memory_order_seq_cst);
}

/* What the two counter updates of a read section do to their cache line. */
static void count_once(Reader *reader)
{
  for (int i = 0; i < 2; i++) {
    uint32_t before = atomic_load_explicit(reader->count, memory_order_relaxed);
    atomic_store_explicit(reader->count, before + 1, memory_order_release);
    atomic_thread_fence(memory_order_seq_cst);
  }
}

static void coroutine_fn read_co(void *opaque)
{
  Reader *reader = opaque;

  atomic_fetch_sub(&waiting, 1);
  while (atomic_load(&waiting) > 0) {
    /* all begin together */
  }
  double clock = now(CLOCK_MONOTONIC);
  double processor = now(CLOCK_THREAD_CPUTIME_ID);
  for (unsigned long i = 0; i < reader->turns; i++) {
    reader->turn(reader);
  }
  reader->processor = (now(CLOCK_THREAD_CPUTIME_ID) - processor) / (double)reader->turns;
  reader->clock = (now(CLOCK_MONOTONIC) - clock) / (double)reader->turns;
  atomic_fetch_sub(&running, 1);
  while (atomic_load(&running) > 0) {
    reader->turn(reader); /* nobody's last turns are lonely */
  }
  atomic_fetch_add(&done, 1);
}

/* All in IOThreads of their own, at once. */
static void run_readers(Reader *readers, unsigned count)
{
  IOThread *iothreads[THREADS_MAX];

  atomic_store(&waiting, count);
  atomic_store(&running, count);
  atomic_store(&done, 0);
  for (unsigned i = 0; i < count; i++) {
    iothreads[i] = iothread_create();
  }
  for (unsigned i = 0; i < count; i++) {
    aio_co_schedule(iothread_get_aio_context(iothreads[i]),
                    qemu_coroutine_create(read_co, &readers[i]));
  }
  while (atomic_load(&done) < count) {
    struct timespec pause = {.tv_nsec = 1000000};
    nanosleep(&pause, NULL); /* not in the readers' way */
  }
  for (unsigned i = 0; i < count; i++) {
    iothread_stop(iothreads[i]);
    iothread_destroy(iothreads[i]);
  }
}

static void print_readers(const Reader *readers, unsigned count)
{
  for (unsigned i = 0; i < count; i++) {
    printf("%.3f %.3f\n", readers[i].clock, readers[i].processor);
  }
}

static void measure_pair(unsigned long turns)
{
  Reader readers[] = {{.turns = turns, .turn = read_once}, {.turns = turns, .turn = fence_twice}};

  run_readers(&readers[0], 1);
  run_readers(&readers[1], 1);
  print_readers(readers, 2);
}

static void measure_threads(unsigned threads, unsigned long turns, bool one_line)
{
  static _Alignas(64) _Atomic uint32_t counts[THREADS_MAX];
  Reader readers[THREADS_MAX];

  for (unsigned i = 0; i < threads; i++) {
    readers[i] =
        (Reader){.turns = turns, .turn = one_line ? count_once : read_once, .count = &counts[i]};
  }
  run_readers(readers, threads);
  print_readers(readers, threads);
}

/* ------------------------------------------------------------------ the writer */

static void measure_writer(unsigned contexts, unsigned long turns)
{
  static AioContext *made[CONTEXTS_MAX];
  unsigned more = contexts - 1; /* the main context is one */

  for (unsigned i = 0; i < more; i++) {
    made[i] = aio_context_new();
  }
  double clock = now(CLOCK_MONOTONIC);
  double processor = now(CLOCK_THREAD_CPUTIME_ID);
  for (unsigned long i = 0; i < turns; i++) {
    bdrv_graph_wrlock();
    bdrv_graph_wrunlock();
  }
  processor = (now(CLOCK_THREAD_CPUTIME_ID) - processor) / (double)turns;
  clock = (now(CLOCK_MONOTONIC) - clock) / (double)turns;
  printf("%.3f %.3f\n", clock, processor);
  for (unsigned i = 0; i < more; i++) {
    aio_context_unref(made[i]);
  }
}

/* ------------------------------------------------------------------ */

static unsigned long number(const char *text, unsigned long most)
{
  char *end;
  unsigned long value = strtoul(text, &end, 10);
  if (*end || value == 0 || value > most) {
    fprintf(stderr, "realthreads: '%s' is not a number of 1..%lu\n", text, most);
    exit(2);
  }
  return value;
}

static void allow_files(unsigned long files)
{
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < files) {
    limit.rlim_cur = files;
    if (limit.rlim_max < files) {
      limit.rlim_max = files;
    }
    if (setrlimit(RLIMIT_NOFILE, &limit)) {
      perror("realthreads: too few open files are allowed (ulimit -n)");
      exit(2);
    }
  }
}

int main(int argc, char **argv)
{
  const char *what = argc > 1 ? argv[1] : "";
  const unsigned long turns_most = 1000000000;

  if (argc == 3 && strcmp(what, "pair") == 0) {
    qemu_init_main_loop();
    measure_pair(number(argv[2], turns_most));
  } else if (argc == 4 && (strcmp(what, "threads") == 0 || strcmp(what, "line") == 0)) {
    qemu_init_main_loop();
    measure_threads((unsigned)number(argv[2], THREADS_MAX), number(argv[3], turns_most),
                    strcmp(what, "line") == 0);
  } else if (argc == 4 && strcmp(what, "writer") == 0) {
    unsigned contexts = (unsigned)number(argv[2], CONTEXTS_MAX);
    allow_files(contexts * FILES_PER_CONTEXT + FILES_SPARE);
    qemu_init_main_loop();
    measure_writer(contexts, number(argv[3], turns_most));
  } else {
    fprintf(stderr, "usage: realthreads pair N | threads T N | line T N | writer C N\n");
    return 2;
  }
  qemu_coroutine_pool_cleanup();
  qemu_cleanup_main_loop();
  return 0;
}
