/* SPDX-License-Identifier: Apache-2.0 */
/* The compiler must know the order of each operation: one case for each. */
#include "orders.h"

#include <stdatomic.h>

static atomic_int objects[OBJECTS];

#define FOR_ORDER(order, action)                                                                   \
  switch (order) {                                                                                 \
  case memory_order_relaxed:                                                                       \
    action(memory_order_relaxed);                                                                  \
    break;                                                                                         \
  case memory_order_acquire:                                                                       \
    action(memory_order_acquire);                                                                  \
    break;                                                                                         \
  case memory_order_release:                                                                       \
    action(memory_order_release);                                                                  \
    break;                                                                                         \
  case memory_order_acq_rel:                                                                       \
    action(memory_order_acq_rel);                                                                  \
    break;                                                                                         \
  default:                                                                                         \
    action(memory_order_seq_cst);                                                                  \
  }

int orders_load(unsigned object, int order)
{
  int value = 0;

  switch (order) {
  case memory_order_relaxed:
    value = atomic_load_explicit(&objects[object], memory_order_relaxed);
    break;
  case memory_order_acquire:
    value = atomic_load_explicit(&objects[object], memory_order_acquire);
    break;
  default:
    value = atomic_load_explicit(&objects[object], memory_order_seq_cst);
  }
  return value;
}

void orders_store(unsigned object, int order, int value)
{
  switch (order) {
  case memory_order_relaxed:
    atomic_store_explicit(&objects[object], value, memory_order_relaxed);
    break;
  case memory_order_release:
    atomic_store_explicit(&objects[object], value, memory_order_release);
    break;
  default:
    atomic_store_explicit(&objects[object], value, memory_order_seq_cst);
  }
}

int orders_exchange(unsigned object, int order, int value)
{
  int old = 0;

#define EXCHANGE(o) old = atomic_exchange_explicit(&objects[object], value, o)
  FOR_ORDER(order, EXCHANGE);
  return old;
}

int orders_replace(unsigned object, int order, int value)
{
  int old = 0;

#define REPLACE(o)                                                                                 \
  atomic_compare_exchange_strong_explicit(&objects[object], &old, value, o, memory_order_relaxed)
  FOR_ORDER(order, REPLACE);
  return old;
}

void orders_fence(int order)
{
  FOR_ORDER(order, atomic_thread_fence);
}
