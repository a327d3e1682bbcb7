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

static int same_sites(const ds_race *a, uint64_t pc, uint64_t other_pc)
{
  return (a->pc == pc && a->other_pc == other_pc) || (a->pc == other_pc && a->other_pc == pc);
}

static race_record *find(const ds_machine *m, const ds_race *r)
{
  for (uint32_t i = 0; i < m->race_count; i++) {
    const ds_race *known = &m->races[i].race;
    const int as_is = known->write == r->write && known->other_write == r->other_write;
    const int swapped = known->write == r->other_write && known->other_write == r->write;
    if (known->mixed == r->mixed &&
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
    if (same_sites(r, m->suppressed[2 * i], m->suppressed[2 * i + 1])) {
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

void ds_suppress(ds_machine *m, uint64_t pc, uint64_t other_pc)
{
  if (m->suppressed_count == SUPPRESSED_MOST) {
    return; /* as many as there can be races: these go on failing runs */
  }
  m->suppressed = enlarge(m->suppressed, &m->suppressed_capacity, 2 * m->suppressed_count + 2,
                          sizeof *m->suppressed);
  m->suppressed[2 * m->suppressed_count] = pc;
  m->suppressed[2 * m->suppressed_count + 1] = other_pc;
  m->suppressed_count++;
  for (uint32_t i = 0; i < m->race_count; i++) {
    ds_race *r = &m->races[i].race;
    r->suppressed = (uint8_t)(r->suppressed || same_sites(r, pc, other_pc));
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
