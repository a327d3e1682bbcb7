/* SPDX-License-Identifier: Apache-2.0 */
/* BlockBackend: for any thread, and for the main thread. */
#ifndef BLOCK_BLOCK_BACKEND_H
#define BLOCK_BLOCK_BACKEND_H

#include "block/block_backend_global_state.h"
#include "block/block_backend_io.h"

#endif
