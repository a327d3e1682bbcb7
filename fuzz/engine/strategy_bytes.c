/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes: every question takes one byte of the case, modulo its options; 0 and the end of the
 * bytes are the quiet default. What a byte-wise fuzzer mutates.
 */
#include "strategy.h"

static uint32_t next_byte(ds_machine *m)
{
  return m->byte_next < m->byte_count ? m->bytes[m->byte_next++] : 0;
}

static uint32_t bytes_pick(ds_machine *m, uint32_t passed, int32_t *horizon)
{
  (void)passed;
  uint32_t id = quiet_default(m);

  if (m->byte_next >= m->byte_count) {
    *horizon = FUEL_UNLIMITED;
    return id;
  }
  for (uint32_t skip = next_byte(m) % m->runnable_count; skip; skip--) {
    id = runnable_from(m, id + 1);
  }
  return id;
}

static uint32_t bytes_answer(ds_machine *m, uint32_t kind, uint32_t position, uint32_t options)
{
  (void)kind, (void)position;
  return next_byte(m) % options;
}

const strategy strategy_bytes = {
    strategy_no_begin, strategy_no_spawn, bytes_pick, bytes_answer, NULL, 0};
