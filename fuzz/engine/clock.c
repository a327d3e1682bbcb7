/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual time: it stands still while anybody can run and jumps to the next sleeper's deadline
 * when nobody can. All clocks show the same time; reading one is no scheduling point.
 */
#include "inject.h"
#include "memory.h"

#include <errno.h>
#include <sys/time.h>
#include <time.h>

#include "posix.h"

#define JUMP_NS UINT64_C(3600000000000)

uint64_t timespec_ns(const struct timespec *t)
{
  return (uint64_t)t->tv_sec * 1000000000u + (uint64_t)t->tv_nsec;
}

void time_passes(ds_machine *m, fiber *f, uintptr_t pc)
{
  if (f->wake_ns && inject(m, DS_KIND_TIMER, 2, "its time runs out at once", pc)) {
    m->now_ns = f->wake_ns > m->now_ns ? f->wake_ns : m->now_ns;
    f->wake_ns = 0;
    f->timed_out = 1;
    make_runnable(m, f);
  }
}

/* The time that a thread is shown. */
static uint64_t read_clock(ds_machine *m, uintptr_t pc)
{
  m->clock_reads++;
  if (inject(m, DS_KIND_TIMER, 2, "the clock jumps forward by an hour", pc)) {
    m->now_ns += JUMP_NS;
  }
  return m->now_ns;
}

int sim_clock_gettime(clockid_t clock, struct timespec *now)
{
  const uint64_t ns = read_clock(ds_current, CALLER);

  (void)clock;
  now->tv_sec = (time_t)(ns / 1000000000u);
  now->tv_nsec = (long)(ns % 1000000000u);
  return 0;
}

int sim_gettimeofday(struct timeval *now, void *zone)
{
  const uint64_t ns = read_clock(ds_current, CALLER);

  (void)zone;
  now->tv_sec = (time_t)(ns / 1000000000u);
  now->tv_usec = (suseconds_t)(ns % 1000000000u / 1000);
  return 0;
}

time_t sim_time(time_t *now)
{
  const time_t seconds = (time_t)(read_clock(ds_current, CALLER) / 1000000000u);

  if (now) {
    *now = seconds;
  }
  return seconds;
}

/* Returns whether it slept until then: 0, or EINTR. */
static int sleep_until(ds_machine *m, uint64_t wake_ns, const char *interruption, uintptr_t pc)
{
  fiber *f = m->current;

  settle(m);
  if (inject(m, DS_KIND_INTERRUPT, 2, interruption, pc)) {
    return EINTR;
  }
  f->timed_out = 0;
  f->wake_ns = wake_ns > m->now_ns ? wake_ns : m->now_ns + 1;
  make_blocked(m, f);
  time_passes(m, f, pc);
  block(m, DS_EV_SLEEP, NULL, pc);
  observe(m, DS_EV_SLEEP, NULL, 0, 0, wake_ns);
  return 0;
}

int sim_nanosleep(const struct timespec *duration, struct timespec *left)
{
  ds_machine *m = ds_current;

  if (!sleep_until(m, m->now_ns + timespec_ns(duration), "nanosleep is interrupted (EINTR)",
                   CALLER)) {
    return 0;
  }
  if (left) {
    *left = *duration; /* the signal came at once */
  }
  m->current->error = EINTR;
  return -1;
}

int sim_clock_nanosleep(clockid_t clock, int flags, const struct timespec *duration,
                        struct timespec *left)
{
  ds_machine *m = ds_current;
  const uint64_t start = flags & TIMER_ABSTIME ? 0 : m->now_ns;
  const int error = sleep_until(m, start + timespec_ns(duration),
                                "clock_nanosleep is interrupted (EINTR)", CALLER);

  (void)clock;
  if (error && left && !(flags & TIMER_ABSTIME)) {
    *left = *duration;
  }
  return error;
}

int sim_usleep(useconds_t microseconds)
{
  ds_machine *m = ds_current;
  const uint64_t until = m->now_ns + microseconds * UINT64_C(1000);

  if (!sleep_until(m, until, "usleep is interrupted (EINTR)", CALLER)) {
    return 0;
  }
  m->current->error = EINTR;
  return -1;
}

unsigned sim_sleep(unsigned seconds)
{
  ds_machine *m = ds_current;
  const uint64_t until = m->now_ns + seconds * UINT64_C(1000000000);

  return sleep_until(m, until, "sleep is interrupted", CALLER) ? seconds : 0;
}
