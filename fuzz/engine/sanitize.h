/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tools that check the engine itself must be told about its stacks: nothing in a usual build.
 *
 * AddressSanitizer: a run is abandoned, not unwound, so what its frames have poisoned stays so and
 * would be found by the next thread that gets the stack. Switches are not announced to it: targets
 * switch stacks themselves, and a signal handler may leave a fiber. It needs
 * detect_stack_use_after_return=0 therefore, and no handlers for the signals of fault.c.
 *
 * Valgrind (built with DS_VALGRIND): takes a jump to another stack for a huge frame if it does not
 * know the stacks.
 */
#ifndef DRAINSTORM_SANITIZE_H
#define DRAINSTORM_SANITIZE_H

#include <stddef.h>

#if defined __has_feature /* clang's word for it */
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#if defined __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif
#if defined DS_VALGRIND
#include <valgrind/memcheck.h>
#endif

/* A function that looks at whole stacks, also between the variables of a frame. */
#if defined __SANITIZE_ADDRESS__
#define READS_WHOLE_STACKS __attribute__((no_sanitize("address")))
#else
#define READS_WHOLE_STACKS
#endif

/* Valgrind's word for the same: between these two it reports nothing. What was made of the bytes is
 * taken for initialised. */
static inline void reading_whole_stacks_begins(void)
{
#if defined DS_VALGRIND
  VALGRIND_DISABLE_ERROR_REPORTING;
#endif
}

static inline void reading_whole_stacks_ends(void *made, size_t bytes)
{
#if defined DS_VALGRIND
  VALGRIND_ENABLE_ERROR_REPORTING;
  VALGRIND_MAKE_MEM_DEFINED(made, bytes);
#endif
  (void)made, (void)bytes;
}

/* [bottom, bottom + bytes) is going to be switched to. Once for the life of the memory. */
static inline void stack_exists(void *bottom, size_t bytes)
{
#if defined DS_VALGRIND
  VALGRIND_STACK_REGISTER(bottom, (char *)bottom + bytes);
#endif
  (void)bottom, (void)bytes;
}

/* A new thread of control begins on it. */
static inline void stack_begins(void *bottom, size_t bytes)
{
#if defined __SANITIZE_ADDRESS__
  __asan_unpoison_memory_region(bottom, bytes);
#endif
  (void)bottom, (void)bytes;
}

#endif
