/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may call a function; its body begins with one of these (seed 002).
 *
 *   GLOBAL_STATE_CODE()  the main thread only; nothing else may change the graph. Checked.
 *   IO_CODE()            any thread; must not call one of the other two.
 *   IO_OR_GS_CODE()      may poll: the main thread, or the home thread of the object's context.
 *
 * A function without any of them may be called from everywhere. The headers of a room are split in
 * the same way: *_global_state.h, *_io.h, and *_common.h for what both of them need.
 */
#ifndef BLOCK_CATEGORIES_H
#define BLOCK_CATEGORIES_H

#include "aio/main_loop.h"
#include "util/util.h"

#define GLOBAL_STATE_CODE() assert(qemu_in_main_thread())
#define IO_CODE() ((void)0)
#define IO_OR_GS_CODE() ((void)0)

#endif
