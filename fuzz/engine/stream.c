/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pipes and pairs of connected sockets (UNIX domain, SOCK_STREAM): bytes in order, both ends in
 * this program. A descriptor cannot be duplicated, so a stream has one reader and one writer.
 *
 * A read returns what is there. What a write of at most PIPE_BUF bytes puts into a pipe goes in
 * at once; anything else a schedule may cut short (DS_FAULT_SHORT), as it may a read.
 */
#include "inject.h"
#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>

#include "posix.h"

enum { STREAM_BYTES = 64 << 10 };

struct stream {
  uint32_t first, count; /* bytes in it */
  int reader, writer;    /* descriptors, 0 = closed */
  uint16_t clock;        /* what its writers released */
  uint8_t socket;
  uint8_t bytes[STREAM_BYTES];
};

static stream *stream_create(ds_machine *m, uint8_t socket)
{
  stream *s = heap_reserve(m, sizeof *s);

  memset(s, 0, offsetof(stream, bytes));
  s->socket = socket;
  return s;
}

/* Two descriptors; -1 with EMFILE when there are not two left. */
static int connect_ends(ds_machine *m, int ends[2], descriptor one, descriptor two)
{
  ends[0] = descriptor_add(m, one);
  ends[1] = ends[0] < 0 ? -1 : descriptor_add(m, two);
  if (ends[1] < 0) {
    if (ends[0] >= 0) {
      descriptor_of(m, ends[0])->open = 0;
    }
    return -1;
  }
  for (int i = 0; i < 2; i++) {
    const descriptor *d = descriptor_of(m, ends[i]);
    if (d->in) {
      d->in->reader = ends[i];
    }
    if (d->out) {
      d->out->writer = ends[i];
    }
  }
  return 0;
}

int sim_pipe2(int ends[2], int flags)
{
  ds_machine *m = ds_current;
  stream *s = stream_create(m, 0);
  const uint8_t nonblocking = (flags & O_NONBLOCK) != 0;

  return connect_ends(m, ends, (descriptor){.in = s, .nonblocking = nonblocking},
                      (descriptor){.out = s, .nonblocking = nonblocking});
}

int sim_pipe(int ends[2])
{
  return sim_pipe2(ends, 0);
}

int sim_socketpair(int domain, int type, int protocol, int ends[2])
{
  ds_machine *m = ds_current;
  const uint8_t nonblocking = (type & SOCK_NONBLOCK) != 0;

  (void)protocol;
  if (domain != AF_UNIX || (type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) != SOCK_STREAM) {
    finish(m, DS_UNKNOWN, DS_UNSUPPORTED, CALLER,
           "not simulated: socketpair of anything but AF_UNIX streams");
  }
  stream *a = stream_create(m, 1), *b = stream_create(m, 1);
  return connect_ends(m, ends, (descriptor){.in = a, .out = b, .nonblocking = nonblocking},
                      (descriptor){.in = b, .out = a, .nonblocking = nonblocking});
}

/* Whoever waits at the other end learns of it: end of file, or a broken pipe. */
void stream_close(ds_machine *m, const descriptor *d)
{
  if (d->in) {
    d->in->reader = 0;
    wake_pollers(m, d->in->writer);
  }
  if (d->out) {
    d->out->writer = 0;
    wake_pollers(m, d->out->reader);
  }
}

int stream_state(const descriptor *d)
{
  int state = 0;

  if (d->in) {
    state |= (d->in->count ? POLLIN : 0) | (d->in->writer ? 0 : POLLIN | POLLHUP);
  }
  if (d->out) {
    state |= STREAM_BYTES - d->out->count >= PIPE_BUF ? POLLOUT : 0;
    state |= d->out->reader ? 0 : POLLERR;
  }
  return state;
}

/* How many of the bytes that could be moved are moved. */
static uint32_t shortened(ds_machine *m, size_t possible, const char *what, uintptr_t pc)
{
  const uint32_t all = (uint32_t)possible;
  const uint32_t answer = all < 2 ? 0 : inject(m, DS_KIND_SHORT, all < 3 ? 2 : 3, what, pc);

  return answer == 0 ? all : answer == 1 ? 1 : all - 1;
}

static void checked(ds_machine *m, const void *buffer, size_t bytes, uint32_t write, uintptr_t pc)
{
  if (m->model) {
    access_plain(m, (uintptr_t)buffer, bytes, write, pc);
  }
}

ssize_t stream_read(ds_machine *m, int fd, void *buffer, size_t bytes, uintptr_t pc)
{
  const descriptor *d = descriptor_of(m, fd);
  uint8_t *to = buffer;

  while (d && d->in && d->in->count == 0 && d->in->writer && bytes) {
    if (d->nonblocking) {
      return set_errno(m, EAGAIN);
    }
    if (interrupted(m, "read is interrupted (EINTR)", pc)) {
      return -1;
    }
    make_blocked(m, m->current);
    block(m, DS_EV_READ, DESCRIPTOR_OBJECT(fd), pc);
    d = descriptor_of(m, fd);
  }
  if (!d || !d->in) {
    return set_errno(m, EBADF);
  }
  stream *s = d->in;
  const size_t possible = bytes < s->count ? bytes : s->count;
  const uint32_t moved = shortened(m, possible, "read returns fewer bytes than there are", pc);
  sync_acquire(m, s->clock);
  checked(m, buffer, moved, STAMP_WRITE, pc);
  for (uint32_t i = 0; i < moved; i++) {
    to[i] = s->bytes[(s->first + i) % STREAM_BYTES];
  }
  s->first = (s->first + moved) % STREAM_BYTES;
  s->count -= moved;
  if (moved) {
    wake_pollers(m, s->writer);
  }
  observe(m, DS_EV_READ, DESCRIPTOR_OBJECT(fd), 0, s->count + moved, moved);
  return moved;
}

/* Stand before a write until so many bytes have room: the stream, or NULL with errno. */
static stream *await_room(ds_machine *m, int fd, size_t needed, uintptr_t pc)
{
  const descriptor *d = descriptor_of(m, fd);

  while (d && d->out && d->out->reader && STREAM_BYTES - d->out->count < needed) {
    if (d->nonblocking || interrupted(m, "write is interrupted (EINTR)", pc)) {
      set_errno(m, d->nonblocking ? EAGAIN : EINTR);
      return NULL;
    }
    make_blocked(m, m->current);
    block(m, DS_EV_WRITE, DESCRIPTOR_OBJECT(fd), pc);
    d = descriptor_of(m, fd);
  }
  if (!d || !d->out || !d->out->reader) {
    set_errno(m, d && d->out ? EPIPE : EBADF); /* SIGPIPE is ignored */
    return NULL;
  }
  return d->out;
}

static uint32_t append(stream *s, const uint8_t *from, size_t bytes)
{
  const uint32_t room = STREAM_BYTES - s->count;
  const uint32_t moved = bytes < room ? (uint32_t)bytes : room;

  for (uint32_t i = 0; i < moved; i++) {
    s->bytes[(s->first + s->count + i) % STREAM_BYTES] = from[i];
  }
  s->count += moved;
  return moved;
}

ssize_t stream_write(ds_machine *m, int fd, const void *buffer, size_t bytes, uintptr_t pc)
{
  const size_t needed = bytes <= PIPE_BUF ? bytes : 1; /* a small write goes in at once */
  stream *s = await_room(m, fd, needed, pc);
  size_t wanted = bytes, done = 0;

  if (!s) {
    return -1;
  }
  if (s->socket || bytes > PIPE_BUF) {
    wanted = shortened(m, bytes, "write takes fewer bytes than it could", pc);
  }
  do {
    const uint32_t moved = append(s, (const uint8_t *)buffer + done, wanted - done);
    checked(m, (const uint8_t *)buffer + done, moved, 0, pc);
    done += moved;
    sync_release(m, &s->clock);
    if (moved) {
      wake_pollers(m, s->reader);
    }
    observe(m, DS_EV_WRITE, DESCRIPTOR_OBJECT(fd), 0, s->count - moved, moved);
  } while (done < wanted && (s = await_room(m, fd, 1, pc)) != NULL);
  return (ssize_t)done;
}
