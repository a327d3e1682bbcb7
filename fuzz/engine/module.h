/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's private copy of a target: where its parts are, and whom its calls reach. */
#ifndef DRAINSTORM_MODULE_H
#define DRAINSTORM_MODULE_H

#include "engine.h"

#include <stddef.h>
#include <stdint.h>

typedef struct range {
  uintptr_t base;
  size_t bytes;
} range;

typedef struct access_cell access_cell; /* access.h */
typedef struct shadow_cell shadow_cell; /* machine.h */

typedef struct data_range { /* a writable part of the target, restored before every run */
  range at;
  uint8_t *image;
  shadow_cell *shadow;
} data_range;

enum { DATA_RANGES = 4 };

/* Whom a target's calls reach. Aware: for cases with relaxed accesses. Bare: plain accesses reach
 * nobody, since no memory model looks at them or nobody runs. */
enum { BOUND_USUAL, BOUND_AWARE, BOUND_BARE, BINDINGS };

typedef struct module {
  void *handle;
  uintptr_t base; /* load address: everything canonical is an offset from it */
  range text;
  range whole; /* lowest to highest loaded address */
  data_range data[DATA_RANGES];
  uint32_t data_count;
  range writable; /* from the first to the last writable byte, cells[] describes it */
  access_cell *cells;
  const uint8_t *tls_image;
  size_t tls_file_bytes, tls_bytes, tls_align;
  uint32_t stack_bytes; /* of a thread, as target.toml says */
  size_t tls_module_id;
  void (*driver_main)(void);
  int (*driver_idle)(void);
  uint8_t *coverage;         /* text.bytes bytes */
  void **slots;              /* of the stub: what the target's calls reach */
  void **bindings[BINDINGS]; /* their values */
  size_t slot_count;
  uint32_t bound; /* BOUND_*: those that they have */
} module;

/* Load the machine's target. 0, or -1 with a message; then what there is of it is to be unloaded.
 */
int module_load(ds_machine *m, const char *path, char *error, size_t error_size);
void module_unload(ds_machine *m);
/* Put its writable data back, before a run. */
void module_reset(ds_machine *m);
/* Forget who accessed its data in all runs so far. */
void module_wipe_cells(ds_machine *m);
/* From now on its calls reach BOUND_*. */
void module_bind(module *t, uint32_t which);

#endif
