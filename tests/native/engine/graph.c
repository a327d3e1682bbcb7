/* SPDX-License-Identifier: Apache-2.0 */
/* The growing modification order of c11-graph: what is ordered, by whom, and what is forgotten. */
#include "harness.h"

#define LANES NARROW_LANES
#define MODEL memory_tested
#define WIDER &memory_graph_wide
#define STATE 2
#define HISTORY_FILE "memory_graph.inc"
#include "memory_c11.inc"

static _Alignas(8) int object;
static access_cell cells[2];

static atomic_access at(int order)
{
  return (atomic_access){(uintptr_t)&object, 0, sizeof object, order};
}

static location *history(void)
{
  ds_machine *m = ds_current;
  access_cell *c = access_atomic(m, (uintptr_t)&object, sizeof object, 0, 0);
  return location_of(m, state_of(m), c, at(ORDER_RELAXED), (wide_value)(uint32_t)object);
}

static void store(int value, int order)
{
  const atomic_access a = at(order);

  ds_current->model->store(ds_current, &a, (wide_value)(uint32_t)value);
}

static const record *stored(int value)
{
  const location *l = history();

  for (uint32_t i = 0; i < l->count; i++) {
    if (l->records[i].value == (wide_value)(uint32_t)value) {
      return &l->records[i];
    }
  }
  return NULL;
}

static int comes_before(int early, int late)
{
  const location *l = history();
  const record *a = stored(early), *b = stored(late);

  return a && b &&
         (a->block == b->block ? a->place < b->place : (l->before[b->block] & BIT(a->block)) != 0);
}

static uint32_t options(void)
{
  ds_machine *m = ds_current;
  const location *l = history();
  const knowledge k = known_stores(state_of(m), self(m, state_of(m)), l, ORDER_RELAXED);
  uint32_t count = 0;

  for (uint32_t i = 0; i < l->count; i++) {
    count += (uint32_t)readable(&k, &l->records[i]);
  }
  return count;
}

static void let_it_run(void *(*start)(void *), void *argument)
{
  pthread_t thread;
  ds_machine *m = ds_current;

  sim_thread_create(&thread, NULL, start, argument);
  while (!m->fibers[m->fiber_count - 1].done) {
    sim_yield();
  }
}

static void *store_this(void *value)
{
  store(*(int *)value, ORDER_RELAXED);
  return NULL;
}

static void *store_two(void *value)
{
  store(*(int *)value, ORDER_RELAXED);
  store(*(int *)value + 1, ORDER_RELAXED);
  return NULL;
}

static void *add_one(void *unused)
{
  const atomic_access a = at(ORDER_RELAXED);

  ds_current->model->rmw(ds_current, &a, RMW_ADD, 1);
  return unused;
}

static void stores_of_strangers_are_not_ordered(void)
{
  int one = 10, other = 20;

  history();
  let_it_run(store_two, &one);
  let_it_run(store_two, &other);
  CHECK(comes_before(10, 11) && comes_before(20, 21));
  CHECK(!comes_before(11, 20) && !comes_before(21, 10) && !comes_before(10, 20));
  CHECK(comes_before(0, 10) && comes_before(0, 20));
  CHECK(options() == 5);
  CHECK(object == 21);
}

static void what_was_read_before_comes_before(void)
{
  int one = 10, other = 20;
  ds_machine *m = ds_current;

  history();
  let_it_run(store_this, &one);
  let_it_run(store_this, &other);
  CHECK(!comes_before(10, 20));
  location *l = history();
  thread_state *t = self(m, state_of(m));
  note_read(m, state_of(m), t, l, (record *)stored(20), ORDER_RELAXED, 0);
  CHECK(options() == 2); /* 20 again, or 10, which would come after it */
  put_after(l, BIT(stored(20)->block), stored(10)->block);
  CHECK(comes_before(20, 10));
  CHECK(object == 10); /* memory has the last one */
  store(30, ORDER_RELAXED);
  CHECK(comes_before(20, 30) && !comes_before(10, 30));
}

static void order_is_closed(void)
{
  int values[] = {10, 20, 30, 40};

  history();
  for (int i = 0; i < 4; i++) {
    let_it_run(store_this, &values[i]);
  }
  location *l = history();
  put_after(l, BIT(stored(10)->block), stored(20)->block);
  put_after(l, BIT(stored(30)->block), stored(40)->block);
  CHECK(!comes_before(10, 40));
  put_after(l, BIT(stored(20)->block), stored(30)->block);
  CHECK(comes_before(10, 40) && comes_before(20, 40) && comes_before(10, 30));
  CHECK(!comes_before(40, 10) && !comes_before(30, 20));
}

static void a_read_modify_write_stays_with_what_it_read(void)
{
  int one = 10, other = 20;

  history();
  let_it_run(store_this, &one);
  let_it_run(add_one, NULL);
  CHECK(stored(11)->block == stored(10)->block);
  CHECK(stored(11)->place == stored(10)->place + 1);
  let_it_run(store_this, &other);
  CHECK(!comes_before(20, 11) && !comes_before(11, 20));
  CHECK(!is_last(history(), stored(10)) && is_last(history(), stored(11)));
  put_after(history(), BIT(stored(20)->block), stored(11)->block);
  CHECK(comes_before(20, 10)); /* nothing comes between the two */
}

static void what_everybody_knows_is_forgotten(void)
{
  const location *l = history();

  for (int i = 1; i < 3 * RECORDS; i++) {
    store(i, ORDER_RELAXED);
    CHECK(newest(history())->value == (wide_value)(uint32_t)i);
  }
  CHECK(l->count < RECORDS);
  CHECK(!stored(1) && stored(3 * RECORDS - 1));
  CHECK(options() == 1);
  for (int i = 0; i < 3 * RECORDS; i++) {
    add_one(NULL);
  }
  CHECK(object == 6 * RECORDS - 1);
}

static void *wait_for_ever(void *unused)
{
  for (;;) {
    sim_yield();
  }
  return unused;
}

/* Somebody lives who knows none of them: nothing may be forgotten. */
static void a_limit_is_a_limit(void)
{
  pthread_t thread;

  history();
  sim_thread_create(&thread, NULL, wait_for_ever, NULL);
  for (int i = 1; i < 3 * RECORDS; i++) {
    store(i, ORDER_RELAXED);
    CHECK(stored(1) != NULL);
  }
  CHECK(0);
}

int main(void)
{
  static void (*const tests[])(void) = {
      stores_of_strangers_are_not_ordered,
      what_was_read_before_comes_before,
      order_is_closed,
      a_read_modify_write_stays_with_what_it_read,
      what_everybody_knows_is_forgotten,
  };
  ds_machine *m = machine_create();

  m->target.writable = (range){(uintptr_t)&object, sizeof object};
  m->target.cells = cells;
  for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
    object = 0;
    CHECK(run(m, tests[i], DS_MODEL_C11_GRAPH, 0).outcome == DS_OK);
  }
  object = 0;
  CHECK(run(m, a_limit_is_a_limit, DS_MODEL_C11_GRAPH, 0).outcome == DS_MEMORY_LIMIT);
  m->target.cells = NULL;
  ds_machine_destroy(m);
  return failures != 0;
}
