/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BQL ("big QEMU lock"): one mutex for everything that no smaller lock protects. Who holds it
 * may run the main context (main_loop.h). The main thread holds it except while it sleeps in
 * main_loop_wait(); IOThreads never take it. Not recursive.
 */
#ifndef BLOCK_BQL_H
#define BLOCK_BQL_H

#include <stdbool.h>

void bql_lock(void);
void bql_unlock(void);

/* Does the calling thread hold it? */
bool bql_locked(void);

#endif
