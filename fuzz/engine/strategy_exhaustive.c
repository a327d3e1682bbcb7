/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exhaustive: depth first over every answer to every question. A run follows the path of the run
 * before up to its last answer that has an alternative, takes that, and the quiet default from
 * there on. With a preemption bound (CHESS, Musuvathi and Qadeer, PLDI 2007) a thread that can run
 * is left at most so many times; switches at blocking points are free.
 */
#include "strategy.h"

enum { PATH_MOST = 1 << 20 };

static void exhaustive_begin(ds_machine *m)
{
  m->path_position = 0;
  m->preemptions = 0;
}

/* The answer at this place of the path: what is written there, or 0 for a new place. */
static uint32_t next_answer(ds_machine *m, uint32_t options)
{
  const uint32_t at = m->path_position++;

  if (at == m->path_length) {
    if (at == m->path_capacity) {
      uint32_t capacity = m->path_capacity;
      m->fan = grow(m, m->fan, &capacity, PATH_MOST, sizeof *m->fan, "answers");
      m->path = grow(m, m->path, &m->path_capacity, PATH_MOST, sizeof *m->path, "answers");
    }
    m->path[at] = 0;
    m->path_length++;
  }
  m->fan[at] = (uint16_t)options;
  return m->path[at];
}

int exhaustive_advance(ds_machine *m)
{
  m->path_length = m->path_position < m->path_length ? m->path_position : m->path_length;
  while (m->path_length && m->path[m->path_length - 1] + 1 >= m->fan[m->path_length - 1]) {
    m->path_length--;
  }
  if (m->path_length == 0) {
    return 0;
  }
  m->path[m->path_length - 1]++;
  return 1;
}

static uint32_t exhaustive_pick(ds_machine *m, uint32_t passed, int32_t *horizon)
{
  const int can_stay = m->current->slot_in_runnable != NOBODY && !m->current->yielded;
  uint32_t id = quiet_default(m);

  (void)passed, (void)horizon;
  if (can_stay && m->preemptions >= m->strategy_config.preemptions) {
    return id;
  }
  const uint32_t answer = next_answer(m, m->runnable_count);
  m->preemptions += can_stay && answer;
  for (uint32_t skip = answer; skip; skip--) {
    id = runnable_from(m, id + 1);
  }
  return id;
}

static uint32_t exhaustive_answer(ds_machine *m, uint32_t kind, uint32_t position, uint32_t options)
{
  (void)position;
  if (is_fault(kind) && m->faults_left == 0) {
    return 0;
  }
  const uint32_t answer = next_answer(m, options);
  m->faults_left -= is_fault(kind) && answer;
  return answer;
}

const strategy strategy_exhaustive = {
    exhaustive_begin, strategy_no_spawn, exhaustive_pick, exhaustive_answer, NULL, 0};
