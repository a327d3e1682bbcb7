/* SPDX-License-Identifier: Apache-2.0 */
/* What the tools must see, on the stack of a fiber: canary overflow|behind|signed|unknown|leak. */
#include "harness.h"

#include <string.h>

static const char *what;
static volatile int index_out_of_bounds = 4, most = INT32_MAX;
static void *volatile lost;

static __attribute__((noinline)) int overflow(void)
{
  volatile int here[4] = {0, 1, 2, 3}, *volatile first = here;
  return first[index_out_of_bounds];
}

static __attribute__((noinline)) int behind(void)
{
  volatile char *volatile block = malloc(4); /* the host's, not the machine's */
  const int value = block[index_out_of_bounds];
  free((char *)block);
  return value;
}

static __attribute__((noinline)) void unknown(void)
{
  volatile int *block = malloc(sizeof *block);
  if (*block) {
    puts("not 0");
  }
  free((int *)block);
}

static void *fail(void *unused)
{
  if (!strcmp(what, "overflow")) {
    most = overflow();
  } else if (!strcmp(what, "behind")) {
    most = behind();
  } else if (!strcmp(what, "signed")) {
    most = most + 1;
  } else if (!strcmp(what, "unknown")) {
    unknown();
  } else if (!strcmp(what, "leak")) {
    for (int i = 0; i < 8; i++) { /* the last one may still be in a register */
      lost = malloc(10);
    }
    lost = NULL;
  }
  return unused;
}

static void body(void)
{
  in_thread(fail, NULL);
}

int main(int argc, char **argv)
{
  ds_machine *m = machine_create();

  what = argc > 1 ? argv[1] : "";
  CHECK(run(m, body, DS_MODEL_C11, 0).outcome == DS_OK);
  ds_machine_destroy(m);
  return failures != 0;
}
