/* SPDX-License-Identifier: Apache-2.0 */
/* The judges of the group "blocks", from ghost sections, ghost edges and the target's fields. */
#include "aio_contexts.h"
#include "disks.h"
#include "jobs.h"

static unsigned in_flight_of(const BlockDriverState *bs)
{
  /* Relaxed, here and below: ghost code, one operation of the machine at a time. */
  return atomic_load_explicit(&bs->in_flight, memory_order_relaxed);
}

static unsigned quiesced_by(const BlockBackend *blk)
{
  return atomic_load_explicit(&blk->quiesce_counter, memory_order_relaxed);
}

/* ------------------------------------------------------------------ R20 quiescence */

/* A coroutine on its way to the main thread, to begin or end a section, is in flight and does
 * nothing. */
static unsigned drainers_on_their_way(unsigned node)
{
  unsigned count = 0;
  for (unsigned i = 0; i < SECTIONS; i++) {
    const GhostSection *section = &blocks.sections[i];
    bool on_its_way = section->state == SECTION_BEGINS || section->state == SECTION_ENDS;
    count += on_its_way && section->kind < OF_ALL && section->node == node;
  }
  return count + jobs_that_drain(node);
}

bool node_is_busy(unsigned node)
{
  return blocks.in_driver[node] > 0 ||
         in_flight_of(ghost.graph.nodes[node]) > drainers_on_their_way(node);
}

void rule_section_is_quiet(void)
{
  for (unsigned i = 0; i < ALL_NODES; i++) {
    if (ghost.graph.nodes[i] && node_is_busy(i)) {
      DS_CHECK(!covered(i), "R20", "busy-in-section",
               "the section has begun, but node%u has %u requests in flight", i,
               in_flight_of(ghost.graph.nodes[i]));
    }
  }
}

/* Nothing else would show it if no request is about. */
void rule_writer_is_drained(void)
{
  for (unsigned i = 0; i < ALL_NODES; i++) {
    const BlockDriverState *bs = ghost.graph.nodes[i];
    DS_CHECK(!bs || bs->quiesce_counter > 0, "R20", "section-has-gone",
             "a drained write lock was given, but node%u is not quiesced", i);
  }
}

void rule_request_reaches(unsigned node)
{
  unsigned job = job_running();
  if (job != NO_JOB) {
    rule_job_works(job);
  }
  DS_CHECK(!covered(node), "R20", "request-in-section",
           "a request is in node%u, which is in a drained section", node);
}

void rule_callback(unsigned blk)
{
  unsigned root = blocks.blks[blk].root;
  bool inside = root != NO_NODE && !blocks.blks[blk].in_change && covered(root);
  DS_CHECK(!inside, "R20", "callback-in-section",
           "a request of blk%u calls back, but its node%u is in a drained section", blk, root);
}

/* ------------------------------------------------------------------ R26 a writer gets in */

void rule_writer_goes_first(bool overtaken)
{
  DS_CHECK(
      !overtaken, "R26", "request-overtakes-writer",
      "a request that began while a writer slept has been to its node; the writer still waits");
}

/* ------------------------------------------------------------------ R29 flushes */

void rule_flushed(unsigned node, unsigned written)
{
  DS_CHECK((int8_t)(blocks.flushed[node] - written) >= 0, "R29", "write-not-flushed",
           "a flush is over that began after %u writes to node%u; its driver has flushed %u",
           written, node, blocks.flushed[node]);
}

/* ------------------------------------------------------------------ R21 sections */

/* Ways down that sections of subtrees have come to `node`. */
static unsigned subtree_sections(unsigned node)
{
  unsigned count = 0;
  for (unsigned i = 0; i < SECTIONS; i++) {
    const GhostSection *section = &blocks.sections[i];
    count += section->state != SECTION_NONE && section->kind == OF_SUBTREE && section->node == node;
  }
  for (unsigned parent = 0; parent < ALL_NODES; parent++) {
    if (ghost.graph.children[parent] >> node & 1) {
      count += subtree_sections(parent);
    }
  }
  return count;
}

/* All others: its own, those of all nodes, and what its children demand. */
static unsigned plain_sections(unsigned node)
{
  unsigned count = 0;
  for (unsigned i = 0; i < SECTIONS; i++) {
    const GhostSection *section = &blocks.sections[i];
    bool own = section->kind >= OF_ALL || (section->kind == OF_NODE && section->node == node);
    count += section->state != SECTION_NONE && own;
  }
  for (unsigned child = 0; child < ALL_NODES; child++) {
    if (ghost.graph.children[node] >> child & 1) {
      count += subtree_sections(child) - subtree_sections(node) + (plain_sections(child) > 0);
    }
  }
  return count;
}

unsigned demanded_by(unsigned node)
{
  return node == NO_NODE ? 0 : subtree_sections(node) + (plain_sections(node) > 0);
}

static void judge_node(unsigned node)
{
  const BlockDriverState *bs = ghost.graph.nodes[node];
  unsigned subtree = subtree_sections(node);
  unsigned expected = plain_sections(node) + subtree;

  DS_CHECK(bs->quiesce_counter == expected && bs->recursive_quiesce_counter == subtree, "R21",
           "sections-of-node",
           "node%u counts %u sections, %u of them of subtrees; it should be %u and %u", node,
           bs->quiesce_counter, bs->recursive_quiesce_counter, expected, subtree);
  DS_CHECK(blocks.told[node] == (expected > 0), "R22", "driver-knows",
           "the driver of node%u was %s that it is quiesced", node,
           expected > 0 ? "not told" : "never told the end of it");
}

static void judge_backend(unsigned index)
{
  const GhostBlk *blk = &blocks.blks[index];
  unsigned expected = demanded_by(blk->root);

  DS_CHECK(quiesced_by(blk->blk) == expected, "R21", "sections-of-backend",
           "blk%u counts %u sections instead of %u", index, quiesced_by(blk->blk), expected);
}

static unsigned sections_of_all(void)
{
  unsigned count = 0;
  for (unsigned i = 0; i < SECTIONS; i++) {
    count += blocks.sections[i].state != SECTION_NONE && blocks.sections[i].kind >= OF_ALL;
  }
  return count;
}

static void judge_sections(void)
{
  for (unsigned i = 0; i < ALL_NODES; i++) {
    if (ghost.graph.nodes[i]) {
      judge_node(i);
    }
  }
  disks_judge(sections_of_all());
  for (unsigned i = 0; i < BLKS; i++) {
    if (blocks.blks[i].blk) {
      judge_backend(i);
    }
  }
}

/* ------------------------------------------------------------------ R22 callbacks */

void rule_driver_told(unsigned node, bool quiesced)
{
  DS_CHECK(blocks.told[node] != quiesced, "R22", "driver-told-twice",
           "the driver of node%u is told twice that it %s quiesced", node,
           quiesced ? "is" : "is no longer");
  blocks.told[node] = quiesced;
}

/* The last thing that it is told takes the node out of our picture. */
void rule_driver_told_all(unsigned node)
{
  DS_CHECK(!ghost.graph.nodes[node], "R22", "driver-knows",
           "node%u is deleted, and its driver was never told the end of its sections", node);
}

/* ------------------------------------------------------------------ R24 the tree */

static unsigned number_of(const BlockDriverState *bs)
{
  unsigned i = 0;
  while (i < ALL_NODES && ghost.graph.nodes[i] != bs) {
    i++;
  }
  return i;
}

/* `users`: of each node, those that were met so far; the last one: of unknown nodes. */
static void judge_roots(uint8_t users[ALL_NODES + 1])
{
  for (unsigned i = 0; i < BLKS; i++) {
    const GhostBlk *blk = &blocks.blks[i];
    if (blk->blk) {
      const BdrvChild *root = blk->blk->root;
      unsigned node = root ? number_of(root->bs) : NO_NODE;
      DS_CHECK(node == blk->root, "R24", "tree", "blk%u uses node%u instead of node%u", i, node,
               blk->root);
      users[node] += node != NO_NODE;
    }
  }
}

static void judge_children(uint8_t users[ALL_NODES + 1])
{
  for (unsigned i = 0; i < ALL_NODES; i++) {
    uint16_t children = 0;
    const BlockDriverState *bs = ghost.graph.nodes[i];
    for (const BdrvChild *edge = bs ? bs->children : NULL; edge; edge = edge->next_sibling) {
      unsigned child = number_of(edge->bs);
      children |= (uint16_t)(1u << child);
      users[child]++;
    }
    DS_CHECK(children == ghost.graph.children[i], "R24", "tree",
             "node%u has the children %#x instead of %#x", i, children, ghost.graph.children[i]);
  }
}

static void judge_tree(void)
{
  uint8_t users[ALL_NODES + 1] = {0};

  judge_roots(users);
  judge_children(users);
  for (unsigned i = 0; i < ALL_NODES; i++) {
    if (!ghost.graph.nodes[i]) {
      continue;
    }
    unsigned references = ghost.graph.nodes[i]->refcnt;
    unsigned expected = 1u + users[i] + jobs_on_node(i);
    DS_CHECK(references == expected, "R24", "references", "node%u has %u references instead of %u",
             i, references, expected);
  }
}

/* ------------------------------------------------------------------ R48 permissions */

bool blk_conflicts(unsigned blk, unsigned perm, unsigned unshared)
{
  const GhostBlk *self = &blocks.blks[blk];

  for (unsigned i = 0; i < BLKS; i++) {
    const GhostBlk *other = &blocks.blks[i];
    bool beside = i != blk && other->blk && other->root == self->root && self->root != NO_NODE;
    if (beside && (perm & other->unshared || other->perm & unshared)) {
      return true;
    }
  }
  return false;
}

static void judge_permissions(void)
{
  for (unsigned i = 0; i < BLKS; i++) {
    const GhostBlk *self = &blocks.blks[i];
    if (self->blk && self->root != NO_NODE) {
      const BdrvChild *edge = self->blk->root;
      bool as_granted = edge->perm == self->perm &&
                        edge->shared_perm == (uint64_t)(BLK_PERM_ALL & ~self->unshared);
      DS_CHECK(as_granted && !blk_conflicts(i, self->perm, self->unshared), "R48", "permissions",
               "blk%u does not have what it was granted, or another user does not let it", i);
    }
  }
}

void rule_settled(void)
{
  if (!blocks.used || blocks.changing > 0 || any_job_drains() || ghost.lock.wrlock_depth > 0 ||
      ghost.lock.writer != NO_WRITER) {
    return;
  }
  judge_tree();
  judge_sections();
  judge_permissions();
  rule_pause_counts();
  rule_homes();
}

/* ------------------------------------------------------------------ R23 the end of waiting */

static bool anything_in_flight(void)
{
  bool any = false;
  for (unsigned i = 0; i < ALL_NODES; i++) {
    any |= ghost.graph.nodes[i] && in_flight_of(ghost.graph.nodes[i]) > 0;
  }
  for (unsigned i = 0; i < BLKS; i++) {
    const BlockBackend *blk = blocks.blks[i].blk;
    any |= blk && atomic_load_explicit(&blk->in_flight, memory_order_relaxed) > 0;
  }
  return any || block_jobs_busy() || disks_in_flight();
}

void rule_drain_ends(void)
{
  for (unsigned i = 0; i < BLKS; i++) {
    const BlockBackend *blk = blocks.blks[i].blk;
    bool forgotten = blk && !quiesced_by(blk) && blk->queued_requests.waiters.head;
    DS_CHECK(!forgotten, "R23", "request-left-queued",
             "a request is still queued at blk%u, which is not quiesced", i);
  }
  if (blocks.draining == 0 || !ds_thread_in_poll(MAIN_THREAD)) {
    return;
  }
  DS_CHECK(anything_in_flight(), "R23", "drain-asleep",
           "a drain sleeps, but nothing is in flight and nobody will wake it");
  ds_fail("R23", "drain-stuck", "a drain waits for requests that cannot go on");
}
