/* SPDX-License-Identifier: Apache-2.0 */
/* The block graph: for any thread, and for the main thread. */
#ifndef BLOCK_GRAPH_H
#define BLOCK_GRAPH_H

#include "graph/graph_global_state.h"
#include "graph/graph_io.h"

#endif
