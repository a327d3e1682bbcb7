/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transaction: changes of several objects that happen all or not at all. Each is prepared, which
 * may fail, and adds what is to be done in either case; in the end all are committed, or all
 * undone.
 */
#ifndef BLOCK_TRANSACTION_H
#define BLOCK_TRANSACTION_H

typedef struct Transaction Transaction;

/* What becomes of one prepared change. Callbacks may be NULL, must not fail, and may not poll. */
typedef struct TransactionActionDrv {
  void (*abort)(void *opaque);
  void (*commit)(void *opaque);
  void (*clean)(void *opaque); /* after either */
} TransactionActionDrv;

/* An empty transaction, the caller's until tran_commit() or tran_abort(). */
Transaction *tran_new(void);

/* One more change, which has been prepared. `drv` stays; `opaque` until clean() has returned. */
void tran_add(Transaction *tran, const TransactionActionDrv *drv, void *opaque);

/* Carry out, in the order in which they were added; undo, in the reverse order. Then clean, and
 * free the transaction. */
void tran_commit(Transaction *tran);
void tran_abort(Transaction *tran);

/* `ret` < 0: abort, else commit. */
void tran_finalize(Transaction *tran, int ret);

#endif
