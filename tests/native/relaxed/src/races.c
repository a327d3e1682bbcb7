/* SPDX-License-Identifier: Apache-2.0 */
/* The racy programs of scenarios.h: each a data race, and nothing else wrong. */
#include "scenarios.h"
#include "threads.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

KEPT int data, ready, counter, hits, visitor;

static void *send(void *unused)
{
  data = 42;
  ready = 1;
  return unused;
}

static void *receive(void *unused)
{
  if (ready) {
    assert(data == 42);
  }
  return unused;
}

void plain_message(void)
{
  run_two(send, receive);
}

static void *count(void *unused)
{
  counter++;
  return unused;
}

void lost_update(void)
{
  counter = 0;
  run_two(count, count);
  assert(counter == 2);
}

typedef struct pair {
  long one, other;
} pair;

KEPT pair shared;

static void *change_both(void *unused)
{
  shared = (pair){1, 1};
  return unused;
}

static void *copy_both(void *unused)
{
  pair copy = shared;
  volatile pair *look = &copy;

  assert(look->one == look->other);
  return unused;
}

void torn_copy(void)
{
  run_two(change_both, copy_both);
}

/* Two races, neither of which does any harm while the other's accesses are plain. */
static volatile int left, right;

static __attribute__((noinline)) void blink_left(void)
{
  left = 1;
  left = 0;
}

static __attribute__((noinline)) void blink_right(void)
{
  right = 1;
  right = 0;
}

static __attribute__((noinline)) int look_left(void)
{
  return left;
}

static __attribute__((noinline)) int look_right(void)
{
  return right;
}

static void *blink(void *unused)
{
  blink_left();
  blink_right();
  return unused;
}

static void *look(void *unused)
{
  const int one = look_left(), other = look_right();

  assert(!one || !other);
  return unused;
}

void two_blinks(void)
{
  run_two(blink, look);
}

KEPT int users;

/* Each believes to be the last one, or none does: then the block leaks. */
static void *leave(void *block)
{
  if (--users == 0) {
    free(block);
  }
  return NULL;
}

void freed_too_early(void)
{
  users = 2;
  run_two_with(leave, leave, malloc(8));
}

static void *hit(void *unused)
{
  hits++;
  return unused;
}

void statistics(void)
{
  run_two(hit, hit);
}

static void *visit(void *unused)
{
  visitor = 1;
  return unused;
}

static void *visit_too(void *unused)
{
  visitor = 2;
  return unused;
}

void last_visitor(void)
{
  run_two(visit, visit_too);
  assert(visitor == 1 || visitor == 2);
}
