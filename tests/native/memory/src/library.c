/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that the C library reads. */
#define _GNU_SOURCE
#include "scenarios.h"
#include "threads.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

KEPT char text[16] = "some text";
KEPT volatile size_t measured;
KEPT char *volatile held;

static void *write_text(void *unused)
{
  text[4] = '-';
  return unused;
}

static void *measure_text(void *unused)
{
  measured = strlen(text);
  return unused;
}

static void *compare_text(void *unused)
{
  measured = (size_t)memcmp(text, "some time", 9);
  return unused;
}

void race_strlen(void)
{
  run_two(write_text, measure_text);
}

void race_memcmp(void)
{
  run_two(write_text, compare_text);
}

static char *block_with(const char *words, size_t bytes)
{
  char *block = malloc(bytes);

  memcpy(block, words, bytes);
  held = block;
  return block;
}

void strlen_after_free(void)
{
  free(block_with("abc", 4));
  measured = strlen(held);
}

void strdup_after_free(void)
{
  free(block_with("abc", 4));
  free(strdup(held));
}

void memcmp_beyond_a_block(void)
{
  block_with("abc", 4);
  measured = (size_t)memcmp(held, text, 5);
}

void string_without_end(void)
{
  block_with("abcdefghijkl", 12);
  measured = (size_t)strcmp(held, "abcdefghijklm");
}

static int by_value(const void *a, const void *b)
{
  return *(const char *)a - *(const char *)b;
}

void sort_beyond_a_block(void)
{
  block_with("dcba", 4);
  qsort(held, 5, 1, by_value);
}

void no_string(void)
{
  held = NULL;
  measured = strlen(held);
}

/* ------------------------------------------------------------------ correct */

/* Blocks that hold not a byte more than what is read, and every answer as it should be. */
void library_reads_enough(void)
{
  char *a = block_with("abcabd", 6), *b = block_with("abc", 4), *c = block_with("ba", 3);

  assert(strlen(b) == 3 && strnlen(a, 6) == 6 && strnlen(b, 100) == 3);
  assert(strcmp(a, b) > 0 && strncmp(a, b, 3) == 0 && strcmp(b, b) == 0);
  assert(memchr(a, 'd', 100) == a + 5 && memchr(a, 'x', 6) == NULL && memcmp(a, b, 3) == 0);
  assert(strchr(a, 'd') == a + 5 && strchr(b, 'x') == NULL && strrchr(b, 'a') == b);
  assert(strstr(a, "bd") == a + 4 && strstr(b, c) == NULL && strstr(b, "") == b);
  assert(strspn(a, b) == 5 && strcspn(b, c) == 0 && strpbrk(b, "xc") == b + 2);
  assert(memcmp(a, NULL, 0) == 0 && strncmp(a, b, 0) == 0 && strnlen(a, 0) == 0);
  char *d = strdup(b);
  qsort(a, 6, 1, by_value);
  assert(memcmp(a, "aabbcd", 6) == 0 && strcmp(d, b) == 0);
  free(a);
  free(b);
  free(c);
  free(d);
}

static void *write_behind(void *unused)
{
  text[10] = 'x';
  return unused;
}

static void *read_before(void *unused)
{
  measured = strlen(text) + (size_t)strcmp(text, "none") + (size_t)strncmp(text, "some t", 6);
  measured += strspn(text, "emos") + (size_t)memcmp(text, "some text", 10);
  held = memchr(text, 't', sizeof text);
  return unused;
}

void library_reads_no_more(void)
{
  run_two(write_behind, read_before);
}
