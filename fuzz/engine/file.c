/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event counters (eventfd), read, write, close and poll, simulated directly: a mutex and a
 * condition in their place would cost three or four scheduling points per notification. Pipes and
 * sockets have a file of their own (stream.c).
 */
#include "inject.h"
#include "memory.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include "posix.h"

int set_errno(ds_machine *m, int error)
{
  m->current->error = error;
  return -1;
}

int interrupted(ds_machine *m, const char *call, uintptr_t pc)
{
  return inject(m, DS_KIND_INTERRUPT, 2, call, pc) ? set_errno(m, EINTR) : 0;
}

/* A descriptor of the process that the machine runs in: nothing of it may be closed, read or
 * written, and to say EBADF of a standard stream would be a lie. */
static void refuse_foreign(ds_machine *m, int fd, const char *call, uintptr_t pc)
{
  if (fd >= 0 && fd < DESCRIPTOR_FIRST) {
    finish(m, DS_UNKNOWN, DS_UNSUPPORTED, pc, "not simulated: %s of descriptor %d", call, fd);
  }
}

descriptor *descriptor_of(ds_machine *m, int fd)
{
  const uint32_t at = (uint32_t)(fd - DESCRIPTOR_FIRST);

  return fd >= DESCRIPTOR_FIRST && at < m->descriptor_count && m->descriptors[at].open
             ? &m->descriptors[at]
             : NULL;
}

int descriptor_add(ds_machine *m, descriptor d)
{
  uint32_t at = 0;

  while (at < m->descriptor_count && m->descriptors[at].open) {
    at++;
  }
  if (at == DESCRIPTORS) {
    return set_errno(m, EMFILE);
  }
  m->descriptor_count = at == m->descriptor_count ? at + 1 : m->descriptor_count;
  m->descriptors[at] = d;
  m->descriptors[at].open = 1;
  return DESCRIPTOR_FIRST + (int)at;
}

int sim_eventfd(unsigned initial, int flags)
{
  return descriptor_add(ds_current, (descriptor){.counter = initial,
                                                 .nonblocking = (flags & EFD_NONBLOCK) != 0,
                                                 .semaphore = (flags & EFD_SEMAPHORE) != 0});
}

int sim_close(int fd)
{
  ds_machine *m = ds_current;

  refuse_foreign(m, fd, "close", CALLER);
  descriptor *d = descriptor_of(m, fd);

  if (!d) {
    return set_errno(m, EBADF);
  }
  d->open = 0;
  if (d->in || d->out) {
    stream_close(m, d);
  }
  return 0;
}

/* The highest value that a counter may have is 2^64 - 2. A blocking write answers EAGAIN too. */
static int full(const descriptor *d, uint64_t more)
{
  return more == UINT64_MAX || d->counter > UINT64_MAX - 1 - more;
}

ssize_t sim_read(int fd, void *buffer, size_t bytes)
{
  ds_machine *m = ds_current;

  refuse_foreign(m, fd, "read", CALLER);
  point(m, DS_EV_READ, DESCRIPTOR_OBJECT(fd), CALLER);
  descriptor *d = descriptor_of(m, fd);
  if (d && (d->in || d->out)) {
    return stream_read(m, fd, buffer, bytes, CALLER);
  }
  while (d && d->counter == 0 && !d->nonblocking) {
    if (interrupted(m, "read is interrupted (EINTR)", CALLER)) {
      return -1;
    }
    make_blocked(m, m->current);
    block(m, DS_EV_READ, DESCRIPTOR_OBJECT(fd), CALLER);
    d = descriptor_of(m, fd);
  }
  if (!d) {
    return set_errno(m, EBADF);
  }
  if (bytes < sizeof d->counter) {
    return set_errno(m, EINVAL);
  }
  if (d->counter == 0) {
    observe(m, DS_EV_READ, DESCRIPTOR_OBJECT(fd), 0, 0, 0);
    return set_errno(m, EAGAIN);
  }
  const uint64_t value = d->semaphore ? 1 : d->counter;
  d->counter -= value;
  sync_acquire(m, d->clock);
  memcpy(buffer, &value, sizeof value);
  observe(m, DS_EV_READ, DESCRIPTOR_OBJECT(fd), 0, d->counter + value, value);
  return sizeof value;
}

ssize_t sim_write(int fd, const void *buffer, size_t bytes)
{
  ds_machine *m = ds_current;
  uint64_t value;

  refuse_foreign(m, fd, "write", CALLER);
  point(m, DS_EV_WRITE, DESCRIPTOR_OBJECT(fd), CALLER);
  descriptor *d = descriptor_of(m, fd);
  if (!d) {
    return set_errno(m, EBADF);
  }
  if (d->in || d->out) {
    return stream_write(m, fd, buffer, bytes, CALLER);
  }
  if (bytes < sizeof value) {
    return set_errno(m, EINVAL);
  }
  memcpy(&value, buffer, sizeof value);
  if (full(d, value)) {
    return set_errno(m, EAGAIN);
  }
  d->counter += value;
  sync_release(m, &d->clock);
  if (d->counter) {
    wake_pollers(m, fd);
  }
  observe(m, DS_EV_WRITE, DESCRIPTOR_OBJECT(fd), 0, d->counter - value, d->counter);
  return sizeof value;
}

/* ------------------------------------------------------------------ poll */

typedef struct poll_set { /* on the stack of the thread that polls */
  struct pollfd *at;
  nfds_t count;
} poll_set;

void wake_pollers(ds_machine *m, int fd)
{
  for (uint32_t i = 0; i < m->fiber_count; i++) {
    fiber *f = &m->fibers[i];
    if ((f->waits_kind == DS_EV_READ || f->waits_kind == DS_EV_WRITE) &&
        f->waits_on == DESCRIPTOR_OBJECT(fd)) {
      make_runnable(m, f);
    }
    if (!f->in_poll) {
      continue;
    }
    const poll_set *set = f->waits_on;
    for (nfds_t k = 0; k < set->count; k++) {
      if (set->at[k].fd == fd) {
        make_runnable(m, f);
      }
    }
  }
}

static int count_ready(ds_machine *m, const poll_set *set)
{
  int ready = 0;

  for (nfds_t i = 0; i < set->count; i++) {
    struct pollfd *p = &set->at[i];
    p->revents = 0;
    if (p->fd < 0) {
      continue;
    }
    const descriptor *d = descriptor_of(m, p->fd);
    const int state = !d                ? POLLNVAL
                      : d->in || d->out ? stream_state(d)
                                        : (d->counter ? POLLIN : 0) | POLLOUT;
    p->revents = (short)(state & (p->events | POLLNVAL | POLLHUP | POLLERR));
    ready += p->revents != 0;
  }
  return ready;
}

/* timeout_ns < 0: for ever. */
static int poll_until(ds_machine *m, poll_set *set, int64_t timeout_ns, uintptr_t pc)
{
  fiber *f = m->current;

  for (nfds_t i = 0; i < set->count; i++) {
    refuse_foreign(m, set->at[i].fd, "poll", pc);
  }
  point(m, DS_EV_POLL, DESCRIPTOR_OBJECT(set->count ? set->at[0].fd : 0), pc);
  int ready = count_ready(m, set);
  f->timed_out = f->interrupted = 0;
  f->wake_ns = timeout_ns > 0 ? m->now_ns + (uint64_t)timeout_ns : 0;
  while (!ready && timeout_ns != 0 && !f->timed_out && !f->interrupted) {
    if (interrupted(m, "poll is interrupted (EINTR)", pc)) {
      f->wake_ns = 0;
      return -1;
    }
    make_blocked(m, f);
    f->in_poll = 1;
    time_passes(m, f, pc);
    block(m, DS_EV_POLL, set, pc);
    f->in_poll = 0;
    ready = count_ready(m, set);
  }
  f->wake_ns = 0;
  observe(m, DS_EV_POLL, DESCRIPTOR_OBJECT(set->count ? set->at[0].fd : 0), 0, 0, (uint64_t)ready);
  return !ready && f->interrupted ? set_errno(m, EINTR) : ready;
}

int sim_poll(struct pollfd *at, nfds_t count, int timeout_ms)
{
  poll_set set = {at, count};
  return poll_until(ds_current, &set, timeout_ms < 0 ? -1 : timeout_ms * INT64_C(1000000), CALLER);
}

int sim_ppoll(struct pollfd *at, nfds_t count, const struct timespec *timeout, const void *mask)
{
  poll_set set = {at, count};

  (void)mask; /* there are no signals */
  return poll_until(ds_current, &set, timeout ? (int64_t)timespec_ns(timeout) : -1, CALLER);
}
