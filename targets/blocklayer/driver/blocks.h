/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests, drained sections, backends and changes of the graph: the group "blocks". Every node of
 * nodes.c has the driver's own BlockDriver, which watches what reaches it.
 */
#ifndef BLOCKLAYER_BLOCKS_H
#define BLOCKLAYER_BLOCKS_H

#include "ghost.h"

#include "block/block.h"
#include "block/block_backend.h"

#pragma GCC visibility push(hidden)

enum {
  BLKS = 4,
  NO_BLK = BLKS,
  NO_NODE = ALL_NODES,
  ACTORS_SECTIONS = 12,
  SECTIONS = ACTORS_SECTIONS + 4, /* one more for each job, which may drain for itself */
  NO_ACTOR = 255,
  BLK_CHANNEL = 40, /* channels of ds_publish(): the backends */
  BLOCKS_MARK = 6,  /* ds_mark(): requests, sections and changes of the graph met */
};

typedef enum { SECTION_NONE, SECTION_BEGINS, SECTION_INSIDE, SECTION_ENDS } SectionState;
typedef enum { OF_NODE, OF_SUBTREE, OF_ALL, OF_WRITER } SectionKind; /* OF_WRITER: of all too */

/* A drained section of an actor. */
typedef struct GhostSection {
  uint8_t state;
  uint8_t kind;
  uint8_t node; /* meaningless for OF_ALL, OF_WRITER */
  uint8_t actor;
  bool unlocked; /* by the functions for who holds no context's lock */
} GhostSection;

typedef struct GhostBlk {
  BlockBackend *blk; /* created by the first insert, lives until the end */
  uint8_t root;      /* the node inserted, or NO_NODE */
  bool in_change;    /* an insert or remove is in progress */
  bool exported;     /* requests come from an export only */
  uint8_t perm;      /* what it does with its medium */
  uint8_t unshared;  /* and what it lets nobody else do; bits as BLK_PERM_ */
} GhostBlk;

typedef struct GhostBlocks {
  GhostSection sections[SECTIONS];
  GhostBlk blks[BLKS];
  uint8_t in_driver[ALL_NODES]; /* requests that are in the node's driver */
  uint32_t workers[ALL_NODES];  /* threads that had one there; bit i: thread i */
  bool told[ALL_NODES];         /* the driver was told that its node is quiesced */
  uint8_t begun[ALL_NODES];     /* times that it was told so */
  uint8_t writing;              /* calls of blk_co_pwritev() in progress */
  uint8_t written[ALL_NODES];   /* writes that the node's driver has carried out */
  uint8_t settled[ALL_NODES];   /* ... when no write was in progress the last time */
  uint8_t flushed[ALL_NODES];   /* ... when its last flush began that is over */
  uint8_t requests;             /* begun and not over; they take the graph's read lock */
  bool sent;                    /* any request was */
  uint8_t pending;              /* those of them whose callback is to come */
  uint8_t changing;             /* calls in progress that change counters or edges */
  uint8_t draining;             /* calls of the main thread in progress that wait for requests */
  bool restructuring;           /* one of them changes edges, and looks at them before */
  bool used;                    /* some operation of this group was carried out */
  uint16_t writer_slept;        /* GhostLock.writers + 1 when one who waited was last seen asleep */
} GhostBlocks;

extern GhostBlocks blocks;

/* The BlockDriver of every node; its opaque is the node's number + 1. */
extern const BlockDriver watching_driver;

/* sections.c */
GhostOperation op_drained_begin, op_drained_end;
/* One that begins; NULL: the actor may not, or has too many. */
GhostSection *section_add(unsigned actor, SectionKind kind, unsigned node);
void sections_end_all(unsigned actor);
bool holds_section(unsigned actor);
bool section_covers(const GhostSection *section, unsigned node);
bool covered(unsigned node); /* by a section whose begin has returned */
/* By one that has waited until nothing was in flight, so not a writer's; `perhaps`: or that may
 * have, because its begin goes on in the main thread, and the coroutine that called it does not
 * know. */
bool waited_for(unsigned node, SectionKind at_least, bool perhaps);
bool may_wait_for_requests(unsigned actor);  /* or would somebody wait for himself? */
void meet_sections(void);                    /* the run counts if somebody has one */
void meet_requests(void);                    /* the run counts if one was sent */
bool writers_section_begins(unsigned actor); /* of bdrv_graph_wrlock_drained(); false: too many */
void writers_section_has_begun(unsigned actor);
void writers_section_ends(unsigned actor); /* nothing if this writer has none; so the next */
void writers_section_has_ended(unsigned actor);

/* drains.c */
GhostOperation op_drain, op_blk_drain, op_ask_users;

/* requests.c */
unsigned node_of(const BlockDriverState *bs);
GhostOperation op_read, op_write, op_aio_request, op_read_on, op_flush;

/* backends.c */
GhostOperation op_insert, op_remove, op_blk_io, op_set_perm;
unsigned blk_for_export(unsigned operand);      /* one without a medium, or NO_BLK */
bool blk_insert(unsigned index, unsigned node); /* false: refused */
unsigned blk_choose(unsigned operand);          /* one with a medium, or NO_BLK */
void blks_close(void);

/* created_nodes.c */
GhostOperation op_create_node, op_delete_node;
GhostOperation op_attach_above, op_attach_below, op_detach_node; /* under the write lock */
GhostOperation op_add_above, op_add_below, op_append_node, op_swap_in, op_take_out;
void created_node_closes(BlockDriverState *bs); /* its driver is told so */
void created_node_undrained(unsigned node);     /* the same; the last thing that it is told */
void created_nodes_close(void);

/* restructure.c */
GhostOperation op_replace, op_append, op_drop;
bool may_restructure(unsigned actor);
bool replace_first_child(unsigned actor, unsigned parent, unsigned to);
bool append(unsigned actor, unsigned filter, unsigned top); /* the filter stands alone */
bool drop(unsigned actor, unsigned top, unsigned base);     /* its users use the base, below it */
void restructure_begin(void); /* edges change from here to the end; nothing else does that */
void restructure_end(void);
void move_ghost_edge(unsigned parent, unsigned from, unsigned to);
void move_ghost_parents(unsigned from, unsigned to); /* as bdrv_replace_node() */
bool quiet_enough_to_attach(unsigned parent, unsigned child);

/* rules_blocks.c */
void rule_section_is_quiet(void);                    /* the begin of one has returned */
void rule_request_reaches(unsigned node);            /* its driver */
void rule_callback(unsigned blk);                    /* of a request of this backend */
void rule_writer_goes_first(bool overtaken);         /* by a request that has been to its node */
void rule_flushed(unsigned node, unsigned written);  /* a flush that began after so many writes */
void rule_driver_told(unsigned node, bool quiesced); /* by drain_begin or drain_end */
void rule_driver_told_all(unsigned node);            /* it is deleted */
void rule_settled(void);                             /* counters, edges, permissions, homes */
void rule_writer_is_drained(void);                   /* a drained write lock was given */
bool node_is_busy(unsigned node);                    /* otherwise than with who comes to drain */
unsigned demanded_by(unsigned node);                 /* how often a user of it is quiesced */
void rule_drain_ends(void);                          /* nothing can run */
bool blk_conflicts(unsigned blk, unsigned perm, unsigned unshared); /* with others at its root */

#pragma GCC visibility pop

#endif
