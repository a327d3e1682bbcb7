/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs whose locking is right and whose check is wrong under some order (account, lazy01,
 * token_ring), or which look at a flag too early (bluetooth_driver).
 */
#include "classics.h"
#include "crew.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

/* ------------------------------------------------------------------ account */

enum { AT_FIRST = 1, PAID_IN = 2, DRAWN = 4 };

static int balance = AT_FIRST;
static bool deposited, withdrawn;

static void *deposit(void *unused)
{
  pthread_mutex_lock(&lock);
  balance += PAID_IN;
  deposited = true;
  pthread_mutex_unlock(&lock);
  return unused;
}

static void *withdraw(void *unused)
{
  pthread_mutex_lock(&lock);
  balance -= DRAWN;
  withdrawn = true;
  pthread_mutex_unlock(&lock);
  return unused;
}

/* Right only as long as one of the two is still to come. */
static void *audit(void *unused)
{
  pthread_mutex_lock(&lock);
  if (deposited && withdrawn) {
    assert(balance == AT_FIRST - PAID_IN - DRAWN);
  }
  pthread_mutex_unlock(&lock);
  return unused;
}

static void *audit_fixed(void *unused)
{
  pthread_mutex_lock(&lock);
  if (deposited && withdrawn) {
    assert(balance == AT_FIRST + PAID_IN - DRAWN);
  }
  pthread_mutex_unlock(&lock);
  return unused;
}

static void keep_account(body *auditor)
{
  crew c = {.count = 0};

  crew_start(&c, 1, auditor, NULL);
  crew_start(&c, 1, deposit, NULL);
  crew_start(&c, 1, withdraw, NULL);
  crew_join(&c);
}

void account(void)
{
  keep_account(audit);
}

void account_fixed(void)
{
  keep_account(audit_fixed);
}

/* ------------------------------------------------------------------ lazy01 */

static int data;

static void *add_one(void *unused)
{
  pthread_mutex_lock(&lock);
  data += 1;
  pthread_mutex_unlock(&lock);
  return unused;
}

static void *add_two(void *unused)
{
  pthread_mutex_lock(&lock);
  data += 2;
  pthread_mutex_unlock(&lock);
  return unused;
}

static void *at_most(void *most)
{
  pthread_mutex_lock(&lock);
  assert(data <= *(const int *)most);
  pthread_mutex_unlock(&lock);
  return NULL;
}

static void be_lazy(int most)
{
  crew c = {.count = 0};

  crew_start(&c, 1, add_one, NULL);
  crew_start(&c, 1, add_two, NULL);
  crew_start(&c, 1, at_most, &most);
  crew_join(&c);
}

/* The check expects to come before one of the others. */
void lazy01(void)
{
  be_lazy(2);
}

void lazy01_fixed(void)
{
  be_lazy(3);
}

/* ------------------------------------------------------------------ token_ring */

enum { STATIONS = 3, TOKENS = 4 };

static int station[STATIONS] = {1, 2, 1}; /* under lock */
static bool has_passed[STATIONS];
static bool in_turn; /* a station waits for the one before it */
static int numbers[STATIONS] = {0, 1, 2};

/* Station 0 makes the next token of what the last one holds, the others copy the one before. */
static void *pass_token(void *argument)
{
  const int n = *(const int *)argument;

  pthread_mutex_lock(&lock);
  while (in_turn && n > 0 && !has_passed[n - 1]) {
    pthread_cond_wait(&changed, &lock);
  }
  station[n] = n == 0 ? (station[STATIONS - 1] + 1) % TOKENS : station[n - 1];
  has_passed[n] = true;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
  return NULL;
}

static void *compare_tokens(void *unused)
{
  pthread_mutex_lock(&lock);
  if (has_passed[0] && has_passed[1] && has_passed[2]) {
    assert(station[0] == station[1] && station[1] == station[2]);
  }
  pthread_mutex_unlock(&lock);
  return unused;
}

static void ring(bool ordered)
{
  crew c = {.count = 0};

  in_turn = ordered;
  for (int i = 0; i < STATIONS; i++) {
    crew_start(&c, 1, pass_token, &numbers[i]);
  }
  crew_start(&c, 1, compare_tokens, NULL);
  crew_join(&c);
}

void token_ring(void)
{
  ring(false);
}

void token_ring_fixed(void)
{
  ring(true);
}

/* ------------------------------------------------------------------ bluetooth_driver */

static int pending = 1; /* requests and the driver itself, under lock */
static atomic_int stopping, stopped;

static void leave(void)
{
  pthread_mutex_lock(&lock);
  const int left = --pending;
  pthread_mutex_unlock(&lock);
  if (left == 0) {
    put(&stopped, 1);
  }
}

static void enter(void)
{
  pthread_mutex_lock(&lock);
  pending++;
  pthread_mutex_unlock(&lock);
}

static void *stop(void *unused)
{
  put(&stopping, 1);
  leave();
  return unused;
}

/* Looks first and counts itself in afterwards: the driver may stop in between. */
void bluetooth_driver(void)
{
  crew c = {.count = 0};

  crew_start(&c, 1, stop, NULL);
  if (!get(&stopping)) {
    enter();
    assert(!get(&stopped));
    leave();
  }
  crew_join(&c);
}

void bluetooth_driver_fixed(void)
{
  crew c = {.count = 0};

  crew_start(&c, 1, stop, NULL);
  enter();
  if (!get(&stopping)) {
    assert(!get(&stopped));
  }
  leave();
  crew_join(&c);
}
