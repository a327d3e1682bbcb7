/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs of whole targets, for tools that check the engine: batches FILE OPERATIONS RUNS SKIP...
 * runs each operation of a target alone, as main's, under every memory model and strategy, with
 * everything recorded that can be. SKIP: operations that are left out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"

enum { FAULTS = 0xff }; /* every kind of fault may be injected */

static ds_machine *machine;
static ds_totals totals;

static void look_at_what_is_left(void)
{
  static ds_deviation deviations[4096];
  static ds_event events[4096];
  static ds_waiter waiters[512];
  static ds_race races[64];
  const uint32_t count = ds_events(machine, events, 4096);
  const uint32_t waiting = ds_waiters(machine, waiters, 512);

  ds_deviations(machine, deviations, 4096);
  ds_races(machine, races, 64);
  for (uint32_t i = 0; i < count && i < 4096; i++) {
    ds_text(machine, events[i].text);
    ds_task_name(machine, events[i].task);
    ds_object_name(machine, events[i].object);
  }
  for (uint32_t i = 0; i < waiting && i < 512; i++) {
    ds_object_name(machine, waiters[i].object);
  }
}

static void run_operation(uint8_t code, uint64_t runs, uint32_t model, uint32_t kind)
{
  const ds_op operation = {.actor = 0, .code = code, .a = 3, .b = 5};
  const uint8_t bytes[] = {7, 0, 1, 250, 3, 0, 0, 90, 2, 1, 1, 4};
  const ds_case input = {.ops = &operation,
                         .op_count = 1,
                         .bytes = bytes,
                         .byte_count = sizeof bytes,
                         .step_limit = 400,
                         .model = model,
                         .faults = FAULTS,
                         .checks = DS_CHECK_ACCESS | DS_CHECK_LEAK | DS_CHECK_SPURIOUS};
  const ds_strategy strategy = {
      .kind = kind, .seed = 1, .sticky = 32, .pct_depth = 3, .preemptions = 1};
  ds_result result;

  ds_races_clear(machine);
  ds_batch(machine, &input, &strategy, runs, DS_FLAG_HASH | DS_FLAG_FEEDBACK | DS_FLAG_TWICE,
           &totals);
  if (kind != DS_STRATEGY_EXHAUSTIVE) {
    ds_run(machine, &input, &strategy, DS_FLAG_RECORD | DS_FLAG_TRACE | DS_FLAG_HASH, &result);
    look_at_what_is_left();
  }
}

static int is_skipped(int code, int argc, char **argv)
{
  for (int i = 4; i < argc; i++) {
    if (atoi(argv[i]) == code) {
      return 1;
    }
  }
  return 0;
}

int main(int argc, char **argv)
{
  char error[256];

  if (argc < 4) {
    fprintf(stderr, "usage: batches FILE OPERATIONS RUNS [SKIPPED OPERATION ...]\n");
    return 2;
  }
  machine = ds_machine_create(error, sizeof error);
  if (!machine || ds_machine_load(machine, argv[1], error, sizeof error)) {
    fprintf(stderr, "%s\n", error);
    return 2;
  }
  for (int code = 0; code < atoi(argv[2]); code++) {
    for (uint32_t model = 0; model < DS_MODELS && !is_skipped(code, argc, argv); model++) {
      for (uint32_t kind = 0; kind <= DS_STRATEGY_RFF; kind++) {
        run_operation((uint8_t)code, (uint64_t)atoi(argv[3]), model, kind);
      }
    }
  }
  printf("%llu runs, %llu failed, %llu unknown, %llu not repeated\n",
         (unsigned long long)totals.runs, (unsigned long long)totals.fail,
         (unsigned long long)totals.unknown, (unsigned long long)totals.unrepeated);
  ds_machine_destroy(machine);
  return totals.unrepeated != 0;
}
