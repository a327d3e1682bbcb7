/* SPDX-License-Identifier: Apache-2.0 */
/* Atomic operations with the memory order as a number. */
#ifndef ORDERS_H
#define ORDERS_H

enum { OBJECTS = 2 };

int orders_load(unsigned object, int order);
void orders_store(unsigned object, int order, int value);
int orders_exchange(unsigned object, int order, int value);
int orders_replace(unsigned object, int order, int value); /* what was read; stores if that was 0 */
void orders_fence(int order);

#endif
