/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that would leave the machine: the run ends there and says what was called. */
#define _GNU_SOURCE
#include "defects.h"
#include "threads.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

static void map(int descriptor, int flags)
{
  char *block = mmap(NULL, 4096, PROT_READ | PROT_WRITE, flags, descriptor, 0);

  memset(block, 0, 4096);
  munmap(block, 4096);
}

void mapping_of_a_file(void)
{
  map(3, MAP_PRIVATE);
}

void mapping_of_a_file_fixed(void)
{
  map(-1, MAP_PRIVATE | MAP_ANONYMOUS);
}

/* The standard streams belong to the process that the machine runs in. */
static void ring(int descriptor)
{
  const uint64_t one = 1;

  (void)!write(descriptor, &one, sizeof one);
  close(descriptor);
}

void writing_to_a_standard_stream(void)
{
  ring(2);
}

void writing_to_a_standard_stream_fixed(void)
{
  ring(eventfd(0, 0));
}

static void close_from(int descriptor, int above)
{
  do {
    close(descriptor);
  } while (--descriptor > above);
}

void closing_every_descriptor(void)
{
  close_from(eventfd(0, 0), -1);
}

void closing_every_descriptor_fixed(void)
{
  const int bell = eventfd(0, 0);

  close_from(bell, bell - 1);
}

/* Memory that is mapped but not the target's: here what lies behind errno. */
static void set_error(int places)
{
  int *error = &errno;

  ((volatile int *)error)[places] = 1;
}

void writing_behind_errno(void)
{
  set_error(3);
}

void writing_behind_errno_fixed(void)
{
  set_error(0);
}
