/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory-model litmus programs: two to four threads over x and y. What a thread read is in a, b, c
 * or d, which belong to one thread each until main has joined them all.
 *
 * The outcome that each program is about, and who allows it, stands in outcomes.toml.
 */
#include "litmus.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#define RLX memory_order_relaxed
#define ACQ memory_order_acquire
#define REL memory_order_release
#define AR memory_order_acq_rel
#define SC memory_order_seq_cst
#define W(object, value, order) atomic_store_explicit(&object, value, order)
#define R(object, order) atomic_load_explicit(&object, order)
#define ADD(object, order) atomic_fetch_add_explicit(&object, 1, order)
#define FENCE(order) atomic_thread_fence(order)

static atomic_int x, y;
static int a, b, c, d;

typedef void *body(void *);

static void run(body *const *bodies, int count)
{
  pthread_t threads[4];

  for (int i = 0; i < count; i++) {
    pthread_create(&threads[i], NULL, bodies[i], NULL);
  }
  for (int i = 0; i < count; i++) {
    pthread_join(threads[i], NULL);
  }
}

/* Registers, then what is left in x and y. */
static outcome result(void)
{
  return (outcome){a, b, c, d, R(x, RLX), R(y, RLX)};
}

#define THREAD(name, ...)                                                                          \
  static void *name(void *unused)                                                                  \
  {                                                                                                \
    __VA_ARGS__                                                                                    \
    return unused;                                                                                 \
  }
#define PROGRAM_2(name, one, two)                                                                  \
  THREAD(name##_1, one)                                                                            \
  THREAD(name##_2, two)                                                                            \
  outcome name(void)                                                                               \
  {                                                                                                \
    run((body *[]){name##_1, name##_2}, 2);                                                        \
    return result();                                                                               \
  }
#define PROGRAM_3(name, one, two, three)                                                           \
  THREAD(name##_1, one)                                                                            \
  THREAD(name##_2, two)                                                                            \
  THREAD(name##_3, three)                                                                          \
  outcome name(void)                                                                               \
  {                                                                                                \
    run((body *[]){name##_1, name##_2, name##_3}, 3);                                              \
    return result();                                                                               \
  }
#define PROGRAM_4(name, one, two, three, four)                                                     \
  THREAD(name##_1, one)                                                                            \
  THREAD(name##_2, two)                                                                            \
  THREAD(name##_3, three)                                                                          \
  THREAD(name##_4, four)                                                                           \
  outcome name(void)                                                                               \
  {                                                                                                \
    run((body *[]){name##_1, name##_2, name##_3, name##_4}, 4);                                    \
    return result();                                                                               \
  }

/* SB rlx */
PROGRAM_2(sb_relaxed, W(x, 1, RLX); a = R(y, RLX);, W(y, 1, RLX); b = R(x, RLX);)

/* SB rel/acq */
PROGRAM_2(sb_release_acquire, W(x, 1, REL); a = R(y, ACQ);, W(y, 1, REL); b = R(x, ACQ);)

/* SB sc */
PROGRAM_2(sb_seq_cst, W(x, 1, SC); a = R(y, SC);, W(y, 1, SC); b = R(x, SC);)

/* SB scfences (rdlock/wrlock handshake) */
PROGRAM_2(sb_fences, W(x, 1, RLX); FENCE(SC); a = R(y, RLX);, W(y, 1, RLX); FENCE(SC);
          b = R(x, RLX);)

/* SB one scfence missing */
PROGRAM_2(sb_one_fence_missing, W(x, 1, RLX); FENCE(SC); a = R(y, RLX);, W(y, 1, RLX);
          b = R(x, RLX);)

/* SB acq_rel fences only */
PROGRAM_2(sb_acq_rel_fences, W(x, 1, RLX); FENCE(AR); a = R(y, RLX);, W(y, 1, RLX); FENCE(AR);
          b = R(x, RLX);)

/* MP rlx */
PROGRAM_2(mp_relaxed, W(x, 1, RLX); W(y, 1, RLX);, a = R(y, RLX); b = R(x, RLX);)

/* MP rel/acq */
PROGRAM_2(mp_release_acquire, W(x, 1, RLX); W(y, 1, REL);, a = R(y, ACQ); b = R(x, RLX);)

/* MP rel/rlx+acqfence */
PROGRAM_2(mp_release_acquire_fence, W(x, 1, RLX); W(y, 1, REL);, a = R(y, RLX); FENCE(ACQ);
          b = R(x, RLX);)

/* MP relfence/acqfence */
PROGRAM_2(mp_fences, W(x, 1, RLX); FENCE(REL); W(y, 1, RLX);, a = R(y, RLX); FENCE(ACQ);
          b = R(x, RLX);)

/* MP relfence only */
PROGRAM_2(mp_release_fence_only, W(x, 1, RLX); FENCE(REL); W(y, 1, RLX);, a = R(y, RLX);
          b = R(x, RLX);)

/* MP via relaxed RMW (release sequence) */
PROGRAM_3(mp_release_sequence, W(x, 1, RLX); W(y, 1, REL);, c = ADD(y, RLX);, a = R(y, ACQ);
          b = R(x, RLX);)

/* MP RMW wrong order */
PROGRAM_3(mp_rmw_wrong_order, W(x, 1, RLX); W(y, 1, RLX);, c = ADD(y, AR);, a = R(y, ACQ);
          b = R(x, RLX);)

/* CoRR */
PROGRAM_2(corr, W(x, 1, RLX);, a = R(x, RLX); b = R(x, RLX);)

/* CoRR2 */
PROGRAM_4(corr_two_writers, W(x, 1, RLX);, W(x, 2, RLX);, a = R(x, RLX); b = R(x, RLX);
          , c = R(x, RLX); d = R(x, RLX);)

/* CoWR */
PROGRAM_2(cowr, W(x, 1, RLX); a = R(x, RLX);, W(x, 2, RLX);)

/* CoRW */
PROGRAM_2(corw, a = R(x, RLX); W(x, 1, RLX);, W(x, 2, RLX);)

/* 2+2W rlx */
PROGRAM_2(two_plus_two_w_relaxed, W(x, 1, RLX); W(y, 2, RLX);, W(y, 1, RLX); W(x, 2, RLX);)

/* 2+2W sc */
PROGRAM_2(two_plus_two_w_seq_cst, W(x, 1, SC); W(y, 2, SC);, W(y, 1, SC); W(x, 2, SC);)

/* 2+2W sc fences */
PROGRAM_2(two_plus_two_w_fences, W(x, 1, RLX); FENCE(SC); W(y, 2, RLX);, W(y, 1, RLX); FENCE(SC);
          W(x, 2, RLX);)

/* IRIW rel/acq */
PROGRAM_4(iriw_acquire, W(x, 1, REL);, W(y, 1, REL);, a = R(x, ACQ); b = R(y, ACQ);, c = R(y, ACQ);
          d = R(x, ACQ);)

/* IRIW sc */
PROGRAM_4(iriw_seq_cst, W(x, 1, SC);, W(y, 1, SC);, a = R(x, SC); b = R(y, SC);, c = R(y, SC);
          d = R(x, SC);)

/* R rlx+fences */
PROGRAM_2(r_fences, W(x, 1, RLX); FENCE(SC); W(y, 1, RLX);, W(y, 2, RLX); FENCE(SC); a = R(x, RLX);)

/* S rel/acq */
PROGRAM_2(s_release_acquire, W(x, 2, RLX); W(y, 1, REL);, a = R(y, ACQ); W(x, 1, RLX);)

/* WRC rel/acq */
PROGRAM_3(wrc_release_acquire, W(x, 1, RLX);, a = R(x, RLX); W(y, 1, REL);, b = R(y, ACQ);
          c = R(x, RLX);)

/* WRC rlx */
PROGRAM_3(wrc_relaxed, W(x, 1, RLX);, a = R(x, RLX); W(y, 1, RLX);, b = R(y, RLX); c = R(x, RLX);)

/* RMW atomicity */
PROGRAM_2(rmw_atomicity, a = ADD(x, RLX);, b = ADD(x, RLX);)

/* RMW SB (x86 xchg as fence is NOT C11) */
PROGRAM_2(sb_acq_rel_rmw, c = ADD(x, AR); a = R(y, RLX);, d = ADD(y, AR); b = R(x, RLX);)

/* Dekker RMW sc + sc loads */
PROGRAM_2(dekker_seq_cst_rmw, c = ADD(x, SC); a = R(y, SC);, d = ADD(y, SC); b = R(x, SC);)

/* SB sc-RMW then relaxed load (no smp_mb__after_rmw) */
PROGRAM_2(sb_seq_cst_rmw_relaxed_load, c = ADD(x, SC); a = R(y, RLX);, d = ADD(y, SC);
          b = R(x, RLX);)

/* SB sc-RMW + scfence (smp_mb__after_rmw) */
PROGRAM_2(sb_seq_cst_rmw_fence, c = ADD(x, SC); FENCE(SC); a = R(y, RLX);, d = ADD(y, SC);
          FENCE(SC); b = R(x, RLX);)

/* SB sc-store then relaxed load */
PROGRAM_2(sb_seq_cst_store_relaxed_load, W(x, 1, SC); a = R(y, RLX);, W(y, 1, SC); b = R(x, RLX);)

/* RWC scfence reader side only */
PROGRAM_3(rwc_fences, W(x, 1, RLX);, a = R(x, RLX); FENCE(SC); b = R(y, RLX);, W(y, 1, RLX);
          FENCE(SC); c = R(x, RLX);)

/* IRIW rlx + sc fences */
PROGRAM_4(iriw_fences, W(x, 1, RLX);, W(y, 1, RLX);, a = R(x, RLX); FENCE(SC); b = R(y, RLX);
          , c = R(y, RLX); FENCE(SC); d = R(x, RLX);)

/* LB rlx (needs a later store) */
PROGRAM_2(lb_relaxed, a = R(x, RLX); W(y, 1, RLX);, b = R(y, RLX); W(x, 1, RLX);)
