/* SPDX-License-Identifier: Apache-2.0 */
/* The stores that c11 keeps of an atomic object, and which of them a thread may read. */
#include "harness.h"

#define LANES NARROW_LANES
#define MODEL memory_tested
#define WIDER &memory_c11_wide
#define STATE 0
#define HISTORY_FILE "memory_history.inc"
#include "memory_c11.inc"

static _Alignas(8) int object;

static atomic_access at(int order)
{
  return (atomic_access){(uintptr_t)&object, 0, sizeof object, order};
}

/* Objects of the test lie in its own data: give the machine cells for them. */
static access_cell cells[2];

static location *history(void)
{
  ds_machine *m = ds_current;
  access_cell *c = access_atomic(m, (uintptr_t)&object, sizeof object, 0, 0);
  return location_of(m, state_of(m), c, at(ORDER_RELAXED), (wide_value)(uint32_t)object);
}

static uint32_t options(int order)
{
  ds_machine *m = ds_current;
  return readable(state_of(m), self(m, state_of(m)), history(), order);
}

static void store(int value, int order)
{
  const atomic_access a = at(order);

  ds_current->model->store(ds_current, &a, (wide_value)(uint32_t)value);
}

static int load(int order)
{
  const atomic_access a = at(order);

  return (int)ds_current->model->load(ds_current, &a);
}

static void *sees_all_that_are_kept(void *stores)
{
  const int count = *(int *)stores;

  CHECK(history()->kept == count + 1); /* and the first value */
  CHECK(newest(history())->value == (wide_value)count);
  CHECK(options(ORDER_RELAXED) == 1); /* it was created after all of them */
  return NULL;
}

static int number_of_stores;

static void *count_up(void *unused)
{
  for (int i = 1; i <= number_of_stores; i++) {
    store(i, ORDER_RELAXED);
    CHECK(options(ORDER_RELAXED) == 1); /* it knows its own */
  }
  return unused;
}

/* Run to its end beside main, not joined: main knows none of its stores. */
static void let_it_run(void *(*start)(void *))
{
  pthread_t thread;
  ds_machine *m = ds_current;

  sim_thread_create(&thread, NULL, start, NULL);
  while (!m->fibers[m->fiber_count - 1].done) {
    sim_yield();
  }
}

static void a_stranger_may_read_what_is_kept(void)
{
  number_of_stores = 12;
  history();
  let_it_run(count_up);
  CHECK(history()->stores == 13);
  CHECK(options(ORDER_RELAXED) == 13);
  load(ORDER_RELAXED);
  CHECK(!(ds_current->result->bounds & DS_BOUND_HISTORY));
  in_thread(sees_all_that_are_kept, &number_of_stores);
}

static void a_history_is_as_deep_as_somebody_may_read_it(void)
{
  number_of_stores = 2 * HISTORY_MOST;
  history();
  let_it_run(count_up);
  CHECK(options(ORDER_RELAXED) == HISTORY_MOST);
  CHECK(history()->lost);
  load(ORDER_RELAXED);
  CHECK(ds_current->result->bounds & DS_BOUND_HISTORY);
}

static void what_nobody_may_read_is_forgotten(void)
{
  number_of_stores = 2 * HISTORY_MOST;
  history();
  count_up(NULL);
  CHECK(history()->ring == history()->records);
  CHECK(!history()->lost);
}

static void only_a_model_with_old_stores_keeps_them(void)
{
  ds_current->weak = 0;
  number_of_stores = 2 * HISTORY_MOST;
  history();
  let_it_run(count_up);
  CHECK(history()->ring == history()->records);
  CHECK(load(ORDER_RELAXED) == 2 * HISTORY_MOST);
  CHECK(!ds_current->result->bounds);
  ds_current->weak = 1;
}

static void a_short_history_is_kept_whole(void)
{
  number_of_stores = 3;
  history();
  let_it_run(count_up);
  CHECK(options(ORDER_RELAXED) == 4);
  load(ORDER_RELAXED);
  CHECK(!(ds_current->result->bounds & DS_BOUND_HISTORY));
  number_of_stores = 3;
  CHECK(options(ORDER_RELAXED) == 1); /* quiet: it has read the newest, and knows it now */
}

static void *store_sc_between(void *unused)
{
  store(1, ORDER_RELAXED);
  store(2, ORDER_SEQ_CST);
  store(3, ORDER_RELAXED);
  return unused;
}

static void a_seq_cst_store_hides_older_ones_from_seq_cst_loads(void)
{
  history();
  let_it_run(store_sc_between);
  CHECK(options(ORDER_RELAXED) == 4);
  CHECK(options(ORDER_SEQ_CST) == 2);
  ds_current->model->fence(ds_current, ORDER_SEQ_CST);
  CHECK(options(ORDER_RELAXED) == 2); /* the fence comes after the store in the order of all */
}

static void *store_and_fence(void *unused)
{
  store(1, ORDER_RELAXED);
  ds_current->model->fence(ds_current, ORDER_SEQ_CST);
  store(2, ORDER_RELAXED);
  return unused;
}

static void a_fence_shows_what_came_before_a_fence(void)
{
  history();
  let_it_run(store_and_fence);
  CHECK(options(ORDER_RELAXED) == 3);
  CHECK(options(ORDER_SEQ_CST) == 2);
  ds_current->model->fence(ds_current, ORDER_ACQ_REL);
  CHECK(options(ORDER_RELAXED) == 3);
  ds_current->model->fence(ds_current, ORDER_SEQ_CST);
  CHECK(options(ORDER_RELAXED) == 2);
}

static void *release_and_go_on(void *unused)
{
  store(1, ORDER_RELEASE);
  store(2, ORDER_RELAXED);
  return unused;
}

static void *add_and_overwrite(void *unused)
{
  const atomic_access a = at(ORDER_RELAXED);

  ds_current->model->rmw(ds_current, &a, RMW_ADD, 1);
  return unused;
}

static void *overwrite(void *unused)
{
  store(9, ORDER_RELAXED);
  return unused;
}

/* 5.1.2.4: continued by the same thread and by read-modify-writes, ended by another's store. */
static void a_release_sequence_ends_with_a_store_of_another_thread(void)
{
  const ds_machine *m = ds_current;

  history();
  let_it_run(release_and_go_on);
  const uint16_t head = newest(history())->release;
  CHECK(head != 0);
  CHECK(state_of(m)->clocks[head].lane[1] == 1);
  let_it_run(add_and_overwrite);
  CHECK(newest(history())->value == 3);
  CHECK(newest(history())->release == head);
  let_it_run(overwrite);
  CHECK(newest(history())->release == 0);
}

static void a_plain_store_restarts_the_history(void)
{
  number_of_stores = 5;
  history();
  let_it_run(count_up);
  CHECK(options(ORDER_RELAXED) == 6);
  object = 77;
  CHECK(options(ORDER_RELAXED) == 1);
  CHECK(newest(history())->value == 77);
  CHECK(ds_current->result->bounds & DS_BOUND_MIXED);
}

static void a_plain_store_behind_all_others_loses_nothing(void)
{
  number_of_stores = 5;
  history();
  in_thread(count_up, NULL);
  access_plain(ds_current, (uintptr_t)&object, sizeof object, STAMP_WRITE, 0);
  object = 77;
  CHECK(options(ORDER_RELAXED) == 1);
  CHECK(newest(history())->value == 77);
  CHECK(!ds_current->result->bounds);
  object = 78; /* and once more, unseen */
  CHECK(newest(history())->value == 78);
  CHECK(ds_current->result->bounds & DS_BOUND_MIXED);
}

static void reading_old_stores_ends(void)
{
  ds_machine *m = ds_current;
  thread_state *t = self(m, state_of(m));

  number_of_stores = 5;
  history();
  let_it_run(count_up);
  t->stale = STALE_MOST;
  CHECK(load(ORDER_RELAXED) == 5);
  CHECK(m->result->bounds & DS_BOUND_STALE);
  CHECK(t->stale == 0);
}

int main(void)
{
  static void (*const tests[])(void) = {
      a_stranger_may_read_what_is_kept,
      a_history_is_as_deep_as_somebody_may_read_it,
      what_nobody_may_read_is_forgotten,
      only_a_model_with_old_stores_keeps_them,
      a_short_history_is_kept_whole,
      a_seq_cst_store_hides_older_ones_from_seq_cst_loads,
      a_fence_shows_what_came_before_a_fence,
      a_release_sequence_ends_with_a_store_of_another_thread,
      a_plain_store_restarts_the_history,
      a_plain_store_behind_all_others_loses_nothing,
      reading_old_stores_ends,
  };
  ds_machine *m = machine_create();

  m->target.writable = (range){(uintptr_t)&object, sizeof object};
  m->target.cells = cells;
  for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
    object = 0;
    const uint32_t met = tests[i] == a_history_is_as_deep_as_somebody_may_read_it;
    CHECK(run(m, tests[i], DS_MODEL_C11, 0).outcome == (met ? DS_MEMORY_LIMIT : DS_OK));
  }
  m->target.cells = NULL;
  ds_machine_destroy(m);
  return failures != 0;
}
