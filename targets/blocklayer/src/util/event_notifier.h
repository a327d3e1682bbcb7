/* SPDX-License-Identifier: Apache-2.0 */
/* EventNotifier: a bell that any thread rings and that an event loop can poll for (an eventfd). */
#ifndef BLOCK_EVENT_NOTIFIER_H
#define BLOCK_EVENT_NOTIFIER_H

#include "util/util.h"

#include <stdbool.h>

typedef struct EventNotifier {
  int fd;
} EventNotifier;

typedef void EventNotifierHandler(EventNotifier *notifier);

/* `active`: set from the beginning. Ends the process if the system has no descriptor left. */
void event_notifier_init(EventNotifier *notifier, bool active);
void event_notifier_cleanup(EventNotifier *notifier);

/* Readable until somebody clears it; setting it again changes nothing. Any thread, a full fence
 * for whoever sees it readable. */
void event_notifier_set(EventNotifier *notifier);

/* Was it set? It is no longer. Any thread. */
bool event_notifier_test_and_clear(EventNotifier *notifier);

static inline int event_notifier_get_fd(const EventNotifier *notifier)
{
  return notifier->fd;
}

#endif
