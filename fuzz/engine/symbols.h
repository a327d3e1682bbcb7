/* SPDX-License-Identifier: Apache-2.0 */
/* What a stub may name. */
#ifndef DRAINSTORM_SYMBOLS_H
#define DRAINSTORM_SYMBOLS_H

typedef struct symbol {
  const char *name;
  void *function;
  void *aware; /* instead, for cases with relaxed accesses; NULL = the same */
  void *bare;  /* instead, while no memory model looks at accesses; NULL = the same */
} symbol;
extern const symbol ds_symbols[];

#endif
