/* SPDX-License-Identifier: Apache-2.0 */
/* What a target's stub may name, and what it is bound to. */
#include "machine.h"
#include "symbols.h"
#include "posix.h"

#include <string.h>
#include <sys/eventfd.h>

#define OURS(name) {#name, (void *)(uintptr_t)name, NULL, NULL}
#define INSTEAD(name, function) {#name, (void *)(uintptr_t)function, NULL, NULL}

#define DECLARE(name) extern void name(void);
#define SIZES(X, name) X(name##1) X(name##2) X(name##4) X(name##8) X(name##16)
#define WIDE(X, name) X(name##2) X(name##4) X(name##8) X(name##16)
#define PLAIN_ACCESSES(X)                                                                          \
  SIZES(X, __tsan_read)                                                                            \
  SIZES(X, __tsan_write)                                                                           \
  SIZES(X, __tsan_volatile_read)                                                                   \
  SIZES(X, __tsan_volatile_write)                                                                  \
  WIDE(X, __tsan_unaligned_read)                                                                   \
  WIDE(X, __tsan_unaligned_write)                                                                  \
  WIDE(X, __tsan_unaligned_volatile_read)                                                          \
  WIDE(X, __tsan_unaligned_volatile_write)                                                         \
  X(__tsan_read_range)                                                                             \
  X(__tsan_write_range)                                                                            \
  X(__tsan_vptr_read)                                                                              \
  X(__tsan_vptr_update)
#define PLAIN_COPIES(X)                                                                            \
  X(__tsan_memcpy)                                                                                 \
  X(__tsan_memmove)                                                                                \
  X(__tsan_memset)
#define NO_ACCESSES(X)                                                                             \
  X(__tsan_func_entry)                                                                             \
  X(__tsan_func_exit)                                                                              \
  X(__tsan_atomic_thread_fence)                                                                    \
  X(__tsan_atomic_signal_fence)                                                                    \
  X(__sanitizer_cov_trace_pc)
#define LIBRARY_READS(X)                                                                           \
  X(__tsan_memcmp)                                                                                 \
  X(__tsan_memchr)                                                                                 \
  X(__tsan_qsort)                                                                                  \
  X(__tsan_strlen)                                                                                 \
  X(__tsan_strnlen)                                                                                \
  X(__tsan_strcmp)                                                                                 \
  X(__tsan_strncmp)                                                                                \
  X(__tsan_strchr)                                                                                 \
  X(__tsan_strrchr)                                                                                \
  X(__tsan_strstr)                                                                                 \
  X(__tsan_strspn)                                                                                 \
  X(__tsan_strcspn)                                                                                \
  X(__tsan_strpbrk)
#define ATOMICS(X, bits)                                                                           \
  X(__tsan_atomic##bits##_load)                                                                    \
  X(__tsan_atomic##bits##_store)                                                                   \
  X(__tsan_atomic##bits##_exchange)                                                                \
  X(__tsan_atomic##bits##_fetch_add)                                                               \
  X(__tsan_atomic##bits##_fetch_sub)                                                               \
  X(__tsan_atomic##bits##_fetch_and)                                                               \
  X(__tsan_atomic##bits##_fetch_or)                                                                \
  X(__tsan_atomic##bits##_fetch_xor)                                                               \
  X(__tsan_atomic##bits##_fetch_nand)                                                              \
  X(__tsan_atomic##bits##_compare_exchange_strong)                                                 \
  X(__tsan_atomic##bits##_compare_exchange_weak)                                                   \
  X(__tsan_atomic##bits##_compare_exchange_val)
#define ALL_ATOMICS(X) ATOMICS(X, 8) ATOMICS(X, 16) ATOMICS(X, 32) ATOMICS(X, 64) ATOMICS(X, 128)

/* Only their addresses are taken here, so one declaration fits all. */
#define DECLARE_BOTH(name) DECLARE(name) DECLARE(aware##name)
PLAIN_ACCESSES(DECLARE_BOTH)
PLAIN_COPIES(DECLARE_BOTH)
NO_ACCESSES(DECLARE)
LIBRARY_READS(DECLARE)
ALL_ATOMICS(DECLARE)

#define ROW(name) OURS(name),
#define ROW_BOTH(name) {#name, (void *)(uintptr_t)name, (void *)(uintptr_t)aware##name, NULL},
#define ROW_BARE(name)                                                                             \
  {#name, (void *)(uintptr_t)name, (void *)(uintptr_t)aware##name,                                 \
   (void *)(uintptr_t)__tsan_func_exit}, /* does nothing */

const symbol ds_symbols[] = {
    /* code generation */
    PLAIN_ACCESSES(ROW_BARE) PLAIN_COPIES(ROW_BOTH) NO_ACCESSES(ROW) LIBRARY_READS(ROW)
        ALL_ATOMICS(ROW) INSTEAD(__tls_get_addr, sim_tls_get_addr),
    /* driver.h */
    OURS(ds_next),
    OURS(ds_has_program),
    OURS(ds_skip),
    OURS(ds_fail),
    OURS(ds_mark),
    OURS(ds_observe),
    OURS(ds_publish),
    OURS(ds_receive),
    OURS(ds_uninterrupted),
    OURS(ds_task_condition),
    OURS(ds_task_holders),
    OURS(ds_thread_waits),
    OURS(ds_show_sleepers),
    OURS(ds_task_create),
    OURS(ds_wants_words),
    OURS(ds_task_bind_stack),
    OURS(ds_task_enter),
    OURS(ds_task_leave),
    OURS(ds_task_waits),
    OURS(ds_task_parks),
    OURS(ds_task_end),
    OURS(ds_await),
    OURS(ds_thread_self),
    OURS(ds_thread_in_poll),
    OURS(ds_name),
    OURS(ds_note),
    /* threads */
    INSTEAD(pthread_create, sim_thread_create),
    INSTEAD(pthread_join, sim_thread_join),
    INSTEAD(pthread_timedjoin_np, sim_thread_timedjoin),
    INSTEAD(pthread_tryjoin_np, sim_thread_tryjoin),
    INSTEAD(pthread_detach, sim_thread_detach),
    INSTEAD(pthread_self, sim_thread_self),
    INSTEAD(pthread_equal, sim_thread_equal),
    INSTEAD(pthread_exit, sim_thread_exit),
    INSTEAD(pthread_attr_init, sim_threadattr_nothing),
    INSTEAD(pthread_attr_destroy, sim_threadattr_nothing),
    INSTEAD(pthread_attr_setdetachstate, sim_threadattr_set),
    INSTEAD(pthread_attr_setstacksize, sim_threadattr_set),
    INSTEAD(sched_yield, sim_yield),
    INSTEAD(pthread_yield, sim_yield),
    INSTEAD(pthread_key_create, sim_key_create),
    INSTEAD(pthread_key_delete, sim_key_delete),
    INSTEAD(pthread_getspecific, sim_getspecific),
    INSTEAD(pthread_setspecific, sim_setspecific),
    INSTEAD(__errno_location, sim_errno_location),
    /* locks */
    INSTEAD(pthread_mutex_init, sim_mutex_init),
    INSTEAD(pthread_mutex_destroy, sim_mutex_destroy),
    INSTEAD(pthread_mutex_lock, sim_mutex_lock),
    INSTEAD(pthread_mutex_trylock, sim_mutex_trylock),
    INSTEAD(pthread_mutex_timedlock, sim_mutex_timedlock),
    INSTEAD(pthread_mutex_unlock, sim_mutex_unlock),
    INSTEAD(pthread_mutexattr_init, sim_mutexattr_init),
    INSTEAD(pthread_mutexattr_settype, sim_mutexattr_settype),
    INSTEAD(pthread_mutexattr_destroy, sim_mutexattr_destroy),
    INSTEAD(pthread_cond_init, sim_cond_init),
    INSTEAD(pthread_cond_destroy, sim_cond_destroy),
    INSTEAD(pthread_cond_wait, sim_cond_wait),
    INSTEAD(pthread_cond_timedwait, sim_cond_timedwait),
    INSTEAD(pthread_cond_signal, sim_cond_signal),
    INSTEAD(pthread_cond_broadcast, sim_cond_broadcast),
    INSTEAD(pthread_condattr_init, sim_condattr_nothing),
    INSTEAD(pthread_condattr_destroy, sim_condattr_nothing),
    INSTEAD(pthread_condattr_setclock, sim_condattr_setclock),
    INSTEAD(pthread_once, sim_once),
    INSTEAD(pthread_rwlock_init, sim_rwlock_init),
    INSTEAD(pthread_rwlock_destroy, sim_rwlock_destroy),
    INSTEAD(pthread_rwlock_rdlock, sim_rwlock_rdlock),
    INSTEAD(pthread_rwlock_wrlock, sim_rwlock_wrlock),
    INSTEAD(pthread_rwlock_timedrdlock, sim_rwlock_timedrdlock),
    INSTEAD(pthread_rwlock_timedwrlock, sim_rwlock_timedwrlock),
    INSTEAD(pthread_rwlock_tryrdlock, sim_rwlock_tryrdlock),
    INSTEAD(pthread_rwlock_trywrlock, sim_rwlock_trywrlock),
    INSTEAD(pthread_rwlock_unlock, sim_rwlock_unlock),
    INSTEAD(pthread_rwlockattr_init, sim_rwlockattr_init),
    INSTEAD(pthread_rwlockattr_destroy, sim_rwlockattr_nothing),
    INSTEAD(pthread_rwlockattr_setkind_np, sim_rwlockattr_setkind),
    INSTEAD(pthread_rwlockattr_setpshared, sim_rwlockattr_set),
    INSTEAD(pthread_spin_init, sim_spin_init),
    INSTEAD(pthread_spin_destroy, sim_spin_destroy),
    INSTEAD(pthread_spin_lock, sim_spin_lock),
    INSTEAD(pthread_spin_trylock, sim_spin_trylock),
    INSTEAD(pthread_spin_unlock, sim_spin_unlock),
    INSTEAD(sem_init, sim_sem_init),
    INSTEAD(sem_destroy, sim_sem_destroy),
    INSTEAD(sem_wait, sim_sem_wait),
    INSTEAD(sem_timedwait, sim_sem_timedwait),
    INSTEAD(sem_trywait, sim_sem_trywait),
    INSTEAD(sem_post, sim_sem_post),
    INSTEAD(sem_getvalue, sim_sem_getvalue),
    INSTEAD(pthread_barrier_init, sim_barrier_init),
    INSTEAD(pthread_barrier_destroy, sim_barrier_destroy),
    INSTEAD(pthread_barrier_wait, sim_barrier_wait),
    INSTEAD(pthread_barrierattr_init, sim_barrierattr_nothing),
    INSTEAD(pthread_barrierattr_destroy, sim_barrierattr_nothing),
    INSTEAD(pthread_barrierattr_setpshared, sim_barrierattr_set),
    /* files and time */
    INSTEAD(eventfd, sim_eventfd),
    INSTEAD(pipe, sim_pipe),
    INSTEAD(pipe2, sim_pipe2),
    INSTEAD(socketpair, sim_socketpair),
    INSTEAD(close, sim_close),
    INSTEAD(read, sim_read),
    INSTEAD(write, sim_write),
    INSTEAD(poll, sim_poll),
    INSTEAD(ppoll, sim_ppoll),
    INSTEAD(clock_gettime, sim_clock_gettime),
    INSTEAD(gettimeofday, sim_gettimeofday),
    INSTEAD(time, sim_time),
    INSTEAD(nanosleep, sim_nanosleep),
    INSTEAD(clock_nanosleep, sim_clock_nanosleep),
    INSTEAD(usleep, sim_usleep),
    INSTEAD(sleep, sim_sleep),
    /* memory */
    INSTEAD(malloc, sim_malloc),
    INSTEAD(calloc, sim_calloc),
    INSTEAD(realloc, sim_realloc),
    INSTEAD(free, sim_free),
    INSTEAD(aligned_alloc, sim_aligned_alloc),
    INSTEAD(posix_memalign, sim_posix_memalign),
    INSTEAD(strdup, sim_strdup),
    INSTEAD(mmap, sim_mmap),
    INSTEAD(munmap, sim_munmap),
    INSTEAD(mprotect, sim_mprotect),
    INSTEAD(memcpy, memcpy),
    INSTEAD(memmove, memmove),
    INSTEAD(memset, memset),
    /* ends */
    INSTEAD(abort, sim_abort),
    INSTEAD(__assert_fail, sim_assert_fail),
    INSTEAD(ds_not_simulated, sim_not_simulated),
    {NULL, NULL, NULL, NULL},
};

const char *const *ds_stub_symbols(void)
{
  static const char *names[sizeof ds_symbols / sizeof *ds_symbols];

  for (size_t i = 0; ds_symbols[i].name; i++) {
    names[i] = ds_symbols[i].name;
  }
  return names;
}
