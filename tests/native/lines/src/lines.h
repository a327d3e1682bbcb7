/* SPDX-License-Identifier: Apache-2.0 */
/* Programs whose interleavings can be counted by hand. */
#ifndef LINES_H
#define LINES_H

void even_lines(void);
void uneven_lines(void);
void spinning_line(void);
void held_line(void);
void task_line(void);

/* The driver's word that the calling thread now works for a task of its own, or no longer. */
void task_begins(void);
void task_ends(void);

#endif
