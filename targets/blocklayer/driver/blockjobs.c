/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs of the layer that work on nodes. Their callbacks are the layer's own, wrapped into ours,
 * which keep the books; how a node takes its time for a chunk is drawn from the job's number.
 */
#include "aio_contexts.h"
#include "jobs.h"

#include "aio/main_loop.h"
#include "coroutine/coroutine_int.h"

#include <errno.h>

enum { CHUNKS = 2, CHUNK_DELAY_NS = 1000, LEAST_CHUNK_BYTES = 4, WAYS = 4 };

/* What the layer allocates for a job of ours. */
typedef struct WatchedJob {
  MirrorJob common;
  const BlockJobDriver *real;
  unsigned number;
} WatchedJob;

static int coroutine_fn watched_run(Job *job);
static int watched_prepare(Job *job);
static void watched_commit(Job *job);
static void watched_abort(Job *job);
static void watched_clean(Job *job);
static bool watched_drained_poll(BlockJob *job);

static const BlockJobDriver watched = {
    .job_driver =
        {
            .instance_size = sizeof(WatchedJob),
            .run = watched_run,
            .prepare = watched_prepare,
            .commit = watched_commit,
            .abort = watched_abort,
            .clean = watched_clean,
        },
    .drained_poll = watched_drained_poll,
};

static unsigned number_of(const Job *job)
{
  return ((const WatchedJob *)job)->number;
}

static const JobDriver *real_of(const Job *job)
{
  return &((const WatchedJob *)job)->real->job_driver;
}

/* ------------------------------------------------------------------ starting */

/* A node to copy to: one that stands alone, and that nobody uses. */
static unsigned find_target(unsigned source)
{
  for (unsigned i = 1; i < NODES; i++) {
    unsigned node = (source + i) % NODES;
    if (ghost.graph.children[node] == 0 && !ghost.graph.nodes[node]->parents) {
      return node;
    }
  }
  return NO_NODE;
}

/* The end of the chain that begins with the node's first child: itself if it has none. */
static unsigned find_base(unsigned top)
{
  while (ghost.graph.children[top]) {
    top = (unsigned)__builtin_ctz(ghost.graph.children[top]);
  }
  return top;
}

/* Bring the nodes together, in the context of that name if possible; are they? */
static bool move_nodes(unsigned actor, unsigned source, unsigned target, unsigned context)
{
  if (context != moves.node_home[source]) {
    op_set_context(actor, &(ds_operation){.a = (uint8_t)source, .b = (uint8_t)context});
  }
  unsigned home = moves.node_home[source];
  if (home != moves.node_home[target]) {
    op_set_context(actor, &(ds_operation){.a = (uint8_t)target, .b = (uint8_t)home});
  }
  return moves.node_home[source] == moves.node_home[target];
}

/* With books for one more, and the job's instance. Nobody takes the nodes apart meanwhile. */
static GhostJob *create(const BlockJobDriver *real, unsigned source, unsigned target)
{
  unsigned where = moves.node_home[source];

  ghost_jobs.arriving++;
  blocks.restructuring = true;
  context_enter(where);
  CopyJob *copy =
      copy_job_create(&watched, NULL, ghost.graph.nodes[source], ghost.graph.nodes[target]);
  context_leave(where);
  blocks.restructuring = false;
  ghost_jobs.arriving--;
  unsigned number = job_add(NO_JOB, where);
  GhostJob *self = &ghost_jobs.jobs[number];
  self->job = &copy->common.job;
  self->copy = copy;
  self->mirror = real == &mirror_job_driver ? (MirrorJob *)copy : NULL;
  self->source = (uint8_t)source;
  self->target = (uint8_t)target;
  ((WatchedJob *)copy)->real = real;
  ((WatchedJob *)copy)->number = number;
  copy->granularity = LEAST_CHUNK_BYTES + number % WAYS;
  copy->length = CHUNKS * copy->granularity;
  copy->delay_ns = self->mirror ? 0 : CHUNK_DELAY_NS; /* the end of a mirror is what matters */
  return self;
}

/* `context` is where the job shall be, and its nodes: NO_CONTEXT for where they are. */
static bool start(const BlockJobDriver *real, unsigned source, unsigned target, unsigned where)
{
  blocks.used = true;
  blocks.changing++;
  GhostJob *self = create(real, source, target);
  unsigned context = where == NO_CONTEXT ? self->context : where;
  context_enter(context);
  if (context != self->context) {
    self->context = (uint8_t)context;
    job_set_aio_context(self->job, ghost.contexts[context].ctx);
  }
  blocks.requests++; /* it takes the graph's read lock */
  blocks.sent = true;
  job_begins((unsigned)(self - ghost_jobs.jobs), self->job);
  context_leave(context);
  blocks.changing--;
  rule_settled();
  return true;
}

static bool may_start(unsigned actor)
{
  return may_wait_for_requests(actor) && job_has_room() && !blocks.restructuring;
}

/* The job may be in another context than its nodes. */
bool op_backup(unsigned actor, const ds_operation *op)
{
  unsigned source = op->a % NODES;
  unsigned target = find_target(source);

  if (!may_start(actor) || target == NO_NODE ||
      moves.node_home[source] != moves.node_home[target]) {
    return false;
  }
  ds_note("backup to node%u", target);
  return start(&backup_job_driver, source, target, context_choose(op->b, NO_CONTEXT));
}

/* All that are connected are in one context: they would wait for each other's drains otherwise. */
bool op_mirror(unsigned actor, const ds_operation *op)
{
  unsigned source = op->a % NODES;
  unsigned target = find_target(source);

  if (!may_start(actor) || target == NO_NODE ||
      !move_nodes(actor, source, target, context_choose(op->b, NO_CONTEXT)) || !may_start(actor)) {
    return false;
  }
  ds_note("mirror to node%u", target);
  return start(&mirror_job_driver, source, target, NO_CONTEXT);
}

bool op_commit(unsigned actor, const ds_operation *op)
{
  unsigned top = op->a % NODES;
  unsigned base = find_base(top);

  if (!may_start(actor) || top == base) {
    return false;
  }
  ds_note("commit into node%u", base);
  return start(&commit_job_driver, top, base, context_choose(op->b, NO_CONTEXT));
}

bool op_stream(unsigned actor, const ds_operation *op)
{
  unsigned top = op->a % NODES;
  unsigned base = find_base(top);

  if (!may_start(actor) || top == base) {
    return false;
  }
  ds_note("stream from node%u", base);
  return start(&stream_job_driver, base, top, context_choose(op->b, NO_CONTEXT));
}

/* ------------------------------------------------------------------ working */

static bool drains(const GhostJob *job)
{
  return job->mirror && atomic_load_explicit(&job->mirror->in_drain, memory_order_relaxed);
}

_Static_assert(SECTIONS - ACTORS_SECTIONS == JOBS, "one for each job");

static GhostSection *own_section(const GhostJob *job)
{
  return &blocks.sections[ACTORS_SECTIONS + (job - ghost_jobs.jobs)];
}

/* It has come back from the begin of its own section. */
static void job_has_drained(const GhostJob *self)
{
  GhostSection *section = own_section(self);

  if (drains(self)) {
    *section = (GhostSection){
        .state = SECTION_INSIDE, .kind = OF_NODE, .node = self->source, .actor = NO_ACTOR};
    rule_jobs_pause_in(section, self->job->aio_context);
    rule_section_is_quiet();
  }
}

bool any_job_drains(void)
{
  for (unsigned i = 0; i < ghost_jobs.created; i++) {
    if (ghost_jobs.jobs[i].begun && drains(&ghost_jobs.jobs[i])) {
      return true;
    }
  }
  return false;
}

unsigned jobs_that_drain(unsigned node)
{
  unsigned count = 0;
  for (unsigned i = 0; i < ghost_jobs.created; i++) {
    const GhostJob *self = &ghost_jobs.jobs[i];
    count += self->begun && self->source == node && drains(self);
  }
  return count;
}

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
  job_has_drained(self);
  self->begun = false;
  self->state = ACTOR_ENDED;
  blocks.requests--;
  ds_task_end(self->task);
  return self->fails ? -EIO : ret;
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

/* Somebody else is changing edges below us on the stack, or looks at them. */
static bool edges_are_in_use(void)
{
  bool any = blocks.restructuring;
  for (unsigned i = 0; i < BLKS; i++) {
    any |= blocks.blks[i].in_change;
  }
  return any;
}

/* The child of `top` that leads to `base`, NO_NODE if none does. If several do, the one that the
 * layer comes to first. */
static unsigned child_towards(unsigned top, unsigned base)
{
  for (const BdrvChild *edge = ghost.graph.nodes[top]->children; edge; edge = edge->next_sibling) {
    unsigned child = node_of(edge->bs);
    if (nodes_below(child) >> base & 1) {
      return child;
    }
  }
  return NO_NODE;
}

static int watched_prepare(Job *job)
{
  const GhostJob *self = &ghost_jobs.jobs[number_of(job)];

  job_last_call(number_of(job), JOB_PREPARES);
  aio_poll(qemu_get_aio_context(), false); /* it may */
  if (!real_of(job)->prepare) {
    return 0;
  }
  if (edges_are_in_use()) {
    return -EBUSY;
  }
  restructure_begin();
  unsigned middle = child_towards(self->target, self->source); /* now: nobody has polled */
  int ret = real_of(job)->prepare(job);
  if (ret == 0 && real_of(job) == &commit_job_driver.job_driver) {
    move_ghost_parents(self->source, self->target);
  } else if (ret == 0 && middle != self->source && middle != NO_NODE) {
    move_ghost_edge(self->target, middle, self->source);
  }
  restructure_end();
  return ret;
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
  *own_section(self) = (GhostSection){0};
  real_of(job)->clean(job);
  self->source = NO_NODE;
  self->target = NO_NODE;
  blocks.changing--;
  rule_settled();
}

static bool watched_drained_poll(BlockJob *job)
{
  const BlockJobDriver *real = ((const WatchedJob *)job)->real;
  return !real->drained_poll || real->drained_poll(job);
}
