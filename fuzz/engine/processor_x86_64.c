/* SPDX-License-Identifier: Apache-2.0 */
/* The processor's state on x86-64 (processor.h). Price: a few instructions a run. */
#include "processor.h"

#include "machine.h"

#include <ucontext.h>

/* Rounding, masks of exceptions. */
typedef struct float_control {
  uint32_t mxcsr;
  uint16_t x87;
} float_control;

enum { FLAGS_OF_A_TARGET = 0x40500 }; /* single steps (TF), direction (DF), alignment check (AC) */

#define MXCSR_STATUS 0x3fu /* exceptions that there were: anybody's arithmetic sets them */

static __thread float_control kept;

static float_control float_control_now(void)
{
  float_control c;

  __asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(c.mxcsr), "=m"(c.x87));
  return c;
}

/* Targets that use MMX registers may leave it full as well. */
static int x87_stack_is_empty(void)
{
  enum { CLASS = 0x4500, EMPTY = 0x4100 }; /* C3 C2 C0 of the status */
  uint16_t status;

  __asm__ volatile("fxam\n\tfnstsw %0" : "=a"(status));
  return (status & CLASS) == EMPTY;
}

void processor_keep(void)
{
  kept = float_control_now();
}

void processor_restore(void)
{
  const float_control now = float_control_now();
  const uint64_t flags = __builtin_ia32_readeflags_u64();

  if (UNLIKELY(flags & FLAGS_OF_A_TARGET)) {
    __builtin_ia32_writeeflags_u64(flags & ~(uint64_t)FLAGS_OF_A_TARGET);
  }
  if (UNLIKELY(((now.mxcsr ^ kept.mxcsr) & ~MXCSR_STATUS) || now.x87 != kept.x87)) {
    __asm__ volatile("fnclex\n\tfldcw %1\n\tldmxcsr %0" ::"m"(kept.mxcsr), "m"(kept.x87));
  }
  if (UNLIKELY(!x87_stack_is_empty())) { /* asked now that no exception can come of it */
    __asm__ volatile("fninit\n\tfldcw %0" ::"m"(kept.x87));
  }
}

uintptr_t processor_pc(const void *context)
{
  return (uintptr_t)((const ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
}

void processor_resume_host(void *context, void *host_sp)
{
  mcontext_t *c = &((ucontext_t *)context)->uc_mcontext;

  if (c->fpregs) {
    c->fpregs->cwd = kept.x87;
    c->fpregs->swd = c->fpregs->ftw = 0; /* nothing is on the x87's stack */
    c->fpregs->mxcsr = kept.mxcsr;
  }
  c->gregs[REG_RSP] = (greg_t)(uintptr_t)host_sp;
  c->gregs[REG_RIP] = (greg_t)(uintptr_t)ds_host_resume;
  c->gregs[REG_EFL] &= ~(greg_t)FLAGS_OF_A_TARGET;
}
