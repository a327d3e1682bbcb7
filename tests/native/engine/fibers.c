/* SPDX-License-Identifier: Apache-2.0 */
/* Stacks: what a switch keeps, where a fiber begins, what ends one, and that stacks are apart. */
#include "harness.h"

#include <string.h>

enum { ROUNDS = 1000, STACK_WORDS = 4096 };

static void *host, *other;
static _Alignas(16) uint64_t stack[STACK_WORDS];
static uint64_t turns;

/* Values in registers and on the stack must survive `count` switches. */
static uint64_t mix(uint64_t seed, void **save, void **to, int count)
{
  uint64_t a = seed, b = seed * 3, c = seed * 5, d = seed * 7, e = seed * 11;

  for (int i = 0; i < count; i++) {
    ds_switch(save, *to);
    turns++;
    a += b ^ (uint64_t)i;
    b += c;
    c += d;
    d += e;
    e += a;
  }
  return a ^ b ^ c ^ d ^ e;
}

static uint64_t mixed_alone(uint64_t seed, int count)
{
  uint64_t a = seed, b = seed * 3, c = seed * 5, d = seed * 7, e = seed * 11;

  for (int i = 0; i < count; i++) {
    a += b ^ (uint64_t)i;
    b += c;
    c += d;
    d += e;
    e += a;
  }
  return a ^ b ^ c ^ d ^ e;
}

static uint64_t other_result;

static void other_main(uint64_t seed)
{
  other_result = mix(seed, &other, &host, ROUNDS - 1);
  ds_leave(host);
}

static void a_switch_keeps_what_a_call_keeps(void)
{
  uint64_t *sp = stack + STACK_WORDS - 9;

  memset(sp, 0, 7 * sizeof *sp);
  sp[2] = 99;
  sp[3] = (uint64_t)(uintptr_t)other_main;
  sp[6] = (uint64_t)(uintptr_t)ds_fiber_entry;
  other = sp;
  CHECK(mix(42, &host, &other, ROUNDS) == mixed_alone(42, ROUNDS));
  CHECK(other_result == mixed_alone(99, ROUNDS - 1));
  CHECK(turns == 2 * ROUNDS - 1);
}

/* ------------------------------------------------------------------ fibers of a machine */

static uintptr_t frames[DS_THREAD_MAX];
static uint32_t frame_count;
static uintptr_t misaligned;

static void *note_frame(void *argument)
{
  _Alignas(16) char here[16];
  volatile uintptr_t at = (uintptr_t)here;

  misaligned |= at & 15;
  frames[frame_count++] = at;
  return argument;
}

static void start_many(void)
{
  frame_count = 0; /* it is begun again when narrow clocks do not suffice */
  for (uintptr_t i = 0; i < 40; i++) {
    in_thread(note_frame, NULL);
  }
}

static void stacks_are_apart_and_aligned(ds_machine *m)
{
  misaligned = 0;
  const ds_result r = run(m, start_many, DS_MODEL_SC, 0);

  CHECK(r.outcome == DS_OK);
  CHECK(r.threads == 41);
  CHECK(frame_count == 40);
  CHECK(misaligned == 0);
  for (uint32_t i = 1; i < frame_count; i++) {
    const uintptr_t bottom = (uintptr_t)m->region + (i + 1) * (uintptr_t)STACK_BYTES;
    CHECK(frames[i] > bottom + PAGE_BYTES && frames[i] < bottom + STACK_BYTES);
    CHECK(frames[i] % PAGE_BYTES != frames[i - 1] % PAGE_BYTES); /* coloured */
  }
}

static uint32_t threads_with_clock;

static void *look_at_clock(void *argument)
{
  threads_with_clock += ds_current->model->wider == NULL;
  return argument;
}

static void start_forty(void)
{
  threads_with_clock = 0;
  for (uintptr_t i = 0; i < 40; i++) {
    in_thread(look_at_clock, NULL);
  }
}

static void a_run_that_outgrows_narrow_clocks_begins_again(ds_machine *m)
{
  for (uint32_t model = DS_MODEL_C11; model < DS_MODELS; model++) {
    const ds_result r = run(m, start_forty, model, 0);
    CHECK(r.outcome == DS_OK);
    CHECK(r.threads == 41);
    CHECK(model == DS_MODEL_TSO || threads_with_clock == 40);
    CHECK(m->base_model->wider == NULL);
  }
}

static __attribute__((noinline)) int deep(volatile int n)
{
  volatile char frame[512];

  memset((char *)frame, n, sizeof frame);
  return n ? deep(n - 1) + frame[0] : frame[1];
}

static void too_deep(void)
{
  deep(1000);
}

static void deep_enough(void)
{
  deep(20);
}

static void a_stack_ends_at_its_guard(ds_machine *m)
{
  CHECK(run(m, deep_enough, DS_MODEL_SC, 0).outcome == DS_OK);
  const ds_result r = run(m, too_deep, DS_MODEL_SC, 0);
  CHECK(r.outcome == DS_STACK && r.verdict == DS_FAIL);
  CHECK(run(m, deep_enough, DS_MODEL_SC, 0).outcome == DS_OK);
}

static const uint8_t tls_image[5] = "abcd";

static void *check_tls(void *argument)
{
  struct {
    size_t module, offset;
  } index = {0, 1};
  uint8_t *second = sim_tls_get_addr(&index);

  CHECK((uintptr_t)(second - 1) % 32 == 0);
  CHECK(second[0] == 'b' && second[2] == 'd');
  for (int i = 4; i < 99; i++) {
    CHECK(second[i] == 0);
  }
  memset(second - 1, 0x55, 100);
  return argument;
}

static void check_tls_twice(void)
{
  check_tls(NULL);
  in_thread(check_tls, NULL);
}

static void thread_data_is_fresh_for_each_thread_and_run(ds_machine *m)
{
  m->target.tls_image = tls_image;
  m->target.tls_file_bytes = sizeof tls_image;
  m->target.tls_bytes = 100;
  m->target.tls_align = 32;
  CHECK(run(m, check_tls_twice, DS_MODEL_SC, 0).outcome == DS_OK);
  CHECK(run(m, check_tls_twice, DS_MODEL_SC, 0).outcome == DS_OK);
  m->target.tls_bytes = m->target.tls_file_bytes = 0;
}

static void *exit_early(void *argument)
{
  sim_thread_exit(argument);
}

static void take_values(void)
{
  int value = 3;

  CHECK(in_thread(exit_early, &value) == &value);
  CHECK(in_thread(look_at_clock, &value) == &value);
}

int main(void)
{
  ds_machine *m = machine_create();

  a_switch_keeps_what_a_call_keeps();
  stacks_are_apart_and_aligned(m);
  a_run_that_outgrows_narrow_clocks_begins_again(m);
  a_stack_ends_at_its_guard(m);
  thread_data_is_fresh_for_each_thread_and_run(m);
  CHECK(run(m, take_values, DS_MODEL_C11, 0).outcome == DS_OK);
  ds_machine_destroy(m);
  return failures != 0;
}
