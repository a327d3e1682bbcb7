/* SPDX-License-Identifier: Apache-2.0 */
/* Each does one thing often. They are free of races and leave nothing behind. */
#ifndef SPEED_PROGRAMS_H
#define SPEED_PROGRAMS_H

enum { ROUNDS = 200, WORDS_MOST = 64 };

void start_threads(void);
void use_atomics(void);
void same_epoch(unsigned words); /* at most WORDS_MOST */
void new_epoch(unsigned words);

#endif
