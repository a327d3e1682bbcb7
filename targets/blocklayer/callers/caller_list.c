/* SPDX-License-Identifier: Apache-2.0 */
/* A visit costs a read-modify-write at each end; a replacement the lock and an allocation. */
#include "caller_list.h"

#include "util/util.h"

enum { ALIVE = 77 };

struct CallerEntry {
  int value;
  CallerEntry *next; /* aside */
};

static CallerEntry *new_entry(void)
{
  CallerEntry *entry = qemu_malloc(sizeof(*entry));
  *entry = (CallerEntry){.value = ALIVE};
  return entry;
}

void caller_list_init(CallerList *list)
{
  *list = (CallerList){0};
  qemu_lockcnt_init(&list->lockcnt);
  atomic_init(&list->entry, new_entry());
}

/* The lock is held, and there are no visitors. */
static void reap(CallerList *list)
{
  while (list->aside) {
    CallerEntry *entry = list->aside;
    list->aside = entry->next;
    entry->value = 0;
    free(entry);
  }
}

void caller_list_destroy(CallerList *list)
{
  assert(qemu_lockcnt_count(&list->lockcnt) == 0);
  reap(list);
  free(atomic_load_explicit(&list->entry, memory_order_relaxed));
  qemu_lockcnt_destroy(&list->lockcnt);
}

static void look(CallerList *list)
{
  /* Acquire: pairs with the release in caller_list_replace(). */
  const CallerEntry *entry = atomic_load_explicit(&list->entry, memory_order_acquire);
  assert(entry->value == ALIVE);
}

static void leave(CallerList *list, LeaveWay way)
{
  if (way == LEAVE_AND_LOCK) {
    if (qemu_lockcnt_dec_and_lock(&list->lockcnt)) {
      reap(list);
      qemu_lockcnt_unlock(&list->lockcnt);
    }
  } else if (way != LEAVE_IT && qemu_lockcnt_dec_if_lock(&list->lockcnt)) {
    reap(list);
    if (way == LEAVE_IF_LOCK) {
      qemu_lockcnt_unlock(&list->lockcnt);
      return;
    }
    qemu_lockcnt_inc_and_unlock(&list->lockcnt);
    look(list);
    qemu_lockcnt_dec(&list->lockcnt);
  } else {
    qemu_lockcnt_dec(&list->lockcnt);
  }
}

void caller_list_visit(CallerList *list, LeaveWay way)
{
  qemu_lockcnt_inc(&list->lockcnt);
  look(list);
  leave(list, way);
}

void caller_list_replace(CallerList *list)
{
  CallerEntry *entry = new_entry();

  qemu_lockcnt_lock(&list->lockcnt);
  CallerEntry *old = atomic_load_explicit(&list->entry, memory_order_relaxed); /* ours to change */
  /* Release: publishes the entry. Pairs with the acquire in look(). */
  atomic_store_explicit(&list->entry, entry, memory_order_release);
  old->next = list->aside;
  list->aside = old;
  if (qemu_lockcnt_count(&list->lockcnt) == 0) {
    reap(list);
  }
  qemu_lockcnt_unlock(&list->lockcnt);
}
