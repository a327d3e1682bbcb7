/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program may ask of jobs, those of worker_jobs.c and of blockjobs.c. Nobody can hang: what
 * the program has paused is resumed or cancelled before somebody waits for its end.
 */
#include "jobs.h"

#include "callers.h"
#include "coroutine/coroutine_int.h"
#include "job/job_int.h"

GhostJobs ghost_jobs;

/* The operand if it names a job that has not ended, else the next one; NO_JOB if there is none, or
 * if nobody may poll now. */
static unsigned job_choose(unsigned operand)
{
  uint32_t usable = 0;
  if (!may_poll()) {
    return NO_JOB;
  }
  for (unsigned i = 0; i < ghost_jobs.created; i++) {
    usable |= (uint32_t)(ghost_jobs.jobs[i].job->status < JOB_WAITING) << i;
  }
  unsigned chosen = choose(operand, usable, NO_JOB);
  if (chosen != NO_JOB && chosen != operand) {
    ds_note("job%u", chosen);
  }
  return chosen;
}

/* Where its coroutine is now, or shall go. A block job that has ended its work still belongs to its
 * context, until it has let go of its nodes. */
bool jobs_live_in(unsigned context)
{
  const AioContext *ctx = ghost.contexts[context].ctx;
  for (unsigned i = 0; i < ghost_jobs.created; i++) {
    const GhostJob *job = &ghost_jobs.jobs[i];
    bool works = job->state == ACTOR_STARTED;
    bool belongs = works || (job->copy && !job->cleaned);
    if ((works && job->job->co->ctx == ctx) ||
        (belongs && (job->context == context || job->job->aio_context == ctx))) {
      return true;
    }
  }
  return false;
}

/* ------------------------------------------------------------------ starting */

bool job_has_room(void)
{
  return ghost_jobs.created + ghost_jobs.arriving < JOBS;
}

unsigned job_add(unsigned leader, unsigned context)
{
  unsigned number = ghost_jobs.created++;
  GhostJob *self = &ghost_jobs.jobs[number];

  self->leader = (uint8_t)(leader == NO_JOB ? number : leader);
  self->context = (uint8_t)context;
  self->state = ACTOR_STARTED;
  self->task = (uint16_t)ds_task_create("job", number);
  self->source = NO_NODE;
  self->target = NO_NODE;
  return number;
}

void job_begins(unsigned number, Job *job)
{
  ghost_jobs.jobs[number].job = job;
  ds_name(&job->busy, sizeof(bool), "job%u.busy", number);
  job_start(job);
}

static bool start(unsigned leader, unsigned context)
{
  unsigned where = context_choose(context, NO_CONTEXT);

  if (!job_has_room()) {
    return false;
  }
  unsigned number = job_add(leader, where);
  context_enter(where);
  JobTxn *txn = leader == NO_JOB ? NULL : ghost_jobs.jobs[leader].job->txn;
  job_begins(number, worker_job_new(number, txn, ghost.contexts[where].ctx));
  context_leave(where);
  return true;
}

bool op_job_start(unsigned actor, const ds_operation *op)
{
  (void)actor;
  return start(NO_JOB, op->a);
}

/* A new job in the transaction of another one, which must be open. */
bool op_job_join(unsigned actor, const ds_operation *op)
{
  unsigned leader = job_choose(op->a);

  (void)actor;
  if (leader == NO_JOB || ghost_jobs.jobs[leader].job->txn->aborting ||
      ghost_jobs.jobs[leader].mirror) {
    return false; /* a mirror keeps its source quiet until it is over: it waits for nobody */
  }
  return start(ghost_jobs.jobs[leader].leader, op->b);
}

/* ------------------------------------------------------------------ pausing */

/* Wait until a job that we keep paused is idle, or gone. */
static void wait_until_idle(unsigned number)
{
  Job *job = ghost_jobs.jobs[number].job;
  uint8_t before = ghost_jobs.awaited;

  ghost_jobs.awaited = (uint8_t)(number + 1);
  if (job->busy) {
    ds_mark(2); /* a job must be waited for */
  }
  caller_wait_job_idle(job);
  ghost_jobs.awaited = before;
}

bool op_job_pause(unsigned actor, const ds_operation *op)
{
  unsigned number = job_choose(op->a);

  (void)actor;
  if (number == NO_JOB || ghost_jobs.jobs[number].waiters) {
    return false;
  }
  GhostJob *self = &ghost_jobs.jobs[number];
  blocks.changing++;
  self->pauses++;
  job_pause(self->job);
  blocks.changing--;
  wait_until_idle(number);
  self->quiet = self->pauses > 0 && !self->cancelled;
  return true;
}

static void resume(GhostJob *self)
{
  blocks.changing++;
  self->pauses--;
  if (self->pauses == 0 && self->keepers == 0) {
    self->quiet = false;
  }
  job_resume(self->job);
  blocks.changing--;
}

bool op_job_resume(unsigned actor, const ds_operation *op)
{
  unsigned number = job_choose(op->a);

  (void)actor;
  if (number == NO_JOB || ghost_jobs.jobs[number].pauses == 0) {
    return false;
  }
  resume(&ghost_jobs.jobs[number]);
  return true;
}

/* Take a job to another context: only while it is idle. */
bool op_job_move(unsigned actor, const ds_operation *op)
{
  unsigned number = job_choose(op->a);

  (void)actor;
  if (number == NO_JOB) {
    return false;
  }
  GhostJob *self = &ghost_jobs.jobs[number];
  unsigned where = context_choose(op->b, self->context);
  if (where == NO_CONTEXT || self->keepers || self->mirror) {
    return false; /* who drains for himself stays with his nodes */
  }
  blocks.changing++;
  self->keepers++;
  context_enter(where);
  job_pause(self->job);
  blocks.changing--;
  wait_until_idle(number);
  if (self->job->paused && !self->job->busy && !self->cancelled) {
    blocks.changing++;
    self->context = (uint8_t)where;
    job_set_aio_context(self->job, ghost.contexts[where].ctx);
    blocks.changing--;
  }
  blocks.changing++;
  self->keepers--;
  self->quiet = self->quiet && self->pauses > 0;
  job_resume(self->job);
  context_leave(where);
  blocks.changing--;
  return true;
}

/* ------------------------------------------------------------------ ending */

bool op_job_cancel(unsigned actor, const ds_operation *op)
{
  unsigned number = job_choose(op->a);

  (void)actor;
  if (number == NO_JOB) {
    return false;
  }
  GhostJob *self = &ghost_jobs.jobs[number];
  self->cancelled = true;
  self->quiet = false;
  job_cancel(self->job);
  return true;
}

static void finish(unsigned number, int (*end)(Job *job))
{
  GhostJob *self = &ghost_jobs.jobs[number];
  uint8_t before = ghost_jobs.awaited;

  while (self->pauses > 0) {
    resume(self);
  }
  ghost_jobs.awaited = (uint8_t)(number + 1);
  self->waiters++;
  if (self->job->status < JOB_WAITING) {
    ds_mark(2);
  }
  end(self->job);
  self->waiters--;
  ghost_jobs.awaited = before;
}

/* Not while somebody further out keeps it paused: an operation, or for a block job a section. */
static unsigned job_to_end(unsigned actor, const ds_operation *op)
{
  unsigned number = job_choose(op->a);

  if (number == NO_JOB || ghost_jobs.jobs[number].keepers) {
    return NO_JOB;
  }
  bool keeps = actor != ACTOR_MAIN_FIRST || holds_section(actor);
  return ghost_jobs.jobs[number].copy && keeps ? NO_JOB : number;
}

bool op_job_finish(unsigned actor, const ds_operation *op)
{
  unsigned number = job_to_end(actor, op);

  if (number == NO_JOB) {
    return false;
  }
  finish(number, job_finish_sync);
  return true;
}

bool op_job_cancel_sync(unsigned actor, const ds_operation *op)
{
  unsigned number = job_to_end(actor, op);

  if (number == NO_JOB) {
    return false;
  }
  ghost_jobs.jobs[number].cancelled = true;
  ghost_jobs.jobs[number].quiet = false;
  finish(number, job_cancel_sync);
  return true;
}

/* One that is cancelled before it has begun. */
bool op_job_drop(unsigned actor, const ds_operation *op)
{
  unsigned where = context_choose(op->a, NO_CONTEXT);

  (void)actor;
  if (!job_has_room() || !may_poll()) {
    return false;
  }
  unsigned number = job_add(NO_JOB, where);
  GhostJob *self = &ghost_jobs.jobs[number];
  self->state = ACTOR_ENDED;
  self->cancelled = true;
  ds_task_end(self->task);
  self->job = worker_job_new(number, NULL, ghost.contexts[where].ctx);
  job_cancel(self->job);
  rule_job_ends(number, self->aborted && self->cleaned && !self->prepared, "the end");
  return true;
}

/* Enter it for no reason: it must look for itself whether there is one. */
bool op_job_enter(unsigned actor, const ds_operation *op)
{
  unsigned number = job_choose(op->a);

  (void)actor;
  if (number == NO_JOB) {
    return false;
  }
  job_enter(ghost_jobs.jobs[number].job);
  return true;
}

bool op_job_fail(unsigned actor, const ds_operation *op)
{
  unsigned number = job_choose(op->a);

  (void)actor;
  if (number == NO_JOB || ghost_jobs.jobs[number].state == ACTOR_ENDED) {
    return false;
  }
  ghost_jobs.jobs[number].fails = true;
  return true;
}

void jobs_close(void)
{
  for (unsigned i = 0; i < ghost_jobs.created; i++) {
    finish(i, job_finish_sync);
  }
  /* A transaction that aborts may still have something to say. */
  for (unsigned i = 0; i < ghost_jobs.created; i++) {
    caller_wait_job_concluded(ghost_jobs.jobs[i].job);
    job_unref(ghost_jobs.jobs[i].job);
  }
  rule_jobs_ended();
}

/* ------------------------------------------------------------------ the last callbacks */

void job_last_call(unsigned number, JobCall call)
{
  static const char *const words[] = {"prepare", "commit", "abort", "clean"};
  GhostJob *self = &ghost_jobs.jobs[number];
  bool decided = self->committed || self->aborted;
  bool in_order = !self->cleaned && (call == JOB_CLEANS ? decided : !decided);

  if (call == JOB_PREPARES) {
    in_order &= !self->prepared;
    self->prepared = true;
  } else if (call == JOB_COMMITS) {
    for (unsigned i = 0; i < ghost_jobs.created; i++) {
      const GhostJob *other = &ghost_jobs.jobs[i];
      in_order &= other->leader != self->leader || other->prepared;
    }
  }
  rule_job_ends(number, in_order, words[call]);
  self->committed |= call == JOB_COMMITS;
  self->aborted |= call == JOB_ABORTS;
  self->cleaned |= call == JOB_CLEANS;
}
