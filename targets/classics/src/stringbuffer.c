/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stringbuffer: appending one string buffer to another asks the source for its length and then for
 * that many characters. Each call takes the source's lock, the two together do not: somebody may
 * shorten the source in between.
 */
#include "classics.h"
#include "crew.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum { CHARACTERS_MAX = 16, ERASED = 3 };

typedef struct string_buffer {
  pthread_mutex_t lock; /* recursive: guards what follows */
  int length;
  char characters[CHARACTERS_MAX];
} string_buffer;

static string_buffer source, copy;

static void buffer_init(string_buffer *s, const char *text)
{
  pthread_mutexattr_t attr;

  pthread_mutexattr_init(&attr);
  pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
  pthread_mutex_init(&s->lock, &attr);
  pthread_mutexattr_destroy(&attr);
  s->length = (int)strlen(text);
  memcpy(s->characters, text, (size_t)s->length);
}

static int buffer_length(string_buffer *s)
{
  pthread_mutex_lock(&s->lock);
  const int length = s->length;
  pthread_mutex_unlock(&s->lock);
  return length;
}

static void buffer_get(string_buffer *s, char *to, int count)
{
  pthread_mutex_lock(&s->lock);
  assert(count <= s->length);
  memcpy(to, s->characters, (size_t)count);
  pthread_mutex_unlock(&s->lock);
}

static void buffer_append(string_buffer *to, string_buffer *from)
{
  pthread_mutex_lock(&to->lock);
  const int count = buffer_length(from);
  if (to->length + count <= CHARACTERS_MAX) {
    buffer_get(from, to->characters + to->length, count);
    to->length += count;
  }
  pthread_mutex_unlock(&to->lock);
}

static void *erase(void *unused)
{
  pthread_mutex_lock(&source.lock);
  source.length -= ERASED;
  memmove(source.characters, source.characters + ERASED, (size_t)source.length);
  pthread_mutex_unlock(&source.lock);
  return unused;
}

static void append_while_erasing(bool guarded)
{
  crew c = {.count = 0};

  buffer_init(&source, "abcdef");
  buffer_init(&copy, "");
  crew_start(&c, 1, erase, NULL);
  if (guarded) {
    pthread_mutex_lock(&source.lock);
  }
  buffer_append(&copy, &source);
  if (guarded) {
    pthread_mutex_unlock(&source.lock);
  }
  crew_join(&c);
}

void stringbuffer(void)
{
  append_while_erasing(false);
}

void stringbuffer_fixed(void)
{
  append_while_erasing(true);
}
