/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every test program of this folder needs: CHECK(), and a machine whose "target" is a function
 * of the test itself, which calls the engine's simulated POSIX directly. No shared object is
 * loaded.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <stdio.h>
#include <stdlib.h>

#include "memory.h"
#include "posix.h"
#include "strategy.h"

static int failures;

/* Goes on after a failure; main() returns `failures != 0`. */
#define CHECK(truth)                                                                               \
  do {                                                                                             \
    if (!(truth)) {                                                                                \
      failures++;                                                                                  \
      fprintf(stderr, "%s:%d: CHECK(%s) failed\n", __FILE__, __LINE__, #truth);                    \
    }                                                                                              \
  } while (0)

static inline int stuck(void)
{
  return DS_IDLE_STUCK;
}

static inline ds_machine *machine_create(void)
{
  char error[128];
  ds_machine *m = ds_machine_create(error, sizeof error);

  if (!m) {
    fprintf(stderr, "%s\n", error);
    exit(2);
  }
  m->target.driver_idle = stuck;
  return m;
}

/* Run `body` as the first thread. seed 0: the quiet schedule. */
static inline ds_result run(ds_machine *m, void (*body)(void), uint32_t model, uint64_t seed)
{
  const ds_case input = {.model = model, .checks = DS_CHECK_ACCESS};
  const ds_strategy strategy = {.kind = seed ? DS_STRATEGY_RANDOM : DS_STRATEGY_REPLAY,
                                .seed = seed};
  ds_result result;

  m->target.driver_main = body;
  ds_run(m, &input, &strategy, 0, &result);
  return result;
}

/* Start a thread and wait for it. */
static inline void *in_thread(void *(*start)(void *), void *argument)
{
  pthread_t thread;
  void *value = NULL;

  sim_thread_create(&thread, NULL, start, argument);
  sim_thread_join(thread, &value);
  return value;
}

#endif
