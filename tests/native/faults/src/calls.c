/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that do less than they were asked for, or are interrupted. */
#include "scenarios.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int ends[2];

/* ------------------------------------------------------------------ fewer bytes */

void trust_read(void)
{
  uint32_t number = 0x01020304;

  assert(pipe(ends) == 0);
  assert(write(ends[1], &number, sizeof number) == sizeof number);
  assert(read(ends[0], &number, sizeof number) == sizeof number);
  close(ends[0]);
  close(ends[1]);
}

static void read_all(int fd, void *to, size_t bytes)
{
  for (size_t done = 0; done < bytes;) {
    const ssize_t more = read(fd, (char *)to + done, bytes - done);
    assert(more > 0);
    done += (size_t)more;
  }
}

void check_read(void)
{
  uint32_t number = 0x01020304;

  assert(pipe(ends) == 0);
  assert(write(ends[1], &number, sizeof number) == sizeof number); /* PIPE_BUF: never short */
  read_all(ends[0], &number, sizeof number);
  assert(number == 0x01020304);
  close(ends[0]);
  close(ends[1]);
}

static void *read_number(void *to)
{
  read_all(ends[0], to, sizeof(uint32_t));
  return NULL;
}

static void send_number(void (*send)(int, const void *, size_t))
{
  const uint32_t number = 0x01020304;
  uint32_t received = 0;
  pthread_t reader;

  assert(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  assert(pthread_create(&reader, NULL, read_number, &received) == 0);
  send(ends[1], &number, sizeof number);
  pthread_join(reader, NULL);
  assert(received == number);
  close(ends[0]);
  close(ends[1]);
}

static void write_once(int fd, const void *from, size_t bytes)
{
  (void)!write(fd, from, bytes);
}

static void write_all(int fd, const void *from, size_t bytes)
{
  for (size_t done = 0; done < bytes;) {
    const ssize_t more = write(fd, (const char *)from + done, bytes - done);
    assert(more > 0);
    done += (size_t)more;
  }
}

void trust_write(void)
{
  send_number(write_once); /* the reader waits for ever for the rest */
}

void check_write(void)
{
  send_number(write_all);
}

/* ------------------------------------------------------------------ interrupted */

static const struct timespec second = {.tv_sec = 1};

static time_t seconds(void)
{
  struct timespec now;

  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec;
}

void trust_nanosleep(void)
{
  const time_t start = seconds();

  nanosleep(&second, NULL);
  assert(seconds() == start + 1);
}

void check_nanosleep(void)
{
  const time_t start = seconds();
  struct timespec left = second;

  while (nanosleep(&left, &left) == -1) {
    assert(errno == EINTR);
  }
  assert(seconds() == start + 1);
}

static void *write_byte(void *unused)
{
  assert(write(ends[1], "x", 1) == 1);
  return unused;
}

static void with_writer(void (*body)(void))
{
  pthread_t writer;

  assert(pipe(ends) == 0);
  assert(pthread_create(&writer, NULL, write_byte, NULL) == 0);
  body();
  pthread_join(writer, NULL);
  close(ends[0]);
  close(ends[1]);
}

static void poll_once(void)
{
  struct pollfd set = {.fd = ends[0], .events = POLLIN};

  assert(poll(&set, 1, -1) == 1);
}

static void poll_again(void)
{
  struct pollfd set = {.fd = ends[0], .events = POLLIN};
  int ready;

  do {
    ready = poll(&set, 1, -1);
  } while (ready == -1 && errno == EINTR);
  assert(ready == 1 && set.revents == POLLIN);
}

void trust_poll(void)
{
  with_writer(poll_once);
}

void check_poll(void)
{
  with_writer(poll_again);
}

static void read_once(void)
{
  char byte;

  assert(read(ends[0], &byte, 1) == 1);
}

static void read_again(void)
{
  char byte = 0;
  ssize_t moved;

  do {
    moved = read(ends[0], &byte, 1);
  } while (moved == -1 && errno == EINTR);
  assert(moved == 1 && byte == 'x');
}

void trust_blocking_read(void)
{
  with_writer(read_once);
}

void check_blocking_read(void)
{
  with_writer(read_again);
}
