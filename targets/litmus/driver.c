/* SPDX-License-Identifier: Apache-2.0 */
/* Main runs one program per operation; the outcome is what the run is counted by. */
#include "driver.h"
#include "litmus.h"
#include "operations.h"

/* A decimal digit each, behind a leading 1: a b c d x y. */
static uint64_t encode(outcome o)
{
  const int digits[] = {o.a, o.b, o.c, o.d, o.x, o.y};
  uint64_t code = 1;

  for (int i = 0; i < 6; i++) {
    code = code * 10 + (uint64_t)digits[i];
  }
  return code;
}

void ds_driver_main(void)
{
  ds_operation op;

  while (ds_next(ACTOR_MAIN_FIRST, &op)) {
    switch (op.code) {
#define CASE(code, name)                                                                           \
  case OP_##code:                                                                                  \
    ds_uninterrupted(true); /* creating and joining threads is no part of the program */           \
    ds_observe(encode(name()));                                                                    \
    ds_uninterrupted(false);                                                                       \
    break;
      PROGRAMS(CASE)
    default:
      ds_skip(ACTOR_MAIN_FIRST);
    }
  }
}

int ds_driver_idle(void)
{
  return DS_IDLE_STUCK;
}
