/* SPDX-License-Identifier: Apache-2.0 */
/* Behaviours of changes that move edges between drained and undrained nodes. */
#include "nodes.h"

#include "job/blockjob.h"

/* ------------------------------------------------------------------ replace_child/mid-drain */

/* blk -> parent -> old, which new replaces */
typedef struct Exchange {
  TestNode parent, old, new;
  BlockDriverState *parent_bs, *old_bs, *new_bs;
  BlockBackend *blk;
} Exchange;

static void exchange_set_up(Exchange *exchange)
{
  qemu_init_main_loop();
  *exchange = (Exchange){.parent = {.reads_down = true}, .old = {.slow_read = true}};
  exchange->parent_bs = test_node_new(&exchange->parent);
  exchange->old_bs = test_node_new(&exchange->old);
  exchange->new_bs = test_node_new(&exchange->new);
  bdrv_attach_child_unshared(exchange->parent_bs, exchange->old_bs);
  exchange->blk = blk_new(qemu_get_aio_context());
  blk_insert_bs(exchange->blk, exchange->parent_bs);
}

static void exchange_tear_down(Exchange *exchange)
{
  blk_unref(exchange->blk);
  bdrv_unref(exchange->parent_bs);
  bdrv_unref(exchange->old_bs);
  bdrv_unref(exchange->new_bs);
  assert(exchange->parent.closed && exchange->old.closed && exchange->new.closed);
  qemu_cleanup_main_loop();
}

static void drain(TestNode *node, BlockDriverState *bs)
{
  bdrv_drained_begin(bs);
  node->quiet = true;
}

static void undrain(TestNode *node, BlockDriverState *bs)
{
  node->quiet = false;
  bdrv_drained_end(bs);
}

/* A read that began before is over on the old child if that was not drained, else it waits until
 * the new one is not either. */
static void exchange_in_sections(bool old_drained, bool new_drained)
{
  Exchange exchange;
  TestRead read;

  exchange_set_up(&exchange);
  if (old_drained) {
    drain(&exchange.old, exchange.old_bs);
  }
  if (new_drained) {
    drain(&exchange.new, exchange.new_bs);
  }
  assert(exchange.parent_bs->quiesce_counter == old_drained);
  exchange.parent.drain_begins = exchange.parent.drain_ends = 0;
  test_read_begin(&read, exchange.blk);

  assert(bdrv_replace_child_bs(exchange.parent_bs, exchange.old_bs, exchange.new_bs));
  assert(exchange.parent.drain_begins == !old_drained);
  assert(exchange.parent.drain_ends == !new_drained);
  assert(exchange.parent_bs->quiesce_counter == new_drained);
  assert(exchange.parent.drain_count == new_drained);
  assert(exchange.old.reads == !old_drained && exchange.new.reads <= !new_drained);

  if (old_drained) {
    undrain(&exchange.old, exchange.old_bs);
  }
  if (new_drained) {
    assert(test_read_is_over(&read) == !old_drained);
    undrain(&exchange.new, exchange.new_bs);
  }
  AIO_WAIT_WHILE(NULL, !test_read_is_over(&read));
  assert(exchange.old.reads == !old_drained && exchange.new.reads == old_drained);
  exchange_tear_down(&exchange);
}

void replace_drains_the_parent_meanwhile(void)
{
  exchange_in_sections(false, false);
}

void replace_by_a_drained_child_drains_the_parent(void)
{
  exchange_in_sections(false, true);
}

void replace_of_a_drained_child_undrains_the_parent(void)
{
  exchange_in_sections(true, false);
}

void replace_between_drained_children_tells_nobody(void)
{
  exchange_in_sections(true, true);
}

/* ------------------------------------------------------------------ bdrv_drop_intermediate/poll */

static bool job_has_completed;
static unsigned filenames_updated;

static int coroutine_fn short_job_run(Job *job)
{
  job_sleep_ns(job, 1);
  return 0;
}

static void short_job_clean(Job *job)
{
  job_has_completed = true;
  block_job_remove_all_bdrv((BlockJob *)job);
}

static const JobDriver short_job_driver = {
    .instance_size = sizeof(BlockJob),
    .run = short_job_run,
    .clean = short_job_clean,
};

/* The job is above what is being changed, and must not go on, whoever polls. */
static void polling_update_filename(BdrvChild *edge, BlockDriverState *base)
{
  assert(edge->bs == base);
  assert(base->quiesce_counter > 0);
  for (unsigned i = 0; i < 2; i++) {
    aio_poll(qemu_get_aio_context(), false);
    assert(!job_has_completed);
  }
  filenames_updated++;
}

void drop_intermediate_may_poll_while_it_tells_the_parents(void)
{
  TestNode nodes[3] = {0}, user = {0};
  BlockDriverState *chain[3];
  BdrvChildClass polling = child_of_bds;

  qemu_init_main_loop();
  polling.update_filename = polling_update_filename;
  for (unsigned i = 0; i < 3; i++) {
    chain[i] = test_node_new(&nodes[i]);
    if (i > 0) {
      bdrv_attach_child_unshared(chain[i], chain[i - 1]);
    }
  }
  BlockDriverState *user_bs = test_node_new(&user);
  bdrv_attach_child_unshared(user_bs, chain[1]);
  chain[2]->children->klass = &polling;
  user_bs->children->klass = &polling;

  BlockJob *job = block_job_create(&short_job_driver, NULL, user_bs);
  job_start(&job->job);
  assert(!job_has_completed);
  assert(bdrv_drop_intermediate(chain[1], chain[0]));
  assert(filenames_updated == 2);
  AIO_WAIT_WHILE(NULL, !job_has_completed);
  assert(bdrv_is_child(chain[2], chain[0]) && bdrv_is_child(user_bs, chain[0]));
  assert(!chain[1]->parents);

  job_unref(&job->job);
  chain[2]->children->klass = &child_of_bds;
  user_bs->children->klass = &child_of_bds;
  bdrv_unref(user_bs);
  for (unsigned i = 3; i-- > 0;) {
    bdrv_unref(chain[i]);
  }
  qemu_cleanup_main_loop();
}
