/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks of the narrow width: see clocks.inc. */
#include "memory.h"

#define LANES NARROW_LANES
#define MODEL memory_tested
#define WIDER &memory_c11_wide
#define STATE 0
#include "clocks.inc"
