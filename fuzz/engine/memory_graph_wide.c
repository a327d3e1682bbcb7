/* SPDX-License-Identifier: Apache-2.0 */
/* The C11 memory model with a modification-order graph, for runs of up to DS_THREAD_MAX threads. */
#include "memory.h"

#define LANES WIDE_LANES
#define MODEL memory_graph_wide
#define WIDER NULL
#define STATE 3
#define HISTORY_FILE "memory_graph.inc"
#include "memory_c11.inc"
