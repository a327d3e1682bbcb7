/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containment: what kills a process ends one run. The handlers do not jump: they rewrite the
 * interrupted context so that returning from the signal resumes the host, which leaves signal mask
 * and alternate stack as the kernel wants them. Outside of a run a signal goes to whoever had the
 * handler before.
 *
 * The watchdog counts processor time of this thread, never wall-clock time; all it may say is
 * UNKNOWN.
 */
#include "machine.h"
#include "posix.h"
#include "processor.h"
#include "stacks.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
  ALTERNATE_BYTES = 64 << 10,
  TICK_NS = 50 * 1000 * 1000,
  TICKS = 6, /* 300 ms of processor time without a scheduling point */
  SIGNALS = 65,
};

static struct sigaction before[SIGNALS];
static pthread_once_t install_once = PTHREAD_ONCE_INIT;
static pthread_key_t alternate_key; /* frees a thread's alternate stack when it ends */

static __thread uint8_t *alternate;
static __thread stack_t alternate_before;
static __thread timer_t watchdog;
static __thread int watchdog_armed;

static int watchdog_signal(void)
{
  return SIGRTMIN + 3;
}

/* The end of which stack is this? Its size in bytes; 0: of none. */
static uint32_t guarded_stack(const ds_machine *m, uintptr_t address)
{
  const uintptr_t at = address - (uintptr_t)m->region;

  if (at < STACK_REGION) {
    return at % STACK_BYTES < guard_bytes(m, (uint32_t)(at / STACK_BYTES)) ? m->target.stack_bytes
                                                                           : 0;
  }
  const int in_guard =
      at < STACK_REGION + SLOT_REGION && (at - STACK_REGION) % SLOT_BYTES < PAGE_BYTES;
  return in_guard ? SLOT_BYTES - PAGE_BYTES : 0;
}

/* It is a finding, but a usual thread has more: 8 MiB with glibc. */
static void stack_overflow(ds_machine *m, uintptr_t address, uint32_t bytes, uintptr_t pc)
{
  const int is_thread = address - (uintptr_t)m->region < STACK_REGION;
  char message[96];

  snprintf(message, sizeof message,
           is_thread ? "stack overflow: threads have %u KiB here (limits.stack_kib in target.toml)"
                     : "stack overflow: stacks that the target makes have %u KiB here",
           bytes >> 10);
  set_outcome(m, DS_FAIL, DS_STACK, pc, message);
}

static void on_watchdog(int number, siginfo_t *info, void *context)
{
  ds_machine *m = ds_current;

  (void)number, (void)info;
  if (!m || !m->running) {
    return;
  }
  const int64_t progress = (int64_t)m->steps + (m->fuel_start - m->fuel);
  if (m->watch_run != m->run_number || m->watch_progress != progress) {
    m->watch_run = m->run_number;
    m->watch_progress = progress;
    m->watch_ticks = 0;
  } else if (++m->watch_ticks >= TICKS) {
    set_outcome(m, DS_UNKNOWN, DS_HANG, processor_pc(context), "no scheduling point for 300 ms");
    processor_resume_host(context, m->host_sp);
  }
}

static void chain(int number, siginfo_t *info, void *context)
{
  const struct sigaction *o = &before[number];

  if (o->sa_flags & SA_SIGINFO) {
    o->sa_sigaction(number, info, context);
  } else if (o->sa_handler != SIG_DFL && o->sa_handler != SIG_IGN) {
    o->sa_handler(number);
  } else {
    signal(number, SIG_DFL); /* returning repeats the fault, now fatal */
  }
}

static void on_fault(int number, siginfo_t *info, void *context)
{
  ds_machine *m = ds_current;
  char message[96];

  if (!m || !m->running) {
    chain(number, info, context);
    return;
  }
  const uintptr_t address = (uintptr_t)info->si_addr, pc = processor_pc(context);
  const uint32_t stack = number == SIGSEGV ? guarded_stack(m, address) : 0;
  if (stack) {
    stack_overflow(m, address, stack, pc);
  } else if (number == SIGSEGV || number == SIGBUS) {
    /* an address may differ between processes: only its nature may enter the message; of one that
     * is no address at all (SI_KERNEL) the kernel says 0 */
    const int is_null = address < PAGE_BYTES && info->si_code != SI_KERNEL;
    snprintf(message, sizeof message, "%s",
             is_null ? "null pointer dereference" : "access to invalid memory");
    set_outcome(m, DS_FAIL, DS_SEGV, pc, message);
  } else if (number == SIGABRT) {
    set_outcome(m, DS_FAIL, DS_ABORT, pc, "abort()");
  } else {
    set_outcome(m, DS_FAIL, DS_ARITHMETIC, pc,
                number == SIGFPE ? "division by zero" : "illegal instruction");
  }
  processor_resume_host(context, m->host_sp);
}

static void install(void)
{
  static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP};
  struct sigaction action;

  memset(&action, 0, sizeof action);
  sigemptyset(&action.sa_mask);
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
    sigaction(faults[i], &action, &before[faults[i]]);
  }
  action.sa_sigaction = on_watchdog;
  action.sa_flags |= SA_RESTART;
  sigaction(watchdog_signal(), &action, NULL);
  pthread_key_create(&alternate_key, free);
}

static void arm_watchdog(void)
{
  struct sigevent event;
  const struct itimerspec every = {{0, TICK_NS}, {0, TICK_NS}};

  memset(&event, 0, sizeof event);
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = watchdog_signal();
  event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
  watchdog_armed = !timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &watchdog) &&
                   !timer_settime(watchdog, 0, &every, NULL);
}

void fault_enter(void)
{
  pthread_once(&install_once, install);
  if (!alternate) {
    alternate = malloc(ALTERNATE_BYTES);
    pthread_setspecific(alternate_key, alternate);
  }
  const stack_t stack = {.ss_sp = alternate, .ss_size = ALTERNATE_BYTES};
  sigaltstack(&stack, &alternate_before);
  processor_keep();
  arm_watchdog();
}

void fault_leave(void)
{
  if (watchdog_armed) {
    timer_delete(watchdog);
    watchdog_armed = 0;
  }
  sigaltstack(&alternate_before, NULL);
}

void sim_abort(void)
{
  finish(ds_current, DS_FAIL, DS_ABORT, CALLER, "abort()");
}

void sim_not_simulated(const char *name)
{
  finish(ds_current, DS_UNKNOWN, DS_UNSUPPORTED, CALLER, "not simulated: %s", name);
}

void sim_assert_fail(const char *expression, const char *file, unsigned line, const char *function)
{
  ds_machine *m = ds_current;
  const char *name = strrchr(file, '/');

  snprintf(m->result->site, sizeof m->result->site, "%s:%s", function, expression);
  finish(m, DS_FAIL, DS_ASSERT, CALLER, "assertion '%s' failed in %s (%s:%u)", expression, function,
         name ? name + 1 : file, line);
}
