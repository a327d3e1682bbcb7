/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual time: it stands still while anybody can run and jumps to the next sleeper's deadline
 * when nobody can. All clocks show the same time; reading one is no scheduling point.
 */
#include "memory.h"

#include <errno.h>
#include <sys/time.h>
#include <time.h>

#include "posix.h"

uint64_t timespec_ns(const struct timespec *t)
{
  return (uint64_t)t->tv_sec * 1000000000u + (uint64_t)t->tv_nsec;
}

int sim_clock_gettime(clockid_t clock, struct timespec *now)
{
  const uint64_t ns = ds_current->now_ns;

  (void)clock;
  now->tv_sec = (time_t)(ns / 1000000000u);
  now->tv_nsec = (long)(ns % 1000000000u);
  return 0;
}

int sim_gettimeofday(struct timeval *now, void *zone)
{
  const uint64_t ns = ds_current->now_ns;

  (void)zone;
  now->tv_sec = (time_t)(ns / 1000000000u);
  now->tv_usec = (suseconds_t)(ns % 1000000000u / 1000);
  return 0;
}

time_t sim_time(time_t *now)
{
  const time_t seconds = (time_t)(ds_current->now_ns / 1000000000u);

  if (now) {
    *now = seconds;
  }
  return seconds;
}

static void sleep_until(ds_machine *m, uint64_t wake_ns, uintptr_t pc)
{
  fiber *f = m->current;

  settle(m);
  f->timed_out = 0;
  f->wake_ns = wake_ns > m->now_ns ? wake_ns : m->now_ns + 1;
  make_blocked(m, f);
  block(m, DS_EV_SLEEP, NULL, pc);
  observe(m, DS_EV_SLEEP, NULL, 0, 0, wake_ns);
}

int sim_nanosleep(const struct timespec *duration, struct timespec *left)
{
  (void)left;
  sleep_until(ds_current, ds_current->now_ns + timespec_ns(duration), CALLER);
  return 0;
}

int sim_clock_nanosleep(clockid_t clock, int flags, const struct timespec *duration,
                        struct timespec *left)
{
  const uint64_t start = flags & TIMER_ABSTIME ? 0 : ds_current->now_ns;

  (void)clock, (void)left;
  sleep_until(ds_current, start + timespec_ns(duration), CALLER);
  return 0;
}

int sim_usleep(useconds_t microseconds)
{
  sleep_until(ds_current, ds_current->now_ns + microseconds * UINT64_C(1000), CALLER);
  return 0;
}

unsigned sim_sleep(unsigned seconds)
{
  sleep_until(ds_current, ds_current->now_ns + seconds * UINT64_C(1000000000), CALLER);
  return 0;
}
