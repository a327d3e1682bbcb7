/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory models. A model is a table of functions over the machine: what an atomic operation reads
 * and writes, and what synchronises with what. `sc` without race detection has no table: its
 * operations are carried out where they are called (tsan_abi.c).
 *
 * Clocks come in two widths, because a wide one costs a run of three threads dearly: narrow for up
 * to 15 threads, wide for DS_THREAD_MAX. A run that outgrows the narrow ones is begun again.
 */
#ifndef DRAINSTORM_MEMORY_H
#define DRAINSTORM_MEMORY_H

#include "access.h"

typedef unsigned __int128 wide_value; /* of an atomic of 1 .. 16 bytes */

typedef enum rmw_operation {
  RMW_EXCHANGE,
  RMW_ADD,
  RMW_SUB,
  RMW_AND,
  RMW_OR,
  RMW_XOR,
  RMW_NAND,
} rmw_operation;

/* Memory orders as <stdatomic.h> numbers them. */
enum { ORDER_RELAXED, ORDER_CONSUME, ORDER_ACQUIRE, ORDER_RELEASE, ORDER_ACQ_REL, ORDER_SEQ_CST };

static inline int acquires(int order)
{
  return order == ORDER_ACQUIRE || order == ORDER_CONSUME || order >= ORDER_ACQ_REL;
}

static inline int releases(int order)
{
  return order >= ORDER_RELEASE;
}

/* One atomic access: where, how wide, from which place in the target. Passed by pointer where a
 * call is not inlined: the compiler copies it with wide loads of what it has just stored narrowly.
 */
typedef struct atomic_access {
  uintptr_t address;
  uintptr_t pc;
  uint32_t bytes;
  int order;
} atomic_access;

typedef struct memory_model {
  const memory_model *wider; /* the same with wide clocks; NULL: these are the widest */
  void (*begin)(ds_machine *m);
  void (*destroy)(ds_machine *m); /* free what begin() has ever reserved for this machine */
  /* A thread is created by `parent` (NULL: the first one), has ended and was waited for. */
  void (*spawn)(ds_machine *m, const fiber *parent, fiber *child);
  void (*join)(ds_machine *m, const fiber *ended);
  wide_value (*load)(ds_machine *m, const atomic_access *at);
  void (*store)(ds_machine *m, const atomic_access *at, wide_value value);
  wide_value (*rmw)(ds_machine *m, const atomic_access *at, rmw_operation operation,
                    wide_value operand);
  /* Returns whether it was done; *expected becomes what was read. */
  int (*cas)(ds_machine *m, const atomic_access *at, int failure_order, int weak,
             wide_value *expected, wide_value desired);
  void (*fence)(ds_machine *m, int order);
  /* Locks and the like: *clock is the number of a clock of this run, 0 = none yet. */
  void (*release)(ds_machine *m, uint16_t *clock);
  void (*acquire)(ds_machine *m, uint16_t clock);
  /* The current thread is about to block, to end or to free memory: nothing of its may be held
   * back. in_steps: it can still be left in between. */
  void (*settle)(ds_machine *m, int in_steps);
  /* A store is on its way, in a buffer of ours: judge it, and know the object from now on. Of those
   * that memory_tso can be a layer over. */
  void (*locate)(ds_machine *m, const atomic_access *at);
  /* A plain access of ours to bytes that are (also) accessed atomically. */
  void (*plain)(ds_machine *m, access_cell *c, uintptr_t address, uint32_t mask, uint32_t write,
                uintptr_t pc);
} memory_model;

/* Before an operation that may block without a scheduling point of its own. */
static inline void settle(ds_machine *m)
{
  finish_staged(m);
  if (m->model) {
    m->model->settle(m, 1);
  }
}

/* What the current thread knows goes into a lock, and out of it. Nothing without a model. */
static inline void sync_release(ds_machine *m, uint16_t *clock)
{
  finish_staged(m);
  if (m->model) {
    m->model->release(m, clock);
  }
}

static inline void sync_acquire(ds_machine *m, uint16_t clock)
{
  if (m->model) {
    m->model->acquire(m, clock);
  }
}

/* A lock or the like is used: its bytes must be there. Nothing without a model. */
static inline void object_used(ds_machine *m, const void *object, uintptr_t pc)
{
  if (m->model) {
    access_object(m, (uintptr_t)object, pc);
  }
}

extern const memory_model memory_c11_narrow, memory_c11_wide;
extern const memory_model memory_graph_narrow, memory_graph_wide; /* c11-graph */
extern const memory_model memory_tso; /* over one of the others: machine.base_model */

enum { BUFFER_ENTRIES = 16, HISTORY_MOST = 256 };

/* Under tso: what all threads see of memory, which itself shows stores in buffers, too. */
void tso_settled(const ds_machine *m, const void *at, size_t bytes, void *value);
/* Is a store of anybody in a buffer? */
int tso_holds_back(const ds_machine *m);

enum { NARROW_LANES = 16, WIDE_LANES = 208 };
_Static_assert((int)WIDE_LANES > (int)DS_THREAD_MAX, "one lane is the fence clock's");

#endif
