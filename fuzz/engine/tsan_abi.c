/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What code compiled with -fsanitize=thread calls: one function per atomic operation and per plain
 * access. Under the memory model `sc` an atomic is carried out as it stands, after its scheduling
 * point; plain accesses are seen but not yet judged.
 */
#include "machine.h"

#include <string.h>

#define HIDDEN __attribute__((visibility("hidden")))

typedef unsigned __int128 u128;

/* ------------------------------------------------------------------ plain accesses */

#define PLAIN(name)                                                                                \
  HIDDEN void __tsan_##name(void *address);                                                        \
  HIDDEN void __tsan_##name(void *address)                                                         \
  {                                                                                                \
    (void)address;                                                                                 \
  }
#define PLAIN_SIZES(name)                                                                          \
  PLAIN(name##1) PLAIN(name##2) PLAIN(name##4) PLAIN(name##8) PLAIN(name##16)
#define PLAIN_WIDE(name) PLAIN(name##2) PLAIN(name##4) PLAIN(name##8) PLAIN(name##16)

PLAIN_SIZES(read)
PLAIN_SIZES(write)
PLAIN_SIZES(volatile_read)
PLAIN_SIZES(volatile_write)
PLAIN_WIDE(unaligned_read)
PLAIN_WIDE(unaligned_write)
PLAIN_WIDE(unaligned_volatile_read)
PLAIN_WIDE(unaligned_volatile_write)
PLAIN(func_entry)
PLAIN(vptr_read)

#define RANGE(name)                                                                                \
  HIDDEN void __tsan_##name(void *address, size_t bytes);                                          \
  HIDDEN void __tsan_##name(void *address, size_t bytes)                                           \
  {                                                                                                \
    (void)address, (void)bytes;                                                                    \
  }
RANGE(read_range)
RANGE(write_range)

HIDDEN void __tsan_func_exit(void);
HIDDEN void __tsan_func_exit(void) {}

HIDDEN void __tsan_vptr_update(void **pointer, void *value);
HIDDEN void __tsan_vptr_update(void **pointer, void *value)
{
  (void)pointer, (void)value;
}

HIDDEN void *__tsan_memcpy(void *to, const void *from, size_t bytes);
HIDDEN void *__tsan_memcpy(void *to, const void *from, size_t bytes)
{
  return memcpy(to, from, bytes);
}

HIDDEN void *__tsan_memmove(void *to, const void *from, size_t bytes);
HIDDEN void *__tsan_memmove(void *to, const void *from, size_t bytes)
{
  return memmove(to, from, bytes);
}

HIDDEN void *__tsan_memset(void *to, int byte, size_t bytes);
HIDDEN void *__tsan_memset(void *to, int byte, size_t bytes)
{
  return memset(to, byte, bytes);
}

/* ------------------------------------------------------------------ atomics */

/* For observe(): bytes accessed and memory order in one word. */
#define HOW(T, order) ((uint32_t)sizeof(T) | (uint32_t)((order) & 7) << 8)

#define ATOMIC_LOAD_STORE(B, T)                                                                    \
  HIDDEN T __tsan_atomic##B##_load(const volatile T *a, int order);                                \
  HIDDEN T __tsan_atomic##B##_load(const volatile T *a, int order)                                 \
  {                                                                                                \
    ds_machine *m = ds_current;                                                                    \
    point(m, DS_EV_LOAD, (const void *)(uintptr_t)a, CALLER);                                      \
    const T value = *a;                                                                            \
    observe(m, DS_EV_LOAD, (const void *)(uintptr_t)a, HOW(T, order), (uint64_t)value,             \
            (uint64_t)value);                                                                      \
    return value;                                                                                  \
  }                                                                                                \
  HIDDEN void __tsan_atomic##B##_store(volatile T *a, T value, int order);                         \
  HIDDEN void __tsan_atomic##B##_store(volatile T *a, T value, int order)                          \
  {                                                                                                \
    ds_machine *m = ds_current;                                                                    \
    point(m, DS_EV_STORE, (const void *)(uintptr_t)a, CALLER);                                     \
    const T old = *a;                                                                              \
    *a = value;                                                                                    \
    observe(m, DS_EV_STORE, (const void *)(uintptr_t)a, HOW(T, order), (uint64_t)old,              \
            (uint64_t)value);                                                                      \
  }

#define ATOMIC_RMW(B, T, name, expression)                                                         \
  HIDDEN T __tsan_atomic##B##_##name(volatile T *a, T v, int order);                               \
  HIDDEN T __tsan_atomic##B##_##name(volatile T *a, T v, int order)                                \
  {                                                                                                \
    ds_machine *m = ds_current;                                                                    \
    point(m, DS_EV_RMW, (const void *)(uintptr_t)a, CALLER);                                       \
    const T old = *a;                                                                              \
    const T new = (T)(expression);                                                                 \
    *a = new;                                                                                      \
    observe(m, DS_EV_RMW, (const void *)(uintptr_t)a, HOW(T, order), (uint64_t)old,                \
            (uint64_t)new);                                                                        \
    return old;                                                                                    \
  }

#define ATOMIC_CAS(B, T)                                                                           \
  static inline int cas##B(volatile T *a, T *expected, T value, int order, uintptr_t pc)           \
  {                                                                                                \
    ds_machine *m = ds_current;                                                                    \
    point(m, DS_EV_CAS, (const void *)(uintptr_t)a, pc);                                           \
    const T old = *a;                                                                              \
    const int done = old == *expected;                                                             \
    if (done) {                                                                                    \
      *a = value;                                                                                  \
    } else {                                                                                       \
      *expected = old;                                                                             \
    }                                                                                              \
    observe(m, done ? DS_EV_CAS : DS_EV_CAS_FAILED, (const void *)(uintptr_t)a, HOW(T, order),     \
            (uint64_t)old, (uint64_t)(done ? value : old));                                        \
    return done;                                                                                   \
  }                                                                                                \
  HIDDEN int __tsan_atomic##B##_compare_exchange_strong(volatile T *a, T *e, T v, int o, int f);   \
  HIDDEN int __tsan_atomic##B##_compare_exchange_strong(volatile T *a, T *e, T v, int o, int f)    \
  {                                                                                                \
    (void)f;                                                                                       \
    return cas##B(a, e, v, o, CALLER);                                                             \
  }                                                                                                \
  HIDDEN int __tsan_atomic##B##_compare_exchange_weak(volatile T *a, T *e, T v, int o, int f);     \
  HIDDEN int __tsan_atomic##B##_compare_exchange_weak(volatile T *a, T *e, T v, int o, int f)      \
  {                                                                                                \
    (void)f;                                                                                       \
    return cas##B(a, e, v, o, CALLER);                                                             \
  }                                                                                                \
  HIDDEN T __tsan_atomic##B##_compare_exchange_val(volatile T *a, T e, T v, int o, int f);         \
  HIDDEN T __tsan_atomic##B##_compare_exchange_val(volatile T *a, T e, T v, int o, int f)          \
  {                                                                                                \
    (void)f;                                                                                       \
    cas##B(a, &e, v, o, CALLER);                                                                   \
    return e;                                                                                      \
  }

#define ATOMIC(B, T)                                                                               \
  ATOMIC_LOAD_STORE(B, T)                                                                          \
  ATOMIC_RMW(B, T, exchange, v)                                                                    \
  ATOMIC_RMW(B, T, fetch_add, old + v)                                                             \
  ATOMIC_RMW(B, T, fetch_sub, old - v)                                                             \
  ATOMIC_RMW(B, T, fetch_and, old &v)                                                              \
  ATOMIC_RMW(B, T, fetch_or, old | v)                                                              \
  ATOMIC_RMW(B, T, fetch_xor, old ^ v)                                                             \
  ATOMIC_RMW(B, T, fetch_nand, ~(old & v))                                                         \
  ATOMIC_CAS(B, T)

ATOMIC(8, uint8_t)
ATOMIC(16, uint16_t)
ATOMIC(32, uint32_t)
ATOMIC(64, uint64_t)
ATOMIC(128, u128)

/* Under `sc` a fence orders nothing more, but it is a point in every model: anchors of a case mean
 * the same moment whichever model it is run under. */
HIDDEN void __tsan_atomic_thread_fence(int order);
HIDDEN void __tsan_atomic_thread_fence(int order)
{
  ds_machine *m = ds_current;

  point(m, DS_EV_FENCE, NULL, CALLER);
  observe(m, DS_EV_FENCE, NULL, (uint32_t)(order & 7) << 8, 0, 0);
}

HIDDEN void __tsan_atomic_signal_fence(int order);
HIDDEN void __tsan_atomic_signal_fence(int order)
{
  (void)order;
}
