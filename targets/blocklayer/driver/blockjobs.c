/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs of the layer that work on nodes. Their callbacks are the layer's own, wrapped into ours,
 * which keep the books; how a node takes its time for a chunk is drawn from the job's number.
 */
#include "aio_contexts.h"
#include "jobs.h"

#include "aio/main_loop.h"
#include "coroutine/coroutine_int.h"

enum { CHUNKS = 2, CHUNK_DELAY_NS = 1000, LEAST_CHUNK_BYTES = 4, WAYS = 4 };

/* What the layer allocates for a job of ours. */
typedef struct WatchedJob {
  CopyJob common;
  const JobDriver *real;
  unsigned number;
} WatchedJob;

static int coroutine_fn watched_run(Job *job);
static int watched_prepare(Job *job);
static void watched_commit(Job *job);
static void watched_abort(Job *job);
static void watched_clean(Job *job);

static const JobDriver watched = {
    .instance_size = sizeof(WatchedJob),
    .run = watched_run,
    .prepare = watched_prepare,
    .commit = watched_commit,
    .abort = watched_abort,
    .clean = watched_clean,
};

static unsigned number_of(const Job *job)
{
  return ((const WatchedJob *)job)->number;
}

static const JobDriver *real_of(const Job *job)
{
  return ((const WatchedJob *)job)->real;
}

/* ------------------------------------------------------------------ starting */

/* A node to copy to: one of the same context that stands alone, and that nobody uses. */
static unsigned find_target(unsigned source)
{
  for (unsigned i = 1; i < NODES; i++) {
    unsigned node = (source + i) % NODES;
    if (ghost.graph.children[node] == 0 && !ghost.graph.nodes[node]->parents &&
        moves.node_home[node] == moves.node_home[source]) {
      return node;
    }
  }
  return NO_NODE;
}

static bool start(const JobDriver *real, unsigned source, unsigned target, unsigned context)
{
  unsigned where = context_choose(context, NO_CONTEXT);

  ghost_jobs.arriving++;
  blocks.used = true;
  blocks.changing++;
  context_enter(where);
  CopyJob *copy =
      copy_job_create(&watched, NULL, ghost.graph.nodes[source], ghost.graph.nodes[target]);
  ghost_jobs.arriving--;
  unsigned number = job_add(NO_JOB, where);
  GhostJob *self = &ghost_jobs.jobs[number];
  self->copy = copy;
  self->source = (uint8_t)source;
  self->target = (uint8_t)target;
  ((WatchedJob *)copy)->real = real;
  ((WatchedJob *)copy)->number = number;
  copy->granularity = LEAST_CHUNK_BYTES + number % WAYS;
  copy->length = CHUNKS * copy->granularity;
  copy->delay_ns = CHUNK_DELAY_NS;
  job_set_aio_context(&copy->common.job, ghost.contexts[where].ctx);
  blocks.requests++; /* it takes the graph's read lock */
  blocks.sent = true;
  job_begins(number, &copy->common.job);
  context_leave(where);
  blocks.changing--;
  rule_settled();
  return true;
}

bool op_backup(unsigned actor, const ds_operation *op)
{
  unsigned source = op->a % NODES;
  unsigned target = find_target(source);

  if (!may_wait_for_requests(actor) || !job_has_room() || blocks.restructuring ||
      target == NO_NODE) {
    return false;
  }
  ds_note("backup to node%u", target);
  return start(&backup_job_driver, source, target, op->b);
}

/* ------------------------------------------------------------------ working */

static int coroutine_fn watched_run(Job *job)
{
  unsigned number = number_of(job);
  GhostJob *self = &ghost_jobs.jobs[number];

  ds_task_bind_stack(self->task);
  rule_job_works(number);
  self->begun = true;
  ds_task_waits(self->task, "a block job: its requests, a pause, or to be entered", 0, -1);
  int ret = real_of(job)->run(job);
  ds_task_waits(self->task, NULL, 0, -1);
  self->begun = false;
  self->state = ACTOR_ENDED;
  blocks.requests--;
  ds_task_end(self->task);
  return self->fails ? -1 : ret;
}

bool block_jobs_work(void)
{
  for (unsigned i = 0; i < ghost_jobs.created; i++) {
    if (ghost_jobs.jobs[i].copy && ghost_jobs.jobs[i].begun) {
      return true;
    }
  }
  return false;
}

bool block_jobs_busy(void)
{
  for (unsigned i = 0; i < ghost_jobs.created; i++) {
    const GhostJob *self = &ghost_jobs.jobs[i];
    if (self->copy && self->job->busy && self->job->status < JOB_WAITING) {
      return true;
    }
  }
  return false;
}

unsigned job_running(void)
{
  const Coroutine *self = qemu_coroutine_self();
  for (unsigned i = 0; i < ghost_jobs.created; i++) {
    if (ghost_jobs.jobs[i].copy && ghost_jobs.jobs[i].begun && ghost_jobs.jobs[i].job->co == self) {
      return i;
    }
  }
  return NO_JOB;
}

unsigned jobs_on_node(unsigned node)
{
  unsigned edges = 0;
  for (unsigned i = 0; i < ghost_jobs.created; i++) {
    edges += ghost_jobs.jobs[i].copy && ghost_jobs.jobs[i].source == node;
    edges += ghost_jobs.jobs[i].copy && ghost_jobs.jobs[i].target == node;
  }
  return edges;
}

void jobs_have_moved(uint32_t nodes, unsigned context)
{
  for (unsigned i = 0; i < ghost_jobs.created; i++) {
    GhostJob *self = &ghost_jobs.jobs[i];
    bool moved = self->source != NO_NODE && nodes >> self->source & 1;
    moved |= self->target != NO_NODE && nodes >> self->target & 1;
    if (self->copy && moved) {
      self->context = (uint8_t)context;
    }
  }
}

/* ------------------------------------------------------------------ the last callbacks */

static int watched_prepare(Job *job)
{
  job_last_call(number_of(job), JOB_PREPARES);
  aio_poll(qemu_get_aio_context(), false); /* it may */
  return real_of(job)->prepare ? real_of(job)->prepare(job) : 0;
}

static void watched_commit(Job *job)
{
  job_last_call(number_of(job), JOB_COMMITS);
  if (real_of(job)->commit) {
    real_of(job)->commit(job);
  }
}

static void watched_abort(Job *job)
{
  job_last_call(number_of(job), JOB_ABORTS);
  if (real_of(job)->abort) {
    real_of(job)->abort(job);
  }
}

static void watched_clean(Job *job)
{
  GhostJob *self = &ghost_jobs.jobs[number_of(job)];

  job_last_call(number_of(job), JOB_CLEANS);
  blocks.changing++;
  real_of(job)->clean(job);
  self->source = NO_NODE;
  self->target = NO_NODE;
  blocks.changing--;
  rule_settled();
}
