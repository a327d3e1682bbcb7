/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may call a function: every public function of graph/, block/, job/ and export/ says so in
 * its first line. What the other folders offer is common code: any thread, unless its header names
 * one.
 *
 *   GLOBAL_STATE_CODE()  the main thread only; the only code that may change the graph. Checked.
 *   IO_CODE()            any thread; calls no global-state code. For readers and checkers only.
 *   IO_OR_GS_CODE()      the main thread, or the home thread of the object; may wait by polling.
 */
#ifndef BLOCK_CODE_CATEGORY_H
#define BLOCK_CODE_CATEGORY_H

#include "aio/main_loop.h"
#include "util/util.h"

#define GLOBAL_STATE_CODE() assert(qemu_in_main_thread())
#define IO_CODE() ((void)0)
#define IO_OR_GS_CODE() ((void)0)

#endif
