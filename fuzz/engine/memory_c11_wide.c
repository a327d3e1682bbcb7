/* SPDX-License-Identifier: Apache-2.0 */
/* The C11 memory model for runs of up to DS_THREAD_MAX threads. */
#include "memory.h"

#define LANES WIDE_LANES
#define MODEL memory_c11_wide
#define WIDER NULL
#define STATE 1
#define HISTORY_FILE "memory_history.inc"
#include "memory_c11.inc"
