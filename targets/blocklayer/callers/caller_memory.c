/* SPDX-License-Identifier: Apache-2.0 */
/* A word for each two who may meet, eight bytes apart: no two words are taken for one. */
#include "caller_memory.h"

#include <assert.h>
#include <stdint.h>

static uint64_t works[CALLER_NODES][CALLER_THREADS];
static uint64_t letters[CALLER_BEDS][CALLER_LETTERS];

void caller_works(unsigned node, unsigned thread)
{
  works[node][thread]++;
}

void caller_inspects(unsigned node, unsigned thread)
{
  assert(works[node][thread] > 0);
}

void caller_writes(unsigned bed, unsigned letter)
{
  letters[bed][letter]++;
}

void caller_reads(unsigned bed, unsigned letter)
{
  assert(letters[bed][letter] == 1);
}
