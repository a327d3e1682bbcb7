/* SPDX-License-Identifier: Apache-2.0 */
/* Litmus programs by name; each runs once and says what its threads read. */
#ifndef LITMUS_H
#define LITMUS_H

typedef struct outcome {
  int a, b, c, d; /* registers, 0 if the program does not use them */
  int x, y;       /* values at the end */
} outcome;

#define PROGRAMS(X)                                                                                \
  X(SB_RELAXED, sb_relaxed)                                                                        \
  X(SB_RELEASE_ACQUIRE, sb_release_acquire)                                                        \
  X(SB_SEQ_CST, sb_seq_cst)                                                                        \
  X(SB_FENCES, sb_fences)                                                                          \
  X(SB_ONE_FENCE_MISSING, sb_one_fence_missing)                                                    \
  X(SB_ACQ_REL_FENCES, sb_acq_rel_fences)                                                          \
  X(MP_RELAXED, mp_relaxed)                                                                        \
  X(MP_RELEASE_ACQUIRE, mp_release_acquire)                                                        \
  X(MP_RELEASE_ACQUIRE_FENCE, mp_release_acquire_fence)                                            \
  X(MP_FENCES, mp_fences)                                                                          \
  X(MP_RELEASE_FENCE_ONLY, mp_release_fence_only)                                                  \
  X(MP_RELEASE_SEQUENCE, mp_release_sequence)                                                      \
  X(MP_RMW_WRONG_ORDER, mp_rmw_wrong_order)                                                        \
  X(CORR, corr)                                                                                    \
  X(CORR_TWO_WRITERS, corr_two_writers)                                                            \
  X(COWR, cowr)                                                                                    \
  X(CORW, corw)                                                                                    \
  X(TWO_PLUS_TWO_W_RELAXED, two_plus_two_w_relaxed)                                                \
  X(TWO_PLUS_TWO_W_SEQ_CST, two_plus_two_w_seq_cst)                                                \
  X(TWO_PLUS_TWO_W_FENCES, two_plus_two_w_fences)                                                  \
  X(IRIW_ACQUIRE, iriw_acquire)                                                                    \
  X(IRIW_SEQ_CST, iriw_seq_cst)                                                                    \
  X(R_FENCES, r_fences)                                                                            \
  X(S_RELEASE_ACQUIRE, s_release_acquire)                                                          \
  X(WRC_RELEASE_ACQUIRE, wrc_release_acquire)                                                      \
  X(WRC_RELAXED, wrc_relaxed)                                                                      \
  X(RMW_ATOMICITY, rmw_atomicity)                                                                  \
  X(SB_ACQ_REL_RMW, sb_acq_rel_rmw)                                                                \
  X(DEKKER_SEQ_CST_RMW, dekker_seq_cst_rmw)                                                        \
  X(SB_SEQ_CST_RMW_RELAXED_LOAD, sb_seq_cst_rmw_relaxed_load)                                      \
  X(SB_SEQ_CST_RMW_FENCE, sb_seq_cst_rmw_fence)                                                    \
  X(SB_SEQ_CST_STORE_RELAXED_LOAD, sb_seq_cst_store_relaxed_load)                                  \
  X(RWC_FENCES, rwc_fences)                                                                        \
  X(IRIW_FENCES, iriw_fences)                                                                      \
  X(LB_RELAXED, lb_relaxed)

#define DECLARE_PROGRAM(code, name) outcome name(void);
PROGRAMS(DECLARE_PROGRAM)

#endif
