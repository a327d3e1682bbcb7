/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drained sections of nodes, subtrees and of everything, begun and ended by main, bottom halves of
 * the main context and coroutines. Who still has one at the end of its script ends it.
 *
 * Who is in a section sends no request himself: it would wait for his own end.
 */
#include "blocks.h"
#include "exports.h"
#include "jobs.h"

#include "caller_memory.h"
#include "coroutine/coroutine_int.h"

enum { SECTIONS_PER_ACTOR = 3 };

GhostBlocks blocks;

static SectionKind kind_of(const ds_operation *op)
{
  switch (op->code) {
  case OP_DRAINED_BEGIN:
  case OP_DRAINED_END:
    return OF_NODE;
  case OP_SUBTREE_BEGIN:
  case OP_SUBTREE_BEGIN_UNLOCKED:
  case OP_SUBTREE_END:
    return OF_SUBTREE;
  default:
    return OF_ALL;
  }
}

static unsigned sections_of(unsigned actor)
{
  unsigned count = 0;
  for (unsigned i = 0; i < SECTIONS; i++) {
    count += blocks.sections[i].state != SECTION_NONE && blocks.sections[i].actor == actor;
  }
  return count;
}

bool holds_section(unsigned actor)
{
  return sections_of(actor) > 0;
}

bool may_wait_for_requests(unsigned actor)
{
  if (is_coroutine(actor)) {
    unsigned number = actor - ACTOR_CO_FIRST;
    return !(ghost.lock.holders >> number & 1) && ghost.coroutines[number].co->locks_held == 0;
  }
  return may_poll();
}

/* What comes into a section is held up, or must take over its count. */
void meet_sections(void)
{
  for (unsigned i = 0; i < SECTIONS; i++) {
    if (blocks.sections[i].state != SECTION_NONE) {
      ds_mark(BLOCKS_MARK);
    }
  }
}

/* Who drains waits for those in flight, and the others must have left no count behind. */
void meet_requests(void)
{
  if (blocks.sent || block_jobs_work()) {
    ds_mark(BLOCKS_MARK);
  }
}

/*
 * Who has a section may use what requests have done in its nodes, and they what he did. Of the main
 * thread only, which also changes edges: it knows of everything that the section covers. Reading is
 * enough: another section may cover the same nodes.
 */
static void inspect(const GhostSection *section)
{
  if (ds_thread_self() != MAIN_THREAD) {
    return;
  }
  for (unsigned node = 0; node < ALL_NODES; node++) {
    bool is_ours = ghost.graph.nodes[node] && section_covers(section, node);
    for (unsigned thread = 0; is_ours && thread < CALLER_THREADS; thread++) {
      if (blocks.workers[node] >> thread & 1) {
        caller_inspects(node, thread);
      }
    }
  }
}

/* Of a coroutine that drains. */
static AioContext *context_of(unsigned actor)
{
  return is_coroutine(actor) ? ghost.contexts[ghost.coroutines[actor - ACTOR_CO_FIRST].home].ctx
                             : NULL;
}

/* Its begin has returned, so from now on it counts. */
static void section_has_begun(GhostSection *section)
{
  blocks.draining--;
  blocks.changing--;
  section->state = SECTION_INSIDE;
  rule_jobs_pause_in(section, context_of(section->actor));
  rule_section_is_quiet();
  rule_clients_are_quiet();
  inspect(section);
}

/* Its end is about to be called: from then on requests may come. */
static void section_will_end(GhostSection *section)
{
  rule_clients_are_quiet();
  inspect(section);
  section->state = SECTION_ENDS;
  blocks.changing++;
}

/* ------------------------------------------------------------------ operations */

static void begin(const GhostSection *section)
{
  BlockDriverState *bs = ghost.graph.nodes[section->node];

  switch ((SectionKind)section->kind) {
  case OF_NODE:
    bdrv_drained_begin(bs);
    return;
  case OF_SUBTREE:
    if (section->unlocked) {
      bdrv_subtree_drained_begin_unlocked(bs);
    } else {
      bdrv_subtree_drained_begin(bs);
    }
    return;
  case OF_ALL:
    bdrv_drain_all_begin();
    return;
  case OF_WRITER:
    return;
  }
}

static void end(const GhostSection *section)
{
  BlockDriverState *bs = ghost.graph.nodes[section->node];

  switch ((SectionKind)section->kind) {
  case OF_NODE:
    bdrv_drained_end(bs);
    return;
  case OF_SUBTREE:
    if (section->unlocked) {
      bdrv_subtree_drained_end_unlocked(bs);
    } else {
      bdrv_subtree_drained_end(bs);
    }
    return;
  case OF_ALL:
    bdrv_drain_all_end();
    return;
  case OF_WRITER:
    return;
  }
}

static GhostSection *free_section(void)
{
  for (unsigned i = 0; i < ACTORS_SECTIONS; i++) {
    if (blocks.sections[i].state == SECTION_NONE) {
      return &blocks.sections[i];
    }
  }
  return NULL;
}

GhostSection *section_add(unsigned actor, SectionKind kind, unsigned node)
{
  GhostSection *section = free_section();

  if (!section || sections_of(actor) == SECTIONS_PER_ACTOR || !may_wait_for_requests(actor)) {
    return NULL;
  }
  *section = (GhostSection){.state = SECTION_BEGINS,
                            .kind = (uint8_t)kind,
                            .node = (uint8_t)node,
                            .actor = (uint8_t)actor};
  return section;
}

bool op_drained_begin(unsigned actor, const ds_operation *op)
{
  GhostSection *section = section_add(actor, kind_of(op), op->a % NODES);

  if (!section) {
    return false;
  }
  section->unlocked = op->code == OP_SUBTREE_BEGIN_UNLOCKED;
  blocks.used = true;
  blocks.changing++;
  blocks.draining++;
  meet_requests();
  actor_waits(actor, "bdrv_drained_begin: requests in flight");
  begin(section);
  actor_waits(actor, NULL);
  section_has_begun(section);
  rule_settled();
  return true;
}

static void end_section(GhostSection *section)
{
  section_will_end(section);
  actor_waits(section->actor, "bdrv_drained_end: the main thread");
  end(section);
  actor_waits(section->actor, NULL);
  blocks.changing--;
  *section = (GhostSection){0};
  rule_settled();
}

/* The actor's newest section of that kind; of that node if there is one. */
bool op_drained_end(unsigned actor, const ds_operation *op)
{
  GhostSection *chosen = NULL;

  if (!may_wait_for_requests(actor)) {
    return false;
  }
  for (unsigned i = 0; i < SECTIONS; i++) {
    GhostSection *section = &blocks.sections[i];
    if (section->state == SECTION_INSIDE && section->actor == actor &&
        section->kind == kind_of(op)) {
      bool better = !chosen || section->node == op->a % NODES;
      chosen = better ? section : chosen;
    }
  }
  if (!chosen) {
    return false;
  }
  end_section(chosen);
  return true;
}

void sections_end_all(unsigned actor)
{
  for (unsigned i = SECTIONS; i-- > 0;) {
    GhostSection *section = &blocks.sections[i];
    if (section->state == SECTION_INSIDE && section->actor == actor && section->kind != OF_WRITER) {
      end_section(section);
    }
  }
}

/* ------------------------------------------------------------------ of a writer */

/* The target begins and ends it in its lock functions. */
static GhostSection *writers_section(unsigned actor)
{
  for (unsigned i = 0; i < SECTIONS; i++) {
    GhostSection *section = &blocks.sections[i];
    if (section->state != SECTION_NONE && section->kind == OF_WRITER && section->actor == actor) {
      return section;
    }
  }
  return NULL;
}

bool writers_section_begins(unsigned actor)
{
  GhostSection *section = free_section();

  if (!section) {
    return false;
  }
  *section = (GhostSection){.state = SECTION_BEGINS, .kind = OF_WRITER, .actor = (uint8_t)actor};
  blocks.used = true;
  blocks.changing++;
  blocks.draining++;
  meet_requests();
  return true;
}

void writers_section_has_begun(unsigned actor)
{
  GhostSection *section = writers_section(actor);

  section_has_begun(section);
  rule_writer_is_drained();
}

void writers_section_ends(unsigned actor)
{
  GhostSection *section = writers_section(actor);
  if (section) {
    section_will_end(section);
  }
}

void writers_section_has_ended(unsigned actor)
{
  GhostSection *section = writers_section(actor);
  if (section) {
    *section = (GhostSection){0};
    blocks.changing--;
  }
}

/* ------------------------------------------------------------------ whom they cover */

/* By the target's own edges: while the driver restructures, ours are late. Ghost code reads them
 * itself, without the lock that the target's functions want. */
static bool is_below(const BlockDriverState *top, const BlockDriverState *bs)
{
  if (top == bs) {
    return true;
  }
  for (const BdrvChild *edge = top ? top->children : NULL; edge; edge = edge->next_sibling) {
    if (is_below(edge->bs, bs)) {
      return true;
    }
  }
  return false;
}

/* Is `bs` above any node of the subtree, or in it? */
static bool is_over_subtree(const BlockDriverState *bs, const BlockDriverState *top)
{
  if (is_below(bs, top)) {
    return true;
  }
  for (const BdrvChild *edge = top ? top->children : NULL; edge; edge = edge->next_sibling) {
    if (is_over_subtree(bs, edge->bs)) {
      return true;
    }
  }
  return false;
}

bool section_covers(const GhostSection *section, unsigned node)
{
  const BlockDriverState *bs = ghost.graph.nodes[node];
  const BlockDriverState *top = ghost.graph.nodes[section->node];

  switch ((SectionKind)section->kind) {
  case OF_NODE:
    return is_below(bs, top);
  case OF_SUBTREE:
    return is_over_subtree(bs, top);
  case OF_ALL:
  case OF_WRITER:
    return true;
  }
  return false;
}

bool covered(unsigned node)
{
  for (unsigned i = 0; i < SECTIONS; i++) {
    const GhostSection *section = &blocks.sections[i];
    if (section->state == SECTION_INSIDE && section_covers(section, node)) {
      return true;
    }
  }
  return false;
}

bool waited_for(unsigned node, SectionKind at_least, bool perhaps)
{
  for (unsigned i = 0; i < SECTIONS; i++) {
    const GhostSection *section = &blocks.sections[i];
    bool is_coming = section->state == SECTION_BEGINS && is_coroutine(section->actor);
    bool counts = section->state == SECTION_INSIDE || (perhaps && is_coming);
    bool is_wanted = section->kind >= at_least && section->kind != OF_WRITER;
    if (counts && is_wanted && section_covers(section, node)) {
      return true;
    }
  }
  return false;
}
