/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the C library reads for a target. Its string functions are not instrumented, and compilers
 * put other code in their place; so the build renames them in the target's sources, and here the
 * bytes that they must read are judged like plain accesses of the caller, before they are called.
 *
 * These bytes are as few as C allows: a comparison or search ends where its result is known. So no
 * alarm is false; memcmp() may read all of both.
 */
#include "memory.h"

#include <stdlib.h>
#include <string.h>

#define HIDDEN __attribute__((visibility("hidden")))

enum { STEP_BYTES = 8 };

static void judge(const void *from, size_t bytes, uint32_t write, uintptr_t pc)
{
  ds_machine *m = ds_current;

  if (m && m->model && bytes) {
    finish_staged(m);
    access_plain(m, (uintptr_t)from, bytes, write, pc);
  }
}

/* The C library would fault where no place of the target is known. */
static void refuse_null(const void *s, uintptr_t pc)
{
  if ((uintptr_t)s < PAGE_BYTES && ds_current) {
    finish(ds_current, DS_FAIL, DS_SEGV, pc, "null pointer dereference");
  }
}

/* Read up to and with the first `c` (or the end of the string), `most` bytes at most; how many. */
static size_t read_until(const char *s, size_t most, int c, int ends_with_zero, uintptr_t pc)
{
  size_t done = 0;
  int over = 0;

  if (most) {
    refuse_null(s, pc);
  }
  while (!over && done < most) { /* judged in steps: what lies behind must not be touched */
    size_t n = 0;
    for (; !over && n < STEP_BYTES && done + n < most; n++) {
      const char byte = s[done + n];
      over = byte == (char)c || (ends_with_zero && !byte);
    }
    judge(s + done, n, 0, pc);
    done += n;
  }
  return done;
}

static size_t read_string(const char *s, uintptr_t pc)
{
  return read_until(s, SIZE_MAX, 0, 1, pc);
}

/* Read two strings up to and with their first difference. */
static void read_both(const char *a, const char *b, size_t most, uintptr_t pc)
{
  size_t done = 0;
  int over = 0;

  if (most) {
    refuse_null(a, pc);
    refuse_null(b, pc);
  }
  while (!over && done < most) {
    size_t n = 0;
    for (; !over && n < STEP_BYTES && done + n < most; n++) {
      over = a[done + n] != b[done + n] || !a[done + n];
    }
    judge(a + done, n, 0, pc);
    judge(b + done, n, 0, pc);
    done += n;
  }
}

/* ------------------------------------------------------------------ memory */

HIDDEN int __tsan_memcmp(const void *a, const void *b, size_t bytes);
HIDDEN int __tsan_memcmp(const void *a, const void *b, size_t bytes)
{
  judge(a, bytes, 0, CALLER);
  judge(b, bytes, 0, CALLER);
  return memcmp(a, b, bytes);
}

HIDDEN void *__tsan_memchr(const void *s, int c, size_t bytes);
HIDDEN void *__tsan_memchr(const void *s, int c, size_t bytes)
{
  read_until(s, bytes, c, 0, CALLER);
  return memchr(s, c, bytes);
}

typedef int (*comparison)(const void *, const void *);

HIDDEN void __tsan_qsort(void *base, size_t count, size_t bytes, comparison compare);
HIDDEN void __tsan_qsort(void *base, size_t count, size_t bytes, comparison compare)
{
  judge(base, count * bytes, STAMP_WRITE, CALLER);
  qsort(base, count, bytes, compare);
}

/* ------------------------------------------------------------------ strings */

HIDDEN size_t __tsan_strlen(const char *s);
HIDDEN size_t __tsan_strlen(const char *s)
{
  return read_string(s, CALLER) - 1;
}

HIDDEN size_t __tsan_strnlen(const char *s, size_t most);
HIDDEN size_t __tsan_strnlen(const char *s, size_t most)
{
  read_until(s, most, 0, 1, CALLER);
  return strnlen(s, most);
}

HIDDEN int __tsan_strcmp(const char *a, const char *b);
HIDDEN int __tsan_strcmp(const char *a, const char *b)
{
  read_both(a, b, SIZE_MAX, CALLER);
  return strcmp(a, b);
}

HIDDEN int __tsan_strncmp(const char *a, const char *b, size_t most);
HIDDEN int __tsan_strncmp(const char *a, const char *b, size_t most)
{
  read_both(a, b, most, CALLER);
  return strncmp(a, b, most);
}

HIDDEN char *__tsan_strchr(const char *s, int c);
HIDDEN char *__tsan_strchr(const char *s, int c)
{
  read_until(s, SIZE_MAX, c, 1, CALLER);
  return strchr(s, c);
}

HIDDEN char *__tsan_strrchr(const char *s, int c);
HIDDEN char *__tsan_strrchr(const char *s, int c)
{
  read_string(s, CALLER);
  return strrchr(s, c);
}

HIDDEN char *__tsan_strstr(const char *s, const char *part);
HIDDEN char *__tsan_strstr(const char *s, const char *part)
{
  const size_t part_bytes = read_string(part, CALLER) - 1;
  char *found = strstr(s, part);

  read_until(s, found ? (size_t)(found - s) + part_bytes : SIZE_MAX, 0, 1, CALLER);
  return found;
}

HIDDEN size_t __tsan_strspn(const char *s, const char *set);
HIDDEN size_t __tsan_strspn(const char *s, const char *set)
{
  read_string(set, CALLER);
  const size_t length = strspn(s, set);
  judge(s, length + 1, 0, CALLER);
  return length;
}

HIDDEN size_t __tsan_strcspn(const char *s, const char *set);
HIDDEN size_t __tsan_strcspn(const char *s, const char *set)
{
  read_string(set, CALLER);
  const size_t length = strcspn(s, set);
  judge(s, length + 1, 0, CALLER);
  return length;
}

HIDDEN char *__tsan_strpbrk(const char *s, const char *set);
HIDDEN char *__tsan_strpbrk(const char *s, const char *set)
{
  read_string(set, CALLER);
  judge(s, strcspn(s, set) + 1, 0, CALLER);
  return strpbrk(s, set);
}
