/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults that the schedule chooses: a call does what POSIX allows and programs forget. Each is a
 * question like any other, so it is recorded, replayed and shrunk like any other; the quiet answer
 * is that nothing goes wrong.
 *
 * A program asks a handful of such questions or thousands, and mostly one fault at the right place
 * is enough. So a run draws how many faults it may have and, on a logarithmic scale, how rare they
 * are: short and long runs are both hit, and half of the runs are not disturbed at all.
 */
#include "inject.h"
#include "memory.h"
#include "strategy.h"

enum { RATES = 8 };

void inject_begin(ds_machine *m)
{
  m->faults_left = 0;
  if (m->input->faults) {
    m->faults_left = DS_FAULTS_MOST;
    m->fault_rate = 0;
    if (m->strategy != &strategy_exhaustive) {
      const uint32_t draw = random_below(m, 2 * DS_FAULTS_MOST);
      m->faults_left = draw < DS_FAULTS_MOST ? draw + 1 : 0;
      m->fault_rate = random_below(m, RATES);
    }
  }
}

uint32_t strategy_fault(ds_machine *m, uint32_t options)
{
  if (m->faults_left == 0 || random_below(m, 1u << m->fault_rate)) {
    return 0;
  }
  m->faults_left--;
  return 1 + random_below(m, options - 1);
}

/* Set-up and waiting for the end (ds_uninterrupted()) are the driver's: it does not expect any. */
COLD uint32_t inject_slow(ds_machine *m, uint32_t kind, uint32_t options, const char *what,
                          uintptr_t pc)
{
  if (!(m->input->faults >> (kind - DS_FIRST_FAULT) & 1) || m->uninterrupted == m->current->id) {
    return 0;
  }
  const uint32_t answer = choose(m, kind, options);
  if (!answer) {
    return 0;
  }
  m->current->op.pc = pc;
  observe(m, DS_EV_FAULT, NULL, 0, 0, kind);
  if (m->flags & DS_FLAG_TRACE) {
    const uint32_t text = text_add(m, what);
    m->events[m->event_count - 1].text = text;
  }
  return answer;
}
