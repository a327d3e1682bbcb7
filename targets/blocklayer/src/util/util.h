/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every file of the block layer needs: assertions that are always on, and allocation that
 * does not fail. Nobody here can go on without the few bytes that it asks for, so running out of
 * memory ends the process.
 */
#ifndef BLOCK_UTIL_H
#define BLOCK_UTIL_H

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

#ifdef NDEBUG
#error "the block layer keeps its assertions: do not define NDEBUG"
#endif

/* Marks a function that must run inside a coroutine and may yield. For readers only. */
#define coroutine_fn

/* Two objects that different threads write must not share this many bytes. A power of two. */
enum { CACHE_LINE_BYTES = 64 };

/* `bytes` of uninitialised memory; the caller frees it with free(). Never NULL. */
static inline void *qemu_malloc(size_t bytes)
{
  void *memory = malloc(bytes);
  if (!memory) {
    abort();
  }
  return memory;
}

/* As qemu_malloc(), but all zero. */
static inline void *qemu_malloc0(size_t bytes)
{
  void *memory = calloc(1, bytes);
  if (!memory) {
    abort();
  }
  return memory;
}

/* As qemu_malloc(), but starting on a cache line; `bytes` is a multiple of CACHE_LINE_BYTES. */
static inline void *qemu_malloc_lines(size_t bytes)
{
  assert(bytes % CACHE_LINE_BYTES == 0);
  void *memory = aligned_alloc(CACHE_LINE_BYTES, bytes);
  if (!memory) {
    abort();
  }
  return memory;
}

#endif
