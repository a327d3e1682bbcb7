/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that changes hands by what the block layer promises, and by nothing else: no lock, no
 * atomic access. If a promise is kept without the memory order that callers rely on, then these
 * accesses are a data race, though everybody came and went in time.
 */
#ifndef BLOCKLAYER_CALLER_MEMORY_H
#define BLOCKLAYER_CALLER_MEMORY_H

enum {
  CALLER_NODES = 16,
  CALLER_THREADS = 32,
  CALLER_BEDS = 16,
  CALLER_LETTERS = 32, /* of one bed, in one run */
};

/* A request of this thread is at work in a node's driver. */
void caller_works(unsigned node, unsigned thread);

/* Who is in a drained section of a node looks at what requests of that thread did. */
void caller_inspects(unsigned node, unsigned thread);

/* A waker writes a letter before it wakes; the sleeper that it woke reads it. */
void caller_writes(unsigned bed, unsigned letter);
void caller_reads(unsigned bed, unsigned letter);

#endif
