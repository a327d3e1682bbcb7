/* SPDX-License-Identifier: Apache-2.0 */
/* What a switch between two fibers costs when nothing is asked and nothing is judged. */
#include "machine.h"

#include <time.h>

enum { BARE_STACK_BYTES = 16 << 10 };

typedef struct pair {
  void *host, *guest; /* stack pointers of who does not run */
} pair;

static void bounce(void *both)
{
  pair *p = both;

  for (;;) {
    ds_switch(&p->guest, p->host);
  }
}

static uint64_t thread_ns(void)
{
  struct timespec now;

  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t ds_bare_switches(uint64_t count)
{
  uint8_t stack[BARE_STACK_BYTES];
  pair p = {NULL, first_frame(bounce, &p, stack + sizeof stack)};
  const uint64_t start = thread_ns();

  for (uint64_t i = 0; i < count; i += 2) { /* there and back */
    ds_switch(&p.host, p.guest);
  }
  return thread_ns() - start; /* the guest is left where it stands */
}
