/* SPDX-License-Identifier: Apache-2.0 */
/* Steps that must not be taken apart, and steps that must come in an order: an assertion tells. */
#include "defects.h"
#include "threads.h"

#include <assert.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* ------------------------------------------------------------------ read, change, write */

static atomic_int count;

static void *add_in_two_steps(void *unused)
{
  put(&count, get(&count) + 1);
  return unused;
}

static void *add_in_one_step(void *unused)
{
  atomic_fetch_add(&count, 1);
  return unused;
}

static void nothing_is_lost(body *add)
{
  run_two(add, add, NULL);
  assert(get(&count) == 2);
}

void lost_update(void)
{
  nothing_is_lost(add_in_two_steps);
}

void lost_update_fixed(void)
{
  nothing_is_lost(add_in_one_step);
}

static void *add_once_swapped(void *unused)
{
  int seen = get(&count);

  atomic_compare_exchange_strong(&count, &seen, seen + 1);
  return unused;
}

static void *add_until_swapped(void *unused)
{
  int seen = get(&count);

  while (!atomic_compare_exchange_strong(&count, &seen, seen + 1)) {
  }
  return unused;
}

void failed_exchange_ignored(void)
{
  nothing_is_lost(add_once_swapped);
}

void failed_exchange_ignored_fixed(void)
{
  nothing_is_lost(add_until_swapped);
}

/* ------------------------------------------------------------------ check, then act */

static int balance = 100;

static int has(int amount)
{
  pthread_mutex_lock(&lock);
  const int is_there = balance >= amount;
  pthread_mutex_unlock(&lock);
  return is_there;
}

static void *check_then_withdraw(void *unused)
{
  if (has(80)) {
    pthread_mutex_lock(&lock);
    balance -= 80;
    pthread_mutex_unlock(&lock);
  }
  return unused;
}

static void *withdraw_if_there(void *unused)
{
  pthread_mutex_lock(&lock);
  if (balance >= 80) {
    balance -= 80;
  }
  pthread_mutex_unlock(&lock);
  return unused;
}

static void balance_holds(body *withdraw)
{
  run_two(withdraw, withdraw, NULL);
  assert(balance >= 0);
}

void check_then_act(void)
{
  balance_holds(check_then_withdraw);
}

void check_then_act_fixed(void)
{
  balance_holds(withdraw_if_there);
}

static atomic_int made;

static void *make_if_none(void *unused)
{
  if (!get(&made)) {
    atomic_fetch_add(&made, 1);
  }
  return unused;
}

static void *make_first(void *unused)
{
  int none = 0;

  atomic_compare_exchange_strong(&made, &none, 1);
  return unused;
}

static void one_is_made(body *make)
{
  run_two(make, make, NULL);
  assert(get(&made) == 1);
}

void made_twice(void)
{
  one_is_made(make_if_none);
}

void made_twice_fixed(void)
{
  one_is_made(make_first);
}

/* ------------------------------------------------------------------ a pair in two steps */

static int left_half, right_half;

static void *write_pair_in_two_sections(void *unused)
{
  pthread_mutex_lock(&lock);
  left_half = 1;
  pthread_mutex_unlock(&lock);
  pthread_mutex_lock(&lock);
  right_half = 1;
  pthread_mutex_unlock(&lock);
  return unused;
}

static void *write_pair(void *unused)
{
  pthread_mutex_lock(&lock);
  left_half = right_half = 1;
  pthread_mutex_unlock(&lock);
  return unused;
}

static void *pair_is_whole(void *unused)
{
  pthread_mutex_lock(&lock);
  assert(left_half == right_half);
  pthread_mutex_unlock(&lock);
  return unused;
}

void pair_in_two_sections(void)
{
  run_two(write_pair_in_two_sections, pair_is_whole, NULL);
}

void pair_in_two_sections_fixed(void)
{
  run_two(write_pair, pair_is_whole, NULL);
}

/* ------------------------------------------------------------------ a count that comes back */

/* A reference may be added while somebody else gives back the last one. */
static atomic_int references = 1, is_gone;

static void give_back(void)
{
  if (atomic_fetch_sub(&references, 1) == 1) {
    put(&is_gone, 1);
  }
}

static void *give_back_the_last(void *unused)
{
  give_back();
  return unused;
}

static void use_and_give_back(void)
{
  assert(!get(&is_gone));
  give_back();
}

static void *reference_if_not_zero(void *unused)
{
  if (get(&references) > 0) {
    atomic_fetch_add(&references, 1);
    use_and_give_back();
  }
  return unused;
}

static void *reference_unless_zero(void *unused)
{
  int seen = get(&references);

  while (seen > 0 && !atomic_compare_exchange_strong(&references, &seen, seen + 1)) {
  }
  if (seen > 0) {
    use_and_give_back();
  }
  return unused;
}

void reference_to_a_dead_object(void)
{
  run_two(give_back_the_last, reference_if_not_zero, NULL);
}

void reference_to_a_dead_object_fixed(void)
{
  run_two(give_back_the_last, reference_unless_zero, NULL);
}

/* ------------------------------------------------------------------ ABA */

/*
 * A stack of three numbered cells. pop() reads the next cell before it swaps the top: if the top
 * was popped and pushed again in between, the stale next one is not free. The twin counts changes
 * in the upper half of the top.
 */
enum { CELLS = 3, CHANGE = 0x100 };

static atomic_int top, next_of[CELLS + 1], owner[CELLS + 1];
static int counts_changes;

static int pop(void)
{
  int old = atomic_load(&top), next;

  do {
    if (old % CHANGE == 0) {
      return 0;
    }
    next = atomic_load(&next_of[old % CHANGE]);
    next |= counts_changes ? old / CHANGE * CHANGE + CHANGE : 0;
  } while (!atomic_compare_exchange_strong(&top, &old, next));
  return old % CHANGE;
}

static void push(int cell)
{
  int old = atomic_load(&top), new;

  do {
    atomic_store(&next_of[cell], old % CHANGE);
    new = cell | (counts_changes ? old / CHANGE * CHANGE + CHANGE : 0);
  } while (!atomic_compare_exchange_strong(&top, &old, new));
}

static void own(int cell)
{
  if (cell) {
    const int others = atomic_fetch_add(&owner[cell], 1);
    assert(others == 0);
  }
}

static void *pop_one(void *unused)
{
  own(pop());
  return unused;
}

static void *pop_two_push_first(void *unused)
{
  const int first = pop(), second = pop();

  own(second);
  if (first) {
    push(first);
  }
  own(pop());
  own(pop());
  return unused;
}

static void cells_have_one_owner(int with_count)
{
  counts_changes = with_count;
  for (int cell = CELLS; cell; cell--) {
    push(cell);
  }
  run_two(pop_one, pop_two_push_first, NULL);
}

void same_top_again(void)
{
  cells_have_one_owner(0);
}

void same_top_again_fixed(void)
{
  cells_have_one_owner(1);
}

/* ------------------------------------------------------------------ order */

static atomic_int is_configured;

static void *configure(void *unused)
{
  put(&is_configured, 1);
  return unused;
}

static void *serve(void *unused)
{
  assert(get(&is_configured));
  return unused;
}

void used_before_it_is_set_up(void)
{
  run_two(configure, serve, NULL);
}

void used_before_it_is_set_up_fixed(void)
{
  configure(NULL);
  run_two(serve, serve, NULL);
}

/* ------------------------------------------------------------------ a woken thread is not first */

static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int items;

static void *put_item(void *unused)
{
  pthread_mutex_lock(&lock);
  items++;
  pthread_cond_signal(&changed);
  pthread_mutex_unlock(&lock);
  return unused;
}

static void *take_if_woken(void *unused)
{
  pthread_mutex_lock(&lock);
  if (items == 0) {
    pthread_cond_wait(&changed, &lock);
  }
  assert(items > 0);
  items--;
  pthread_mutex_unlock(&lock);
  return unused;
}

static void *take_while_there(void *unused)
{
  pthread_mutex_lock(&lock);
  while (items == 0) {
    pthread_cond_wait(&changed, &lock);
  }
  items--;
  pthread_mutex_unlock(&lock);
  return unused;
}

static void two_take(body *take)
{
  const pthread_t one = run_beside(take, NULL), other = run_beside(take, NULL);

  run_two(put_item, put_item, NULL);
  pthread_join(one, NULL);
  pthread_join(other, NULL);
}

void woken_without_another_look(void)
{
  two_take(take_if_woken);
}

void woken_without_another_look_fixed(void)
{
  two_take(take_while_there);
}
