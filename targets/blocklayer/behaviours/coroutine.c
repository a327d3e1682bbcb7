/* SPDX-License-Identifier: Apache-2.0 */
/* Behaviours of coroutines and of their locks, within one thread. */
#include "behaviours.h"

#include "aio/aio.h"
#include "aio/main_loop.h"
#include "colock/co_queue.h"
#include "colock/co_rwlock.h"

static char order[32]; /* a letter for each step, as it was made */
static size_t steps;

static void step(char letter)
{
  assert(steps < sizeof(order) - 1);
  order[steps++] = letter;
}

/* Were these the steps, and no others? */
static bool steps_were(const char *expected)
{
  for (size_t i = 0; i <= steps; i++) {
    if (order[i] != expected[i]) {
      return false;
    }
  }
  return true;
}

static Coroutine *enter_new(CoroutineEntry *entry, void *opaque)
{
  Coroutine *co = qemu_coroutine_create(entry, opaque);
  qemu_coroutine_enter(co);
  return co;
}

/* ------------------------------------------------------------------ life */

static void coroutine_fn say_where(void *opaque)
{
  Coroutine **self = opaque;

  assert(qemu_in_coroutine());
  *self = qemu_coroutine_self();
  assert(qemu_coroutine_entered(*self));
  step('b');
}

void coroutine_knows_itself(void)
{
  Coroutine *seen = NULL;

  qemu_init_main_loop();
  assert(!qemu_in_coroutine());
  Coroutine *co = qemu_coroutine_create(say_where, &seen);
  assert(!qemu_coroutine_entered(co));
  step('a');
  qemu_coroutine_enter(co);
  step('c');
  assert(seen == co);
  assert(!qemu_in_coroutine());
  assert(steps_were("abc"));
  qemu_cleanup_main_loop();
}

enum { YIELDS = 5 };

static void coroutine_fn yield_often(void *opaque)
{
  int *turns = opaque;
  for (; *turns < YIELDS; ++*turns) {
    qemu_coroutine_yield();
  }
  step('e');
}

void coroutine_goes_on_where_it_yielded(void)
{
  int turns = 0;
  int entered = 0;

  qemu_init_main_loop();
  Coroutine *co = qemu_coroutine_create(yield_often, &turns);
  while (!order[0]) {
    assert(turns == (entered > 0 ? entered - 1 : 0));
    qemu_coroutine_enter(co);
    entered++;
  }
  assert(entered == YIELDS + 1);
  qemu_cleanup_main_loop();
}

enum { DEPTH = 8 };

static void coroutine_fn nest(void *opaque)
{
  int *left = opaque;
  if (--*left > 0) {
    enter_new(nest, left);
  }
  step('n');
}

void coroutine_nests(void)
{
  int left = DEPTH;

  qemu_init_main_loop();
  enter_new(nest, &left);
  assert(left == 0);
  assert(steps_were("nnnnnnnn"));
  qemu_cleanup_main_loop();
}

static void coroutine_fn yield_once(void *opaque)
{
  (void)opaque;
  qemu_coroutine_yield();
}

static void coroutine_fn create_two(void *opaque)
{
  Coroutine **both = opaque;
  both[0] = enter_new(yield_once, NULL);
  both[1] = enter_new(yield_once, NULL);
}

void coroutine_outlives_its_creator(void)
{
  Coroutine *both[2];

  qemu_init_main_loop();
  enter_new(create_two, both); /* ended, and its memory gone, before the two go on */
  qemu_coroutine_enter(both[0]);
  qemu_coroutine_enter(both[1]);
  qemu_cleanup_main_loop();
}

/* One after the other. */
static void check_second_is_first_again(void)
{
  Coroutine *first = enter_new(yield_once, NULL);
  qemu_coroutine_enter(first);
  Coroutine *second = enter_new(yield_once, NULL);
  assert(second == first);
  qemu_coroutine_enter(second);
}

void coroutine_is_kept_for_the_next_one(void)
{
  qemu_init_main_loop();
  check_second_is_first_again();
  qemu_cleanup_main_loop();
}

void coroutine_is_kept_again_when_the_pool_grows(void)
{
  qemu_init_main_loop();
  qemu_coroutine_dec_pool_size(COROUTINE_POOL_FIRST_SIZE);
  qemu_coroutine_enter(enter_new(yield_once, NULL)); /* gone when it ends */
  qemu_coroutine_inc_pool_size(1);
  check_second_is_first_again();
  qemu_cleanup_main_loop();
}

enum { MANY = 100 }; /* more than the main thread keeps for itself */

static void enter_many(Coroutine *many[])
{
  for (unsigned i = 0; i < MANY; i++) {
    many[i] = enter_new(yield_once, NULL);
  }
  for (unsigned i = 0; i < MANY; i++) {
    qemu_coroutine_enter(many[i]);
  }
}

static unsigned in_both(Coroutine *const some[], Coroutine *const others[])
{
  unsigned count = 0;

  for (unsigned i = 0; i < MANY; i++) {
    for (unsigned j = 0; j < MANY; j++) {
      count += some[i] == others[j];
    }
  }
  return count;
}

void coroutine_surplus_is_kept_for_all_threads(void)
{
  Coroutine *first[MANY], *second[MANY];

  qemu_init_main_loop();
  enter_many(first);
  enter_many(second);
  assert(in_both(first, second) > COROUTINE_POOL_FIRST_SIZE); /* the thread's own ones as well */
  qemu_cleanup_main_loop();
}

/* ------------------------------------------------------------------ waking */

typedef struct Chain {
  Coroutine *co[3];
} Chain;

static void coroutine_fn chain_end(void *opaque)
{
  (void)opaque;
  qemu_coroutine_yield();
  step('3');
}

static void coroutine_fn chain_middle(void *opaque)
{
  Chain *chain = opaque;
  qemu_coroutine_yield();
  aio_co_wake(chain->co[2]);
  step('2');
}

static void coroutine_fn chain_start(void *opaque)
{
  Chain *chain = opaque;
  aio_co_wake(chain->co[1]);
  step('1');
}

void coroutine_wakes_run_before_control_returns(void)
{
  Chain chain;

  qemu_init_main_loop();
  chain.co[2] = enter_new(chain_end, &chain);
  chain.co[1] = enter_new(chain_middle, &chain);
  enter_new(chain_start, &chain);
  assert(steps_were("123"));
  qemu_cleanup_main_loop();
}

/* ------------------------------------------------------------------ mutexes */

typedef struct Locker {
  const QemuLockable *lock;
  char letter;
} Locker;

static void coroutine_fn lock_yield_unlock(void *opaque)
{
  const Locker *locker = opaque;
  qemu_lockable_lock(locker->lock);
  step(locker->letter);
  qemu_coroutine_yield();
  step(locker->letter);
  qemu_lockable_unlock(locker->lock);
}

void co_mutex_second_locker_waits(void)
{
  CoMutex mutex;
  const QemuLockable *lock = QEMU_MAKE_LOCKABLE(&mutex);
  Locker a = {lock, 'a'}, b = {lock, 'b'}, c = {lock, 'c'};

  qemu_init_main_loop();
  qemu_co_mutex_init(&mutex);
  Coroutine *first = enter_new(lock_yield_unlock, &a);
  Coroutine *second = enter_new(lock_yield_unlock, &b);
  Coroutine *third = enter_new(lock_yield_unlock, &c);
  assert(steps_were("a"));
  qemu_coroutine_enter(first); /* hands over, and the second one goes on when the first has ended */
  assert(steps_were("aab"));
  qemu_coroutine_enter(second);
  qemu_coroutine_enter(third);
  assert(steps_were("aabbcc"));
  qemu_cleanup_main_loop();
}

/* ------------------------------------------------------------------ readers and writers */

static CoRwlock rwlock;

static void coroutine_fn read_then_upgrade(void *opaque)
{
  (void)opaque;
  qemu_co_rwlock_rdlock(&rwlock);
  qemu_coroutine_yield();
  qemu_co_rwlock_upgrade(&rwlock);
  step('u');
  qemu_co_rwlock_unlock(&rwlock);
}

static void coroutine_fn write_once(void *opaque)
{
  qemu_co_rwlock_wrlock(&rwlock);
  step(*(const char *)opaque);
  qemu_coroutine_yield();
  qemu_co_rwlock_unlock(&rwlock);
}

void co_rwlock_upgrade_keeps_the_order(void)
{
  char letter = 'w';

  qemu_init_main_loop();
  qemu_co_rwlock_init(&rwlock);
  Coroutine *reader = enter_new(read_then_upgrade, NULL);
  Coroutine *writer = enter_new(write_once, &letter);
  assert(steps_were(""));
  qemu_coroutine_enter(reader); /* queues behind the writer, which is let in */
  assert(steps_were("w"));
  qemu_coroutine_enter(writer);
  assert(steps_were("wu"));
  qemu_cleanup_main_loop();
}

static void coroutine_fn write_then_downgrade(void *opaque)
{
  (void)opaque;
  qemu_co_rwlock_wrlock(&rwlock);
  qemu_coroutine_yield();
  qemu_co_rwlock_downgrade(&rwlock);
  step('d');
  qemu_coroutine_yield();
  qemu_co_rwlock_unlock(&rwlock);
}

static void coroutine_fn read_once(void *opaque)
{
  (void)opaque;
  qemu_co_rwlock_rdlock(&rwlock);
  step('r');
  qemu_co_rwlock_unlock(&rwlock);
}

void co_rwlock_downgrade_lets_readers_in(void)
{
  char letter = 'w';

  qemu_init_main_loop();
  qemu_co_rwlock_init(&rwlock);
  Coroutine *first = enter_new(write_then_downgrade, NULL);
  enter_new(read_once, NULL);
  enter_new(read_once, NULL);
  Coroutine *writer = enter_new(write_once, &letter);
  qemu_coroutine_enter(first);
  assert(steps_were("drr")); /* the readers before the writer that queued behind them */
  qemu_coroutine_enter(first);
  assert(steps_were("drrw"));
  qemu_coroutine_enter(writer);
  qemu_cleanup_main_loop();
}

/* ------------------------------------------------------------------ from elsewhere */

typedef struct Worker {
  Coroutine *co;
  bool ran; /* the main thread's */
} Worker;

static void coroutine_fn run_at_home(void *opaque)
{
  assert(qemu_in_main_thread());
  assert(qemu_get_current_aio_context() == qemu_get_aio_context());
  ((Worker *)opaque)->ran = true;
}

static void *worker_run(void *opaque)
{
  const Worker *worker = opaque;

  assert(!qemu_get_current_aio_context());
  aio_co_enter(qemu_get_aio_context(), worker->co);
  return NULL;
}

void coroutine_entered_by_a_worker_runs_at_home(void)
{
  pthread_t thread;
  Worker worker = {0};

  qemu_init_main_loop();
  worker.co = qemu_coroutine_create(run_at_home, &worker);
  qemu_thread_create(&thread, worker_run, &worker);
  qemu_thread_join(thread);
  assert(!worker.ran);
  while (!worker.ran) {
    aio_poll(qemu_get_aio_context(), true);
  }
  qemu_cleanup_main_loop();
}
