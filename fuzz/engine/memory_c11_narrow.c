/* SPDX-License-Identifier: Apache-2.0 */
/* The C11 memory model for runs of up to 15 threads. */
#include "memory.h"

#define LANES NARROW_LANES
#define MODEL memory_c11_narrow
#include "memory_c11.inc"
