/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What code compiled with -fsanitize=thread calls: one function per atomic operation and per plain
 * access. With a memory model (memory.h) the model carries out the atomics and judges the plain
 * accesses; without one an atomic is carried out as it stands, after its scheduling point.
 */
#include "memory.h"

#include <string.h>

#define HIDDEN __attribute__((visibility("hidden")))

typedef unsigned __int128 u128;

/* ------------------------------------------------------------------ plain accesses */

static inline void plain(void *address, size_t bytes, uint32_t write, uintptr_t pc)
{
  ds_machine *m = ds_current;

  if (m && m->model) {
    access_plain(m, (uintptr_t)address, bytes, write, pc);
  }
}

/* There is a run with a memory model: the target is not bound to this otherwise (BOUND_BARE). */
static inline void plain_small(void *address, uint32_t bytes, uint32_t write, uintptr_t end,
                               uintptr_t pc)
{
  access_small(ds_current, (uintptr_t)address, bytes, write, end, pc);
}

#define PLAIN(name, bytes, write)                                                                  \
  HIDDEN void __tsan_##name(void *address);                                                        \
  HIDDEN void __tsan_##name(void *address)                                                         \
  {                                                                                                \
    (bytes) <= 8 ? plain_small(address, bytes, write, CALLER_END, CALLER)                          \
                 : plain(address, bytes, write, CALLER);                                           \
  }
#define PLAIN_BOTH(prefix, bytes)                                                                  \
  PLAIN(prefix##read##bytes, bytes, 0)                                                             \
  PLAIN(prefix##write##bytes, bytes, STAMP_WRITE)
#define PLAIN_WIDE(prefix)                                                                         \
  PLAIN_BOTH(prefix, 2) PLAIN_BOTH(prefix, 4) PLAIN_BOTH(prefix, 8) PLAIN_BOTH(prefix, 16)

PLAIN_BOTH(, 1)
PLAIN_WIDE()
PLAIN_BOTH(volatile_, 1)
PLAIN_WIDE(volatile_)
PLAIN_WIDE(unaligned_)
PLAIN_WIDE(unaligned_volatile_)
PLAIN(vptr_read, 8, 0)

HIDDEN void __tsan_func_entry(void *caller);
HIDDEN void __tsan_func_entry(void *caller)
{
  (void)caller;
}

#define RANGE(name, write)                                                                         \
  HIDDEN void __tsan_##name(void *address, size_t bytes);                                          \
  HIDDEN void __tsan_##name(void *address, size_t bytes)                                           \
  {                                                                                                \
    plain(address, bytes, write, CALLER);                                                          \
  }
RANGE(read_range, 0)
RANGE(write_range, STAMP_WRITE)

HIDDEN void __tsan_func_exit(void);
HIDDEN void __tsan_func_exit(void) {}

HIDDEN void __tsan_vptr_update(void **pointer, void *value);
HIDDEN void __tsan_vptr_update(void **pointer, void *value)
{
  (void)value;
  plain(pointer, sizeof *pointer, STAMP_WRITE, CALLER);
}

HIDDEN void *__tsan_memcpy(void *to, const void *from, size_t bytes);
HIDDEN void *__tsan_memcpy(void *to, const void *from, size_t bytes)
{
  plain((void *)(uintptr_t)from, bytes, 0, CALLER);
  plain(to, bytes, STAMP_WRITE, CALLER);
  return memcpy(to, from, bytes);
}

HIDDEN void *__tsan_memmove(void *to, const void *from, size_t bytes);
HIDDEN void *__tsan_memmove(void *to, const void *from, size_t bytes)
{
  plain((void *)(uintptr_t)from, bytes, 0, CALLER);
  plain(to, bytes, STAMP_WRITE, CALLER);
  return memmove(to, from, bytes);
}

HIDDEN void *__tsan_memset(void *to, int byte, size_t bytes);
HIDDEN void *__tsan_memset(void *to, int byte, size_t bytes)
{
  plain(to, bytes, STAMP_WRITE, CALLER);
  return memset(to, byte, bytes);
}

/* ------------------------------------------------------------------ atomics */

/* For observe(): bytes accessed and memory order in one word. */
#define HOW(T, order) ((uint32_t)sizeof(T) | (uint32_t)((order) & 7) << 8)
#define ACCESS(T, a, order, pc)                                                                    \
  (&(const atomic_access){(uintptr_t)(a), pc, (uint32_t)sizeof(T), (order) & 7})
#define OBJECT(a) ((const void *)(uintptr_t)(a))

#define ATOMIC_LOAD_STORE(B, T)                                                                    \
  HIDDEN T __tsan_atomic##B##_load(const volatile T *a, int order);                                \
  HIDDEN T __tsan_atomic##B##_load(const volatile T *a, int order)                                 \
  {                                                                                                \
    ds_machine *m = ds_current;                                                                    \
    point(m, DS_EV_LOAD | OF_BYTES(sizeof(T)), OBJECT(a), CALLER);                                 \
    const T value = m->model ? (T)m->model->load(m, ACCESS(T, a, order, CALLER)) : *a;             \
    observe(m, DS_EV_LOAD, OBJECT(a), HOW(T, order), (uint64_t)*a, (uint64_t)value);               \
    return value;                                                                                  \
  }                                                                                                \
  HIDDEN void __tsan_atomic##B##_store(volatile T *a, T value, int order);                         \
  HIDDEN void __tsan_atomic##B##_store(volatile T *a, T value, int order)                          \
  {                                                                                                \
    ds_machine *m = ds_current;                                                                    \
    point(m, DS_EV_STORE | OF_BYTES(sizeof(T)), OBJECT(a), CALLER);                                \
    const T old = *a;                                                                              \
    if (m->model) {                                                                                \
      m->model->store(m, ACCESS(T, a, order, CALLER), value);                                      \
    } else {                                                                                       \
      *a = value;                                                                                  \
    }                                                                                              \
    observe(m, DS_EV_STORE, OBJECT(a), HOW(T, order), (uint64_t)old, (uint64_t)value);             \
  }

#define ATOMIC_RMW(B, T, name, operation, expression)                                              \
  HIDDEN T __tsan_atomic##B##_##name(volatile T *a, T v, int order);                               \
  HIDDEN T __tsan_atomic##B##_##name(volatile T *a, T v, int order)                                \
  {                                                                                                \
    ds_machine *m = ds_current;                                                                    \
    point(m, DS_EV_RMW | OF_BYTES(sizeof(T)), OBJECT(a), CALLER);                                  \
    T old = *a;                                                                                    \
    if (m->model) {                                                                                \
      old = (T)m->model->rmw(m, ACCESS(T, a, order, CALLER), operation, v);                        \
    } else {                                                                                       \
      *a = (T)(expression);                                                                        \
    }                                                                                              \
    observe(m, DS_EV_RMW, OBJECT(a), HOW(T, order), (uint64_t)old, (uint64_t)(T)(expression));     \
    return old;                                                                                    \
  }

#define ATOMIC_CAS(B, T)                                                                           \
  static inline int cas##B(volatile T *a, T *expected, T value, int order, int failure, int weak,  \
                           uintptr_t pc)                                                           \
  {                                                                                                \
    ds_machine *m = ds_current;                                                                    \
    point(m, DS_EV_CAS | OF_BYTES(sizeof(T)), OBJECT(a), pc);                                      \
    T old = *a;                                                                                    \
    int done = old == *expected;                                                                   \
    if (m->model) {                                                                                \
      wide_value seen = *expected;                                                                 \
      done = m->model->cas(m, ACCESS(T, a, order, pc), failure & 7, weak, &seen, value);           \
      old = (T)seen;                                                                               \
    } else if (done) {                                                                             \
      *a = value;                                                                                  \
    }                                                                                              \
    if (!done) {                                                                                   \
      *expected = old;                                                                             \
    }                                                                                              \
    observe(m, done ? DS_EV_CAS : DS_EV_CAS_FAILED, OBJECT(a), HOW(T, order), (uint64_t)old,       \
            (uint64_t)(done ? value : old));                                                       \
    return done;                                                                                   \
  }                                                                                                \
  HIDDEN int __tsan_atomic##B##_compare_exchange_strong(volatile T *a, T *e, T v, int o, int f);   \
  HIDDEN int __tsan_atomic##B##_compare_exchange_strong(volatile T *a, T *e, T v, int o, int f)    \
  {                                                                                                \
    return cas##B(a, e, v, o, f, 0, CALLER);                                                       \
  }                                                                                                \
  HIDDEN int __tsan_atomic##B##_compare_exchange_weak(volatile T *a, T *e, T v, int o, int f);     \
  HIDDEN int __tsan_atomic##B##_compare_exchange_weak(volatile T *a, T *e, T v, int o, int f)      \
  {                                                                                                \
    return cas##B(a, e, v, o, f, 1, CALLER);                                                       \
  }                                                                                                \
  HIDDEN T __tsan_atomic##B##_compare_exchange_val(volatile T *a, T e, T v, int o, int f);         \
  HIDDEN T __tsan_atomic##B##_compare_exchange_val(volatile T *a, T e, T v, int o, int f)          \
  {                                                                                                \
    cas##B(a, &e, v, o, f, 0, CALLER);                                                             \
    return e;                                                                                      \
  }

#define ATOMIC(B, T)                                                                               \
  ATOMIC_LOAD_STORE(B, T)                                                                          \
  ATOMIC_RMW(B, T, exchange, RMW_EXCHANGE, v)                                                      \
  ATOMIC_RMW(B, T, fetch_add, RMW_ADD, old + v)                                                    \
  ATOMIC_RMW(B, T, fetch_sub, RMW_SUB, old - v)                                                    \
  ATOMIC_RMW(B, T, fetch_and, RMW_AND, old &v)                                                     \
  ATOMIC_RMW(B, T, fetch_or, RMW_OR, old | v)                                                      \
  ATOMIC_RMW(B, T, fetch_xor, RMW_XOR, old ^ v)                                                    \
  ATOMIC_RMW(B, T, fetch_nand, RMW_NAND, ~(old & v))                                               \
  ATOMIC_CAS(B, T)

ATOMIC(8, uint8_t)
ATOMIC(16, uint16_t)
ATOMIC(32, uint32_t)
ATOMIC(64, uint64_t)
ATOMIC(128, u128)

/* Without a model a fence orders nothing more, but it is a point in every model: anchors of a case
 * mean the same moment whichever model it is run under. */
HIDDEN void __tsan_atomic_thread_fence(int order);
HIDDEN void __tsan_atomic_thread_fence(int order)
{
  ds_machine *m = ds_current;

  point(m, DS_EV_FENCE, NULL, CALLER);
  if (m->model) {
    m->model->fence(m, order & 7);
  }
  observe(m, DS_EV_FENCE, NULL, (uint32_t)(order & 7) << 8, 0, 0);
}

HIDDEN void __tsan_atomic_signal_fence(int order);
HIDDEN void __tsan_atomic_signal_fence(int order)
{
  (void)order;
}
