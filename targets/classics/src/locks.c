/* SPDX-License-Identifier: Apache-2.0 */
/* Locks taken in the wrong order (deadlock01, carter01) or the wrong lock (wronglock). */
#include "classics.h"
#include "crew.h"

#include <assert.h>
#include <stddef.h>

static pthread_mutex_t lock_a = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t lock_b = PTHREAD_MUTEX_INITIALIZER;

/* ------------------------------------------------------------------ deadlock01 */

static int counter; /* under both locks */

static void *a_then_b(void *unused)
{
  pthread_mutex_lock(&lock_a);
  pthread_mutex_lock(&lock_b);
  counter++;
  pthread_mutex_unlock(&lock_b);
  pthread_mutex_unlock(&lock_a);
  return unused;
}

static void *b_then_a(void *unused)
{
  pthread_mutex_lock(&lock_b);
  pthread_mutex_lock(&lock_a);
  counter--;
  pthread_mutex_unlock(&lock_a);
  pthread_mutex_unlock(&lock_b);
  return unused;
}

void deadlock01(void)
{
  crew c = {.count = 0};

  crew_start(&c, 1, a_then_b, NULL);
  crew_start(&c, 1, b_then_a, NULL);
  crew_join(&c);
}

void deadlock01_fixed(void)
{
  crew c = {.count = 0};

  crew_start(&c, 2, a_then_b, NULL);
  crew_join(&c);
}

/* ------------------------------------------------------------------ carter01 */

/*
 * Two classes of visitors share a room: the first of a class takes `room`, the last gives it back.
 * The counters have one mutex, which the first visitor holds while it waits for the room, so that
 * the last one of the other class cannot count itself out.
 */
static pthread_mutex_t room = PTHREAD_MUTEX_INITIALIZER;

typedef struct visitors {
  pthread_mutex_t *gate; /* guards `inside` */
  int inside;
} visitors;

static visitors reds = {.gate = &lock_a}, blues = {.gate = &lock_a};

static void *visit(void *argument)
{
  visitors *v = argument;

  pthread_mutex_lock(v->gate);
  if (++v->inside == 1) {
    pthread_mutex_lock(&room);
  }
  pthread_mutex_unlock(v->gate);
  pthread_mutex_lock(v->gate);
  if (--v->inside == 0) {
    pthread_mutex_unlock(&room);
  }
  pthread_mutex_unlock(v->gate);
  return NULL;
}

static void *pass_by(void *unused)
{
  return unused;
}

static void visit_and_pass_by(void)
{
  crew c = {.count = 0};

  crew_start(&c, 1, visit, &reds);
  crew_start(&c, 1, visit, &blues);
  crew_start(&c, 2, pass_by, NULL);
  crew_join(&c);
}

void carter01(void)
{
  visit_and_pass_by();
}

/* A gate for each class. */
void carter01_fixed(void)
{
  blues.gate = &lock_b;
  visit_and_pass_by();
}

/* ------------------------------------------------------------------ wronglock */

static atomic_int value;

static void *add_and_look(void *unused)
{
  pthread_mutex_lock(&lock_a);
  const int before = get(&value);
  put(&value, before + 1);
  assert(get(&value) == before + 1);
  pthread_mutex_unlock(&lock_a);
  return unused;
}

static void *add(void *lock)
{
  pthread_mutex_lock(lock);
  put(&value, get(&value) + 1);
  pthread_mutex_unlock(lock);
  return NULL;
}

static void wrong_lock(int adders, pthread_mutex_t *lock)
{
  crew c = {.count = 0};

  crew_start(&c, 1, add_and_look, NULL);
  crew_start(&c, adders, add, lock);
  crew_join(&c);
}

void wronglock(void)
{
  wrong_lock(7, &lock_b);
}

void wronglock_fixed(void)
{
  wrong_lock(7, &lock_a);
}

void wronglock_3(void)
{
  wrong_lock(3, &lock_b);
}
