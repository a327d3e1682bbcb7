/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BQL, and a thread-local note of who holds it; noinline for the reason that coroutine.c gives.
 * A mutex to lock and to unlock; asking costs a call and a load.
 */
#include "util/bql.h"

#include "util/thread.h"

static QemuMutex bql = QEMU_MUTEX_INITIALIZER;

static _Thread_local bool bql_is_ours;

__attribute__((noinline)) static void bql_set_ours(bool ours)
{
  __asm__ volatile("" ::: "memory");
  bql_is_ours = ours;
}

__attribute__((noinline)) bool bql_locked(void)
{
  __asm__ volatile("" ::: "memory");
  return bql_is_ours;
}

void bql_lock(void)
{
  assert(!bql_locked());
  qemu_mutex_lock(&bql);
  bql_set_ours(true);
}

void bql_unlock(void)
{
  assert(bql_locked());
  bql_set_ours(false);
  qemu_mutex_unlock(&bql);
}
