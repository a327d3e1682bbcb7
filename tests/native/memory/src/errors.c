/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is not there. */
#include "scenarios.h"
#include "threads.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static volatile uint8_t sink;
KEPT uint8_t taken[32];

static void give_back(void *block)
{
  free(block);
}

void use_after_free(void)
{
  volatile uint8_t *block = malloc(8);

  block[0] = 1;
  give_back((void *)block);
  block[7] = 2;
}

void read_after_free_by_copy(void)
{
  uint8_t *block = malloc(16);

  memset(block, 0, 16);
  give_back(block);
  memcpy(taken, block, 16);
}

void behind_a_block(void)
{
  volatile uint8_t *block = malloc(13);

  block[12] = 1;
  block[13] = 1;
}

void before_a_block(void)
{
  volatile uint8_t *block = malloc(16);

  sink = block[-1];
}

void copy_beyond_a_block(void)
{
  uint8_t *block = malloc(20);

  memset(block, 0, 20);
  memcpy(taken, block, 21);
}

void atomic_after_free(void)
{
  atomic_int *block = malloc(sizeof *block);

  atomic_store(block, 1);
  give_back(block);
  atomic_fetch_add(block, 1);
}

void forgotten_block(void)
{
  *(volatile int *)malloc(sizeof(int)) = 1;
}

static void *write_block(void *block)
{
  *(volatile int *)block = 1;
  return NULL;
}

static void *free_block(void *block)
{
  free(block);
  return NULL;
}

/* Nothing orders the two: a race if the write comes first, else a use after free. */
void free_while_used(void)
{
  run_two_with(write_block, free_block, malloc(sizeof(int)));
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static atomic_int sent;
int lost_signal_sent;

/* Does not take the lock: the signal may come between the look and the wait. */
static void *send(void *unused)
{
  atomic_store(&sent, 1);
  lost_signal_sent = 1;
  pthread_cond_signal(&changed);
  return unused;
}

void lost_signal(void)
{
  pthread_t sender;

  pthread_create(&sender, NULL, send, NULL);
  pthread_mutex_lock(&lock);
  while (!atomic_load(&sent)) {
    pthread_cond_wait(&changed, &lock);
  }
  pthread_mutex_unlock(&lock);
  pthread_join(sender, NULL);
}
