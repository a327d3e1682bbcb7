/* SPDX-License-Identifier: Apache-2.0 */
/* Behaviours of descriptor handlers, busy polling, and two pollers of one context. */
#include "behaviours.h"

#include "aio/aio_wait.h"
#include "aio/iothread.h"
#include "aio/main_loop.h"
#include "util/bql.h"
#include "util/thread.h"

#include <stddef.h>

enum { MS = 1000 * 1000 };

typedef void Iterate(void);

static void by_aio_poll(void)
{
  aio_poll(qemu_get_aio_context(), false);
}

static void by_main_loop(void)
{
  main_loop_wait(true);
}

/* A notifier whose handler counts, and sets itself again while it is active. */
typedef struct Event {
  EventNotifier notifier;
  int runs;
  int active;
  bool again;
} Event;

static Event *event_of(EventNotifier *notifier)
{
  return (Event *)(void *)((char *)notifier - offsetof(Event, notifier));
}

static void event_cb(EventNotifier *notifier)
{
  Event *event = event_of(notifier);

  assert(event_notifier_test_and_clear(notifier));
  event->runs++;
  if (event->active > 0) {
    event->active--;
  }
  if (event->again && event->active > 0) {
    event_notifier_set(notifier);
  }
}

static void event_begin(Event *event)
{
  qemu_init_main_loop();
  event_notifier_init(&event->notifier, false);
}

static void event_handle(Event *event, EventNotifierHandler *handler)
{
  aio_set_event_notifier(qemu_get_aio_context(), &event->notifier, handler, NULL, NULL);
}

static void event_end(Event *event)
{
  event_notifier_cleanup(&event->notifier);
  qemu_cleanup_main_loop();
}

/* ------------------------------------------------------------------ events */

static void handler_comes_and_goes(Iterate *iterate)
{
  Event event = {0};

  event_begin(&event);
  event_handle(&event, event_cb);
  iterate();
  assert(event.runs == 0);
  event_handle(&event, NULL);
  iterate();
  assert(event.runs == 0);
  event_end(&event);
}

void aio_event_handler_comes_and_goes(void)
{
  handler_comes_and_goes(by_aio_poll);
}

void gsource_event_handler_comes_and_goes(void)
{
  handler_comes_and_goes(by_main_loop);
}

enum { EVENTS = 20 }; /* more than a poll has room for at first, even doubled */

void aio_event_each_of_many_handlers_runs(void)
{
  Event events[EVENTS] = {0};

  qemu_init_main_loop();
  AioContext *ctx = qemu_get_aio_context();
  for (unsigned i = 0; i < EVENTS; i++) {
    event_notifier_init(&events[i].notifier, false);
    aio_set_event_notifier(ctx, &events[i].notifier, event_cb, NULL, NULL);
  }
  for (unsigned i = 0; i < EVENTS; i += 2) {
    event_notifier_set(&events[i].notifier);
  }
  assert(aio_poll(ctx, false));
  for (unsigned i = 0; i < EVENTS; i++) {
    assert(events[i].runs == (i % 2 == 0));
  }
  for (unsigned i = 0; i < EVENTS; i++) {
    aio_set_event_notifier(ctx, &events[i].notifier, NULL, NULL, NULL);
    event_notifier_cleanup(&events[i].notifier);
  }
  qemu_cleanup_main_loop();
}

static void handler_runs_once_a_set(Iterate *iterate)
{
  Event event = {.active = 1};

  event_begin(&event);
  event_handle(&event, event_cb);
  iterate();
  assert(event.runs == 0 && event.active == 1);
  event_notifier_set(&event.notifier);
  event_notifier_set(&event.notifier);
  iterate();
  assert(event.runs == 1 && event.active == 0);
  iterate();
  assert(event.runs == 1);
  event_handle(&event, NULL);
  event_end(&event);
}

void aio_event_handler_runs_once_a_set(void)
{
  handler_runs_once_a_set(by_aio_poll);
}

void gsource_event_handler_runs_once_a_set(void)
{
  handler_runs_once_a_set(by_main_loop);
}

static void handler_sets_itself_again(Iterate *iterate)
{
  Event event = {.active = 10, .again = true};

  event_begin(&event);
  event_handle(&event, event_cb);
  event_notifier_set(&event.notifier);
  for (int runs = 1; runs <= 10; runs++) {
    iterate();
    assert(event.runs == runs && event.active == 10 - runs);
  }
  iterate();
  assert(event.runs == 10);
  event_handle(&event, NULL);
  event_end(&event);
}

void aio_event_wait_counts_down_to_nothing_active(void)
{
  handler_sets_itself_again(by_aio_poll);
}

void gsource_event_wait_counts_down_to_nothing_active(void)
{
  handler_sets_itself_again(by_main_loop);
}

/* A second notifier whose handler is never active does not keep the first one from running. */
static void beside_an_inactive_one(Iterate *iterate)
{
  Event event = {.active = 1}, other = {0};

  event_begin(&event);
  event_notifier_init(&other.notifier, false);
  event_handle(&event, event_cb);
  event_handle(&other, event_cb);
  event_notifier_set(&event.notifier);
  event_notifier_set(&other.notifier);
  iterate();
  assert(event.runs == 1 && other.runs == 1 && event.active == 0);
  iterate();
  assert(event.runs == 1 && other.runs == 1);
  event_handle(&other, NULL);
  event_handle(&event, NULL);
  event_notifier_cleanup(&other.notifier);
  event_end(&event);
}

void aio_event_wait_beside_one_that_is_never_active(void)
{
  beside_an_inactive_one(by_aio_poll);
}

void gsource_event_wait_beside_one_that_is_never_active(void)
{
  beside_an_inactive_one(by_main_loop);
}

static void removed_while_set(Iterate *iterate)
{
  Event event = {0};

  event_begin(&event);
  event_handle(&event, event_cb);
  event_notifier_set(&event.notifier);
  event_handle(&event, NULL);
  iterate();
  assert(event.runs == 0);
  event_end(&event);
}

void aio_event_removed_while_set_does_not_run(void)
{
  removed_while_set(by_aio_poll);
}

void gsource_event_removed_while_set_does_not_run(void)
{
  removed_while_set(by_main_loop);
}

/* ------------------------------------------------------------------ during the dispatch */

typedef struct Remover {
  Event event, victim;
} Remover;

static void remover_cb(EventNotifier *notifier)
{
  Event *event = event_of(notifier);
  Remover *remover = (Remover *)(void *)((char *)event - offsetof(Remover, event));

  assert(event_notifier_test_and_clear(notifier));
  event->runs++;
  event_handle(&remover->victim, NULL);
}

/* The handler that was set last is called first. */
void aio_handler_removed_by_another_one_is_not_called(void)
{
  Remover remover = {0};

  event_begin(&remover.event);
  event_notifier_init(&remover.victim.notifier, false);
  event_handle(&remover.victim, event_cb);
  event_handle(&remover.event, remover_cb);
  event_notifier_set(&remover.event.notifier);
  event_notifier_set(&remover.victim.notifier);
  by_aio_poll();
  assert(remover.event.runs == 1 && remover.victim.runs == 0);
  event_handle(&remover.event, NULL);
  event_notifier_cleanup(&remover.victim.notifier);
  event_end(&remover.event);
}

typedef struct Shared {
  EventNotifier notifier;
  AioContext *ctx;
  _Atomic int runs;
} Shared;

static void shared_cb(EventNotifier *notifier)
{
  Shared *shared = (Shared *)(void *)((char *)notifier - offsetof(Shared, notifier));

  if (event_notifier_test_and_clear(notifier)) {
    atomic_fetch_add(&shared->runs, 1);
    aio_wait_kick();
  }
}

void aio_handler_set_by_another_thread_is_called(void)
{
  Shared shared = {0};

  qemu_init_main_loop();
  IOThread *iothread = iothread_create();
  shared.ctx = iothread_get_aio_context(iothread);
  event_notifier_init(&shared.notifier, false);
  aio_set_event_notifier(shared.ctx, &shared.notifier, shared_cb, NULL, NULL);
  for (int runs = 1; runs <= 2; runs++) {
    event_notifier_set(&shared.notifier);
    AIO_WAIT_WHILE_UNLOCKED(NULL, atomic_load(&shared.runs) < runs);
  }
  aio_set_event_notifier(shared.ctx, &shared.notifier, NULL, NULL, NULL);
  event_notifier_set(&shared.notifier); /* nobody cares */
  iothread_stop(iothread);
  iothread_destroy(iothread);
  assert(atomic_load(&shared.runs) == 2);
  event_notifier_cleanup(&shared.notifier);
  qemu_cleanup_main_loop();
}

/* ------------------------------------------------------------------ busy polling */

typedef struct Asked {
  EventNotifier notifier;
  QEMUBH *bh;
  QEMUTimer timer;
  int asked, readied, polled;
  bool ready, running, notify;
} Asked;

static bool asked_poll(void *opaque)
{
  Asked *asked = (Asked *)(void *)((char *)opaque - offsetof(Asked, notifier));

  assert(!asked->running); /* not while its io_poll_ready() is on the stack */
  asked->asked++;
  if (asked->notify) {
    qemu_bh_schedule(asked->bh);
  }
  return asked->ready;
}

static void asked_ready(EventNotifier *notifier)
{
  Asked *asked = (Asked *)(void *)((char *)notifier - offsetof(Asked, notifier));

  asked->running = true;
  asked->readied++;
  int before = asked->polled;
  timer_mod(&asked->timer, qemu_clock_get_ns() + MS); /* a nested poll asks before it sleeps */
  while (asked->polled == before) {
    aio_poll(qemu_get_aio_context(), true);
  }
  asked->ready = false;
  asked->running = false;
}

static void asked_read(EventNotifier *notifier)
{
  event_notifier_test_and_clear(notifier);
}

static void asked_bh(void *opaque)
{
  ++*(int *)opaque;
}

static void asked_begin(Asked *asked)
{
  qemu_init_main_loop();
  AioContext *ctx = qemu_get_aio_context();
  event_notifier_init(&asked->notifier, false);
  asked->bh = aio_bh_new(ctx, asked_bh, &asked->polled);
  aio_timer_init(ctx, &asked->timer, asked_bh, &asked->polled);
  aio_set_event_notifier(ctx, &asked->notifier, asked_read, asked_poll, asked_ready);
  aio_context_set_poll_params(ctx, MS, 3);
  aio_poll(ctx, false);
}

static void asked_end(Asked *asked)
{
  aio_set_event_notifier(qemu_get_aio_context(), &asked->notifier, NULL, NULL, NULL);
  qemu_bh_delete(asked->bh);
  event_notifier_cleanup(&asked->notifier);
  qemu_cleanup_main_loop();
}

void aio_nested_poll_does_not_enter_a_poll_handler_again(void)
{
  Asked asked = {0};

  asked_begin(&asked);
  for (int round = 1; round <= 3; round++) {
    asked.ready = true;
    while (asked.readied < round) {
      aio_poll(qemu_get_aio_context(), true);
    }
    assert(asked.readied == round && asked.polled == round);
  }
  asked_end(&asked);
}

void aio_busy_polling_ends_when_somebody_notifies(void)
{
  Asked asked = {.notify = true};

  asked_begin(&asked);
  while (asked.asked == 0) {
    aio_poll(qemu_get_aio_context(), true);
  }
  assert(asked.asked == 1 && asked.polled == 1);
  asked_end(&asked);
}

void aio_busy_polling_is_bounded(void)
{
  Asked asked = {0};
  QEMUTimer *timer;
  int fired = 0;

  asked_begin(&asked);
  timer = aio_timer_new(qemu_get_aio_context(), asked_bh, &fired);
  timer_mod(timer, qemu_clock_get_ns() + MS);
  while (fired == 0) {
    aio_poll(qemu_get_aio_context(), true);
  }
  assert(asked.asked >= 3 && asked.asked % 3 == 0);
  timer_free(timer);
  asked_end(&asked);
}

/* ------------------------------------------------------------------ who is at home */

typedef struct Visitor {
  AioContext *main;
  _Atomic int state;
} Visitor;

static void *visitor_run(void *opaque)
{
  Visitor *visitor = opaque;

  assert(!qemu_get_current_aio_context());
  assert(!in_aio_context_home_thread(visitor->main));
  bql_lock();
  assert(qemu_get_current_aio_context() == visitor->main);
  assert(in_aio_context_home_thread(visitor->main) && qemu_in_main_thread());
  aio_poll(visitor->main, false);
  atomic_store(&visitor->state, 1);
  aio_notify(visitor->main);
  bql_unlock();
  assert(!qemu_get_current_aio_context());
  return NULL;
}

void aio_bql_makes_a_thread_a_home_thread_of_the_main_context(void)
{
  Visitor visitor = {0};
  pthread_t thread;

  qemu_init_main_loop();
  visitor.main = qemu_get_aio_context();
  assert(bql_locked());
  qemu_thread_create(&thread, visitor_run, &visitor);
  while (atomic_load(&visitor.state) == 0) {
    main_loop_wait(false);
  }
  qemu_thread_join(thread);
  qemu_cleanup_main_loop();
}

typedef struct Eaten {
  QEMUTimer timer;
  int fired;
} Eaten;

static void eaten_cb(void *opaque)
{
  Eaten *eaten = opaque;
  eaten->fired++;
}

static void eaten_arm(void *opaque)
{
  Eaten *eaten = opaque;
  timer_mod(&eaten->timer, qemu_clock_get_ns() + MS);
}

static void *eater_run(void *opaque)
{
  (void)opaque;
  bql_lock();
  aio_poll(qemu_get_aio_context(), false); /* may take the notice of the timer */
  bql_unlock();
  return NULL;
}

/* The main thread sleeps without a timeout. The notice of a new timer is taken by another poller of
 * the context, which then leaves. */
void aio_notice_taken_by_another_poller_is_handed_on(void)
{
  Eaten eaten = {0};
  pthread_t thread;

  qemu_init_main_loop();
  aio_timer_init(qemu_get_aio_context(), &eaten.timer, eaten_cb, &eaten);
  IOThread *iothread = iothread_create();
  qemu_thread_create(&thread, eater_run, NULL);
  aio_bh_schedule_oneshot(iothread_get_aio_context(iothread), eaten_arm, &eaten);
  while (eaten.fired == 0) {
    main_loop_wait(false);
  }
  bql_unlock();
  qemu_thread_join(thread);
  bql_lock();
  iothread_stop(iothread);
  iothread_destroy(iothread);
  qemu_cleanup_main_loop();
}
