/* SPDX-License-Identifier: Apache-2.0 */
/* The C11 memory model with a modification-order graph, for runs of up to 15 threads. */
#include "memory.h"

#define LANES NARROW_LANES
#define MODEL memory_graph_narrow
#define WIDER &memory_graph_wide
#define STATE 2
#define HISTORY_FILE "memory_graph.inc"
#include "memory_c11.inc"
