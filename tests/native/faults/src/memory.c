/* SPDX-License-Identifier: Apache-2.0 */
/* Allocations that may fail. */
#define _GNU_SOURCE
#include "scenarios.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static void *volatile block; /* the compiler may not see that nothing is done with it */

static void use_and_free(int checked)
{
  volatile char *bytes = block;

  if (checked && !bytes) {
    return;
  }
  bytes[0] = 1;
  free(block);
}

void trust_malloc(void)
{
  block = malloc(10);
  use_and_free(0);
}

void check_malloc(void)
{
  block = malloc(10);
  use_and_free(1);
}

void trust_calloc(void)
{
  block = calloc(10, 3);
  use_and_free(0);
}

void check_calloc(void)
{
  block = calloc(10, 3);
  use_and_free(1);
}

void trust_realloc(void)
{
  block = malloc(10);
  if (block) {
    block = realloc(block, 20); /* the old block is lost when this fails */
    use_and_free(1);
  }
}

void check_realloc(void)
{
  block = malloc(10);
  if (block) {
    void *larger = realloc(block, 20);
    block = larger ? larger : block;
    use_and_free(1);
  }
}

void trust_aligned_alloc(void)
{
  block = aligned_alloc(64, 128);
  use_and_free(0);
}

void check_aligned_alloc(void)
{
  block = aligned_alloc(64, 128);
  use_and_free(1);
}

void trust_posix_memalign(void)
{
  void *fresh = NULL;

  posix_memalign(&fresh, 64, 128);
  block = fresh;
  use_and_free(0);
}

void check_posix_memalign(void)
{
  void *fresh;

  if (posix_memalign(&fresh, 64, 128) == 0) {
    block = fresh;
    use_and_free(0);
  }
}

void trust_strdup(void)
{
  block = strdup("text");
  use_and_free(0);
}

void check_strdup(void)
{
  block = strdup("text");
  use_and_free(1);
}

static void *map_page(void)
{
  return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

void trust_mmap(void)
{
  block = map_page();
  if (block) { /* the error is another value */
    ((volatile char *)block)[0] = 1;
    munmap(block, 4096);
  }
}

void check_mmap(void)
{
  block = map_page();
  if (block != MAP_FAILED) {
    ((volatile char *)block)[0] = 1;
    munmap(block, 4096);
  }
}
