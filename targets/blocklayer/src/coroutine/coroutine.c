/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Coroutines with a stack each, one mapping per coroutine. A switch costs a dozen instructions;
 * creating and ending one costs three system calls, or a few instructions when the pool has one
 * (coroutine_pool.c).
 *
 * The running coroutine is a thread-local variable. A coroutine may yield in one thread and go on
 * in another, so no address of a thread-local variable may live across a switch: they are read
 * and written only inside the noinline functions below.
 */
#include "coroutine/coroutine_int.h"

#include "aio/main_loop.h"

#include <stdint.h>
#include <sys/mman.h>

enum {
  GUARD_BYTES = 4096, /* lowest page of a stack: an overflow faults instead of overwriting */
#ifdef __SANITIZE_ADDRESS__
  STACK_BYTES = 64 * 1024, /* red zones around every local variable */
#else
  STACK_BYTES = 16 * 1024,
#endif
  SAVED_REGISTERS = 6, /* what coroutine_switch() pops before the address to go on at */
};

/* coroutine_x86_64.S */
void coroutine_switch(void **save, void *load);
void coroutine_first(void);
/* Called from there. */
__attribute__((noreturn, visibility("hidden"))) void coroutine_main(Coroutine *co);

static _Thread_local Coroutine thread_leader;   /* stands for the thread's own stack */
static _Thread_local Coroutine *thread_current; /* NULL = thread_leader */

static void coroutine_stack_init(Coroutine *co);
static void coroutine_leave(Coroutine *self, CoroutineAction action);
static void coroutine_set_current(Coroutine *co);

/* ------------------------------------------------------------------ public */

Coroutine *qemu_coroutine_create(CoroutineEntry *entry, void *opaque)
{
  Coroutine *co = coroutine_pool_take();

  if (!co) {
    co = coroutine_new();
  }
  co->entry = entry;
  co->opaque = opaque;
  return co;
}

void qemu_aio_coroutine_enter(AioContext *ctx, Coroutine *co)
{
  Coroutine *self = qemu_coroutine_self();
  CoroutineList pending = {0};

  coroutine_list_append(&pending, co);
  while (pending.head) {
    Coroutine *to = coroutine_list_pop(&pending);

    /* Relaxed: whoever handed `to` over to this thread made its own clearing visible. A value
     * seen here is a bug of the caller, and only the assertion depends on it. */
    assert(!atomic_load_explicit(&to->scheduled, memory_order_relaxed));
    assert(!to->caller); /* entered twice */
    assert(to->entry);   /* it has ended and waits in a pool */

    to->caller = self;
    to->ctx = ctx;
    coroutine_set_current(to);
    coroutine_switch(&self->stack_pointer, to->stack_pointer);

    /* First of all: from the moment when another coroutine runs, `to` may be gone. */
    coroutine_list_prepend(&pending, &to->co_queue_wakeup);
    if (to->action == COROUTINE_TERMINATE) {
      assert(to->locks_held == 0); /* else whoever waits for one of them waits for ever */
      to->entry = NULL;
      coroutine_pool_put(to);
    }
  }
}

void qemu_coroutine_enter(Coroutine *co)
{
  qemu_aio_coroutine_enter(qemu_get_current_aio_context(), co);
}

void coroutine_fn qemu_coroutine_yield(void)
{
  coroutine_leave(qemu_coroutine_self(), COROUTINE_YIELD);
}

__attribute__((noinline)) Coroutine *qemu_coroutine_self(void)
{
  __asm__ volatile("" ::: "memory"); /* not pure: the answer changes with every switch */
  return thread_current ? thread_current : &thread_leader;
}

bool qemu_in_coroutine(void)
{
  return qemu_coroutine_self()->stack != NULL;
}

bool qemu_coroutine_entered(const Coroutine *co)
{
  return co->caller != NULL;
}

void coroutine_main(Coroutine *co)
{
  for (;;) { /* each life of a coroutine that a pool keeps is one turn */
    co->entry(co->opaque);
    coroutine_leave(co, COROUTINE_TERMINATE);
  }
}

/* ------------------------------------------------------------------ switching */

static void coroutine_leave(Coroutine *self, CoroutineAction action)
{
  Coroutine *to = self->caller;

  assert(to); /* a thread's own stack cannot yield */
  self->caller = NULL;
  self->action = action;
  coroutine_set_current(to);
  coroutine_switch(&self->stack_pointer, to->stack_pointer);
}

__attribute__((noinline)) static void coroutine_set_current(Coroutine *co)
{
  __asm__ volatile("" ::: "memory");
  thread_current = co;
}

/* ------------------------------------------------------------------ stacks */

Coroutine *coroutine_new(void)
{
  Coroutine *co = qemu_malloc(sizeof(*co));
  *co = (Coroutine){0};
  coroutine_stack_init(co);
  return co;
}

/* Map a stack and lay out what coroutine_switch() expects on one that it has saved: registers
 * r15, r14, r13, r12, rbx, rbp, and the address to go on at. */
static void coroutine_stack_init(Coroutine *co)
{
  char *stack = mmap(NULL, GUARD_BYTES + STACK_BYTES, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) {
    abort();
  }
  int error = mprotect(stack, GUARD_BYTES, PROT_NONE);
  assert(error == 0);

  /* Above the first frame lie two zero words; it starts aligned to 16 bytes, as a call needs. */
  uintptr_t *top = (uintptr_t *)(void *)(stack + GUARD_BYTES + STACK_BYTES) - 2;
  uintptr_t *frame = top - SAVED_REGISTERS - 1;
  *frame = 0;
  frame[4] = (uintptr_t)co; /* rbx */
  frame[5] = 0;             /* rbp: the chain of frames ends here */
  frame[6] = (uintptr_t)coroutine_first;
  co->stack = stack;
  co->stack_pointer = frame;
}

void coroutine_delete(Coroutine *co)
{
  int error = munmap(co->stack, GUARD_BYTES + STACK_BYTES);
  assert(error == 0);
  free(co);
}
