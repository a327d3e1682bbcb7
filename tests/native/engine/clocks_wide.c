/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks of the wide width: see clocks.inc. */
#include "memory.h"

#define LANES WIDE_LANES
#define MODEL memory_tested
#define WIDER NULL
#define STATE 1
#include "clocks.inc"
