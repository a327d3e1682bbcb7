/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The POSIX calls that a target is given instead of the C library's. Same contracts as in POSIX;
 * symbols.c binds the names. What a call cannot do it answers with an errno that POSIX allows, or
 * ends the run with DS_UNSUPPORTED.
 */
#ifndef DRAINSTORM_POSIX_H
#define DRAINSTORM_POSIX_H

#include "machine.h"

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/time.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

/* sync.c */
int sim_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attr);
int sim_mutex_destroy(pthread_mutex_t *mutex);
int sim_mutex_lock(pthread_mutex_t *mutex);
int sim_mutex_trylock(pthread_mutex_t *mutex);
int sim_mutex_timedlock(pthread_mutex_t *mutex, const struct timespec *until);
int sim_mutex_unlock(pthread_mutex_t *mutex);
int sim_mutexattr_init(pthread_mutexattr_t *attr);
int sim_mutexattr_settype(pthread_mutexattr_t *attr, int type);
int sim_mutexattr_destroy(pthread_mutexattr_t *attr);
int sim_cond_init(pthread_cond_t *cond, const pthread_condattr_t *attr);
int sim_cond_destroy(pthread_cond_t *cond);
int sim_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex);
int sim_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until);
int sim_cond_signal(pthread_cond_t *cond);
int sim_cond_broadcast(pthread_cond_t *cond);
int sim_condattr_nothing(pthread_condattr_t *attr);
int sim_condattr_setclock(pthread_condattr_t *attr, clockid_t clock);
int sim_once(pthread_once_t *once, void (*routine)(void));

/* rwlock.c */
int sim_rwlock_init(pthread_rwlock_t *lock, const pthread_rwlockattr_t *attr);
int sim_rwlock_destroy(pthread_rwlock_t *lock);
int sim_rwlock_rdlock(pthread_rwlock_t *lock);
int sim_rwlock_wrlock(pthread_rwlock_t *lock);
int sim_rwlock_timedrdlock(pthread_rwlock_t *lock, const struct timespec *until);
int sim_rwlock_timedwrlock(pthread_rwlock_t *lock, const struct timespec *until);
int sim_rwlock_tryrdlock(pthread_rwlock_t *lock);
int sim_rwlock_trywrlock(pthread_rwlock_t *lock);
int sim_rwlock_unlock(pthread_rwlock_t *lock);
int sim_rwlockattr_init(pthread_rwlockattr_t *attr);
int sim_rwlockattr_setkind(pthread_rwlockattr_t *attr, int preference);
int sim_rwlockattr_nothing(pthread_rwlockattr_t *attr);
int sim_rwlockattr_set(pthread_rwlockattr_t *attr, int value);
int sim_spin_init(pthread_spinlock_t *lock, int shared);
int sim_spin_destroy(pthread_spinlock_t *lock);
int sim_spin_lock(pthread_spinlock_t *lock);
int sim_spin_trylock(pthread_spinlock_t *lock);
int sim_spin_unlock(pthread_spinlock_t *lock);

/* semaphore.c */
int sim_sem_init(sem_t *semaphore, int shared, unsigned value);
int sim_sem_destroy(sem_t *semaphore);
int sim_sem_wait(sem_t *semaphore);
int sim_sem_timedwait(sem_t *semaphore, const struct timespec *until);
int sim_sem_trywait(sem_t *semaphore);
int sim_sem_post(sem_t *semaphore);
int sim_sem_getvalue(sem_t *semaphore, int *value);
int sim_barrier_init(pthread_barrier_t *barrier, const pthread_barrierattr_t *attr, unsigned count);
int sim_barrier_destroy(pthread_barrier_t *barrier);
int sim_barrier_wait(pthread_barrier_t *barrier);
int sim_barrierattr_nothing(pthread_barrierattr_t *attr);
int sim_barrierattr_set(pthread_barrierattr_t *attr, int value);

/* thread.c */
int sim_thread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
                      void *argument);
int sim_thread_join(pthread_t thread, void **value);
int sim_thread_timedjoin(pthread_t thread, void **value, const struct timespec *until);
int sim_thread_tryjoin(pthread_t thread, void **value);
int sim_thread_detach(pthread_t thread);
pthread_t sim_thread_self(void);
int sim_thread_equal(pthread_t a, pthread_t b);
__attribute__((noreturn)) void sim_thread_exit(void *value);
int sim_threadattr_nothing(pthread_attr_t *attr);
int sim_threadattr_set(pthread_attr_t *attr, int value);
int sim_yield(void);
int sim_key_create(pthread_key_t *key, void (*destructor)(void *));
int sim_key_delete(pthread_key_t key);
void *sim_getspecific(pthread_key_t key);
int sim_setspecific(pthread_key_t key, const void *value);
int *sim_errno_location(void);

/* file.c */
void wake_pollers(ds_machine *m, int fd);
int set_errno(ds_machine *m, int error);          /* returns -1 */
descriptor *descriptor_of(ds_machine *m, int fd); /* NULL = not open */
int descriptor_add(ds_machine *m, descriptor d);  /* its number, or -1 with EMFILE */
/* Does a signal interrupt the call that is about to block? Then errno is EINTR. */
int interrupted(ds_machine *m, const char *call, uintptr_t pc);
int sim_eventfd(unsigned initial, int flags);
int sim_close(int fd);
ssize_t sim_read(int fd, void *buffer, size_t bytes);
ssize_t sim_write(int fd, const void *buffer, size_t bytes);
int sim_poll(struct pollfd *at, nfds_t count, int timeout_ms);
int sim_ppoll(struct pollfd *at, nfds_t count, const struct timespec *timeout, const void *mask);

/* stream.c */
int sim_pipe(int ends[2]);
int sim_pipe2(int ends[2], int flags);
int sim_socketpair(int domain, int type, int protocol, int ends[2]);
ssize_t stream_read(ds_machine *m, int fd, void *buffer, size_t bytes, uintptr_t pc);
ssize_t stream_write(ds_machine *m, int fd, const void *buffer, size_t bytes, uintptr_t pc);
void stream_close(ds_machine *m, const descriptor *d);
int stream_state(const descriptor *d); /* POLLIN, POLLOUT, POLLHUP, POLLERR */

/* clock.c */
/* The fault that time runs out at once for a thread that has just gone to sleep until its
 * wake_ns; it is runnable then. */
void time_passes(ds_machine *m, fiber *f, uintptr_t pc);
uint64_t timespec_ns(const struct timespec *t);
int sim_clock_gettime(clockid_t clock, struct timespec *now);
int sim_gettimeofday(struct timeval *now, void *zone);
time_t sim_time(time_t *now);
int sim_nanosleep(const struct timespec *duration, struct timespec *left);
int sim_clock_nanosleep(clockid_t clock, int flags, const struct timespec *duration,
                        struct timespec *left);
int sim_usleep(useconds_t microseconds);
unsigned sim_sleep(unsigned seconds);

/* heap.c */
void *sim_malloc(size_t bytes);
void *sim_calloc(size_t count, size_t bytes);
void *sim_realloc(void *block, size_t bytes);
void sim_free(void *block);
void *sim_aligned_alloc(size_t alignment, size_t bytes);
int sim_posix_memalign(void **block, size_t alignment, size_t bytes);
char *sim_strdup(const char *text);
void *sim_mmap(void *hint, size_t bytes, int protection, int flags, int fd, off_t offset);
int sim_munmap(void *address, size_t bytes);
int sim_mprotect(void *address, size_t bytes, int protection);

/* fault.c */
__attribute__((noreturn)) void sim_abort(void);
/* Where the stub sends the calls that a target names but that no run may reach. */
__attribute__((noreturn)) void sim_not_simulated(const char *name);
__attribute__((noreturn)) void sim_assert_fail(const char *expression, const char *file,
                                               unsigned line, const char *function);

#endif
