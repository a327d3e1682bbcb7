/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is gone, too small, never given back or not there at all. */
#include "defects.h"
#include "threads.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
KEPT int taken;

/* ------------------------------------------------------------------ use after free */

typedef struct object {
  int references; /* under lock */
  int value;
} object;

static object *get_object(void)
{
  object *o = calloc(1, sizeof *o);

  o->references = 2;
  return o;
}

static void *free_when_last(void *of)
{
  object *o = of;

  pthread_mutex_lock(&lock);
  if (--o->references == 0) {
    free(o);
  }
  pthread_mutex_unlock(&lock);
  return NULL;
}

static void *look(void *of)
{
  pthread_mutex_lock(&lock);
  taken = ((object *)of)->value;
  pthread_mutex_unlock(&lock);
  return NULL;
}

static void *give_back_then_look(void *of)
{
  free_when_last(of);
  return look(of);
}

static void *look_then_give_back(void *of)
{
  look(of);
  return free_when_last(of);
}

void use_after_the_last_reference(void)
{
  run_two(free_when_last, give_back_then_look, get_object());
}

void use_after_the_last_reference_fixed(void)
{
  run_two(free_when_last, look_then_give_back, get_object());
}

void atomic_use_after_free(void)
{
  atomic_int *counter = malloc(sizeof *counter);

  atomic_store(counter, 1);
  free(counter);
  atomic_fetch_add(counter, 1);
}

void atomic_use_after_free_fixed(void)
{
  atomic_int *counter = malloc(sizeof *counter);

  atomic_store(counter, 1);
  atomic_fetch_add(counter, 1);
  free(counter);
}

/* A pointer into a block that realloc() has moved. */
static void grow_and_write(int look_again)
{
  int *numbers = malloc(4 * sizeof *numbers);
  volatile int *first = &numbers[0];

  numbers = realloc(numbers, 400 * sizeof *numbers);
  first = look_again ? &numbers[0] : first;
  *first = 1;
  free(numbers);
}

void pointer_into_a_moved_block(void)
{
  grow_and_write(0);
}

void pointer_into_a_moved_block_fixed(void)
{
  grow_and_write(1);
}

/* ------------------------------------------------------------------ out of bounds */

static void fill_to(size_t end)
{
  uint8_t *block = malloc(13);

  for (size_t i = 0; i < end; i++) {
    ((volatile uint8_t *)block)[i] = 1; /* else they go: nobody reads them before the free() */
  }
  free(block);
}

void one_byte_too_far(void)
{
  fill_to(14);
}

void one_byte_too_far_fixed(void)
{
  fill_to(13);
}

static void copy_out(size_t bytes)
{
  static uint8_t copy[64];
  uint8_t *block = calloc(1, 20);

  memcpy(copy, block, bytes);
  free(block);
}

void copy_of_more_than_there_is(void)
{
  copy_out(21);
}

void copy_of_more_than_there_is_fixed(void)
{
  copy_out(20);
}

/* A list with one free place, which two threads see. */
enum { PLACES = 1 };

typedef struct list {
  int used; /* under lock */
  int *place;
  int checks_where_it_writes;
} list;

static void *append_if_room(void *to)
{
  list *l = to;

  pthread_mutex_lock(&lock);
  int has_room = l->used < PLACES;
  if (!l->checks_where_it_writes) {
    pthread_mutex_unlock(&lock);
    pthread_mutex_lock(&lock);
  }
  if (has_room) {
    l->place[l->used++] = 1;
  }
  pthread_mutex_unlock(&lock);
  return NULL;
}

static void append_two(int checks_where_it_writes)
{
  list l = {.place = malloc(PLACES * sizeof *l.place),
            .checks_where_it_writes = checks_where_it_writes};

  run_two(append_if_room, append_if_room, &l);
  free(l.place);
}

void last_place_given_twice(void)
{
  append_two(0);
}

void last_place_given_twice_fixed(void)
{
  append_two(1);
}

/* ------------------------------------------------------------------ free */

static atomic_int holders;

static void *free_in_two_steps(void *block)
{
  const int left = get(&holders) - 1;

  put(&holders, left);
  if (left <= 0) {
    free(block);
  }
  return NULL;
}

static void *free_in_one_step(void *block)
{
  if (atomic_fetch_sub(&holders, 1) == 1) {
    free(block);
  }
  return NULL;
}

static void *free_if_there(void *where)
{
  void *block = atomic_load((_Atomic(void *) *)where);

  if (block) {
    atomic_store((_Atomic(void *) *)where, NULL);
    free(block);
  }
  return NULL;
}

static void *free_what_it_takes(void *where)
{
  free(atomic_exchange((_Atomic(void *) *)where, NULL));
  return NULL;
}

static void clean_up_twice(body *clean_up)
{
  _Atomic(void *) block = malloc(8);

  run_two(clean_up, clean_up, &block);
}

void block_freed_by_both(void)
{
  clean_up_twice(free_if_there);
}

void block_freed_by_both_fixed(void)
{
  clean_up_twice(free_what_it_takes);
}

static void count_down(body *give_back)
{
  put(&holders, 2);
  run_two(give_back, give_back, malloc(8));
}

/* Both count from 2 to 1, and nobody frees. */
void block_freed_by_none(void)
{
  count_down(free_in_two_steps);
}

void block_freed_by_none_fixed(void)
{
  count_down(free_in_one_step);
}

static void free_at(size_t offset)
{
  uint8_t *volatile block = malloc(64);

  free(block + offset);
}

void free_in_the_middle(void)
{
  free_at(16);
}

void free_in_the_middle_fixed(void)
{
  free_at(0);
}

static void free_number(int is_ours)
{
  int number = 1;
  int *volatile at = is_ours ? &number : malloc(sizeof number);

  *at = 2;
  free(at);
}

void free_of_a_variable(void)
{
  free_number(1);
}

void free_of_a_variable_fixed(void)
{
  free_number(0);
}

/* ------------------------------------------------------------------ leaks */

static _Atomic(int *) cache;

/* Whoever comes second forgets its own copy. */
static void *fill_cache(void *gives_back)
{
  int *none = NULL;
  int *made = atomic_load(&cache);

  if (made) {
    return NULL;
  }
  made = calloc(1, sizeof *made);
  if (!atomic_compare_exchange_strong(&cache, &none, made) && gives_back) {
    free(made);
  }
  return NULL;
}

static void fill_cache_twice(void *gives_back)
{
  run_two(fill_cache, fill_cache, gives_back);
  free(atomic_load(&cache));
}

void second_copy_forgotten(void)
{
  fill_cache_twice(NULL);
}

void second_copy_forgotten_fixed(void)
{
  fill_cache_twice(&cache);
}
