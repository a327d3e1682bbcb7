/* SPDX-License-Identifier: Apache-2.0 */
/* A target for tests of the tools: all of it is small, known, and quick to build and to run. */
#ifndef TALLY_H
#define TALLY_H

void tally_reset(void);
void tally_add(unsigned amount);
unsigned tally_read(void);
/* Lock two of the three mutexes in the order given, unlock them. */
void tally_hold(unsigned first, unsigned second);
void tally_crash(void);
void tally_check(void);

#endif
