/* SPDX-License-Identifier: Apache-2.0 */
/* A task that is parked while main goes on: is what its stack says about it believed? */
#include "parked.h"

#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>

enum { TASK_BYTES = 32 << 10, SAVED_WORDS = 7 };

void task_switch(void **save, void *load);
void task_first(void);
void task_main(void);

void *task_saved;
static void *main_saved;
static void (*task_entry)(void);
static volatile int *shown;
static volatile int sum;

static __attribute__((noinline)) void park(void)
{
  task_switch(&task_saved, main_saved);
}

static __attribute__((noinline)) void resume(void)
{
  task_switch(&main_saved, task_saved);
}

void task_main(void)
{
  task_begins();
  task_entry();
  for (;;) {
    park();
  }
}

static void run_task(void (*entry)(void))
{
  char *stack =
      mmap(0, TASK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  uintptr_t *frame = (uintptr_t *)(void *)(stack + TASK_BYTES) - 2 - SAVED_WORDS;

  frame[FRAME_WORD] = 0;
  frame[RESUME_WORD] = (uintptr_t)task_first;
  task_saved = frame;
  task_entry = entry;
  resume();
}

static __attribute__((noinline)) void wait_inside(void)
{
  volatile int local = 1;

  shown = &local;
  park();
  sum += local;
}

static __attribute__((noinline)) void wait_for_news(void)
{
  wait_inside();
  sum++;
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t news = PTHREAD_COND_INITIALIZER;

void never_resumed(void)
{
  run_task(wait_for_news);
  pthread_mutex_lock(&lock);
  pthread_cond_wait(&news, &lock);
  pthread_mutex_unlock(&lock);
}

static __attribute__((noinline)) void show_and_return(void)
{
  volatile int local[64];

  for (int i = 0; i < 64; i++) {
    local[i] = i;
  }
  shown = &local[10];
}

static void show_then_park(void)
{
  show_and_return();
  park();
}

void left_behind(void)
{
  run_task(show_then_park);
  sum += *shown;
}

void still_there(void)
{
  for (int i = 0; i < 3; i++) {
    run_task(wait_for_news);
    sum += *shown;
    *shown = 2;
    resume();
  }
}
