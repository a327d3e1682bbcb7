/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of RULES.md; each function ends the run if its rule is broken. */
#ifndef BLOCKLAYER_RULES_H
#define BLOCKLAYER_RULES_H

#include "ghost.h"

#pragma GCC visibility push(hidden)

/* R1: right after the lock was given, before anything else can run. */
void rule_reader_entered(unsigned coroutine);
void rule_writer_entered(void);

/* R1: a reader has walked down from `top`; masks of nodes. */
void rule_walked(unsigned top, uint32_t seen, uint32_t expected);

/* R2: right after a lock function returned, with the machine idle, and at the end. */
void rule_conservation(void);

/* R3: right after a context's counter went; both values from before. */
void rule_orphans(unsigned context, uint32_t orphans_before, uint32_t counter_before);

/* R4: nothing can run. */
void rule_wakeup(void);

/* R5: right after bdrv_graph_wrunlock() returned; `waited` was waiting_readers() before it. */
void rule_release(uint32_t waited);

/* R6: nothing can run. */
void rule_notification(void);

/* The coroutines in the lock's queue; bit 0 is co1. */
uint32_t waiting_readers(void);

/* The orphans and every context's counter, modulo 2^32. */
uint32_t counted_readers(void);

#pragma GCC visibility pop

#endif
