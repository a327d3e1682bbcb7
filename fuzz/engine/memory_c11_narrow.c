/* SPDX-License-Identifier: Apache-2.0 */
/* The C11 memory model for runs of up to 15 threads. */
#include "memory.h"

#define LANES NARROW_LANES
#define MODEL memory_c11_narrow
#define WIDER &memory_c11_wide
#define STATE 0
#define HISTORY_FILE "memory_history.inc"
#include "memory_c11.inc"
