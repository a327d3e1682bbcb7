/* SPDX-License-Identifier: Apache-2.0 */
/* Distinct data races of a machine. */
#include "race.h"
#include "memory.h"

#include <stdlib.h>

enum { RACES_MOST = 4096, SUPPRESSED_MOST = 4096 };

/* One of a machine's races, and the last run that showed it. */
typedef struct race_record {
  ds_race race;
  uint32_t run;
} race_record;

void race_forget_runs(ds_machine *m)
{
  for (uint32_t i = 0; i < m->race_count; i++) {
    m->races[i].run = 0;
  }
}

void race_begin(ds_machine *m)
{
  m->run_races = m->run_suppressed = 0;
}

static uint64_t place_of(const ds_machine *m, uintptr_t address)
{
  if (address - m->target.whole.base < m->target.whole.bytes) {
    return canonical(m, address);
  }
  const uintptr_t block = heap_small_block(m, address, DS_PLACE_BLOCK_BYTES);
  return block ? (uint64_t)DS_PLACE_BLOCK << DS_PLACE_SHIFT | ((address - block) & ~(uint64_t)7)
               : 0;
}

static int is_same(const ds_race *r, const suppressed_race *s)
{
  return r->place == s->place && r->mixed == s->mixed &&
         ((r->pc == s->pc && r->other_pc == s->other_pc) ||
          (r->pc == s->other_pc && r->other_pc == s->pc));
}

static race_record *find(const ds_machine *m, const ds_race *r)
{
  for (uint32_t i = 0; i < m->race_count; i++) {
    const ds_race *known = &m->races[i].race;
    const int as_is = known->write == r->write && known->other_write == r->other_write;
    const int swapped = known->write == r->other_write && known->other_write == r->write;
    if (known->mixed == r->mixed && known->place == r->place &&
        ((known->pc == r->pc && known->other_pc == r->other_pc && as_is) ||
         (known->pc == r->other_pc && known->other_pc == r->pc && swapped))) {
      return &m->races[i];
    }
  }
  return NULL;
}

static int is_suppressed(const ds_machine *m, const ds_race *r)
{
  for (uint32_t i = 0; i < m->suppressed_count; i++) {
    if (is_same(r, &m->suppressed[i])) {
      return 1;
    }
  }
  return 0;
}

COLD void race_note(ds_machine *m, uintptr_t address, uintptr_t pc, uint32_t write,
                    uint32_t other_pc, uint32_t thread, uint32_t other_write, uint32_t kind)
{
  const ds_race r = {.pc = module_offset(m, pc),
                     .other_pc = other_pc,
                     .object = canonical(m, address),
                     .place = place_of(m, address),
                     .first_seed = m->seed,
                     .thread = m->current->id,
                     .other_thread = (uint16_t)thread,
                     .write = write != 0,
                     .other_write = other_write != 0,
                     .mixed = (uint8_t)kind};
  race_record *known = find(m, &r);

  if (!known) {
    if (m->race_count == m->race_capacity) {
      m->races =
          grow(m, m->races, &m->race_capacity, RACES_MOST, sizeof *m->races, "distinct data races");
    }
    known = &m->races[m->race_count++];
    *known = (race_record){.race = r};
    known->race.suppressed = (uint8_t)is_suppressed(m, &r);
  }
  if (known->run == m->run_number) {
    return;
  }
  known->run = m->run_number;
  known->race.count++;
  if (known->race.suppressed) {
    m->run_suppressed++;
  } else if (m->run_races++ == 0) {
    m->first_race = r;
  }
}

void race_with_atomics(ds_machine *m, access_cell *c, uintptr_t address, uint32_t mask,
                       uint32_t write, uintptr_t pc)
{
  m->model->plain(m, c, address, mask, write, pc);
}

uint32_t ds_races(const ds_machine *m, ds_race *out, uint32_t capacity)
{
  for (uint32_t i = 0; i < m->race_count && i < capacity; i++) {
    out[i] = m->races[i].race;
    out[i].in_last_run = m->races[i].run == m->run_number;
  }
  return m->race_count;
}

void ds_suppress(ds_machine *m, uint64_t pc, uint64_t other_pc, uint64_t place, uint32_t mixed)
{
  const suppressed_race s = {pc, other_pc, place, mixed};

  if (m->suppressed_count == SUPPRESSED_MOST) {
    return; /* as many as there can be races: these go on failing runs */
  }
  m->suppressed = enlarge(m->suppressed, &m->suppressed_capacity, m->suppressed_count + 1,
                          sizeof *m->suppressed);
  m->suppressed[m->suppressed_count++] = s;
  for (uint32_t i = 0; i < m->race_count; i++) {
    ds_race *r = &m->races[i].race;
    r->suppressed = (uint8_t)(r->suppressed || is_same(r, &s));
  }
}

void ds_suppress_clear(ds_machine *m)
{
  m->suppressed_count = 0;
  for (uint32_t i = 0; i < m->race_count; i++) {
    m->races[i].race.suppressed = 0;
  }
}

void ds_races_clear(ds_machine *m)
{
  m->race_count = 0;
}
