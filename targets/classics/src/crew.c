/* SPDX-License-Identifier: Apache-2.0 */
/* Threads of a program, started and joined; no allocation. */
#include "crew.h"

#include <assert.h>
#include <stddef.h>

void crew_start(crew *c, int times, body *run, void *argument)
{
  assert(c->count + times <= CREW_MAX);
  for (int i = 0; i < times; i++) {
    pthread_create(&c->threads[c->count++], NULL, run, argument);
  }
}

void crew_join(const crew *c)
{
  for (int i = 0; i < c->count; i++) {
    pthread_join(c->threads[i], NULL);
  }
}
