/* SPDX-License-Identifier: Apache-2.0 */
/* The block layer: for any thread, and for the main thread. */
#ifndef BLOCK_BLOCK_H
#define BLOCK_BLOCK_H

#include "block/block_global_state.h"
#include "block/block_io.h"

#endif
