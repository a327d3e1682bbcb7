/* SPDX-License-Identifier: Apache-2.0 */
/* One task on a stack of its own. */
#ifndef PARKED_H
#define PARKED_H

void never_resumed(void);
void left_behind(void);
void still_there(void);

/* Where task_switch() has saved the task's stack: frame pointer and return address lie so many
 * words above. */
extern void *task_saved;
enum { FRAME_WORD = 5, RESUME_WORD = 6 };

/* The driver's: the task begins, on its own stack. */
void task_begins(void);

#endif
