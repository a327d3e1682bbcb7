/* SPDX-License-Identifier: Apache-2.0 */
/* Event notifiers; one system call each. */
#include "util/event_notifier.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

void event_notifier_init(EventNotifier *notifier, bool active)
{
  notifier->fd = eventfd(active, EFD_CLOEXEC | EFD_NONBLOCK);
  if (notifier->fd < 0) {
    abort();
  }
}

void event_notifier_cleanup(EventNotifier *notifier)
{
  int error = close(notifier->fd);
  assert(error == 0);
  notifier->fd = -1;
}

void event_notifier_set(EventNotifier *notifier)
{
  uint64_t one = 1;
  ssize_t bytes = write(notifier->fd, &one, sizeof(one));
  assert(bytes == (ssize_t)sizeof(one) || errno == EAGAIN); /* full is as good as written */
}

bool event_notifier_test_and_clear(EventNotifier *notifier)
{
  uint64_t count;
  ssize_t bytes = read(notifier->fd, &count, sizeof(count));
  assert(bytes == (ssize_t)sizeof(count) || errno == EAGAIN);
  return bytes > 0;
}
