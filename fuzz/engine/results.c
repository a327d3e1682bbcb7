/* SPDX-License-Identifier: Apache-2.0 */
/* What the last run left behind, copied out for the host. */
#include "machine.h"

#include <string.h>

#define COPY_OUT(name, type, array, total)                                                         \
  uint32_t name(const ds_machine *m, type *out, uint32_t capacity)                                 \
  {                                                                                                \
    const uint32_t n = m->total < capacity ? m->total : capacity;                                  \
    if (n) {                                                                                       \
      memcpy(out, m->array, n * sizeof *out);                                                      \
    }                                                                                              \
    return m->total;                                                                               \
  }

COPY_OUT(ds_deviations, ds_deviation, deviations, deviation_count)
COPY_OUT(ds_events, ds_event, events, event_count)
COPY_OUT(ds_waiters, ds_waiter, waiters, waiter_count)

const char *ds_text(const ds_machine *m, uint32_t offset)
{
  return offset && offset < m->text_bytes ? m->text + offset : "";
}
