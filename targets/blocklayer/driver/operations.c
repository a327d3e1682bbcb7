/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every operation of the driver: who may do it, and the function that does. A bottom half of the
 * main context may do what the main thread may; one of an IOThread only what every thread may.
 */
#include "blocks.h"
#include "aio.h"
#include "aio_contexts.h"
#include "jobs.h"
#include "colocks.h"
#include "disks.h"
#include "exports.h"

enum {
  MAIN = 1 << 0, /* the main thread, outside of coroutines */
  COROUTINE = 1 << 1,
  BOTTOM_HALF = 1 << 2, /* of an IOThread's context */
  ANYWHERE = MAIN | COROUTINE | BOTTOM_HALF,
  VCPU = 1 << 3, /* without the BQL */
  BQL_VCPU = 1 << 4,
  EVERYBODY = ANYWHERE | VCPU | BQL_VCPU,
};

typedef struct Row {
  uint8_t who; /* a mask */
  GhostOperation *perform;
} Row;

static const Row rows[OP_COUNT + 1] = {
    [OP_CREATE_CONTEXT] = {MAIN, op_create_context},
    [OP_DELETE_CONTEXT] = {MAIN, op_delete_context},
    [OP_START] = {EVERYBODY, op_start},
    [OP_POST] = {EVERYBODY, op_post},
    [OP_POLL] = {MAIN | BQL_VCPU, op_poll},
    [OP_WRLOCK] = {MAIN, op_wrlock},
    [OP_WRUNLOCK] = {MAIN, op_wrunlock},
    [OP_ATTACH] = {MAIN, op_attach},
    [OP_DETACH] = {MAIN, op_detach},
    [OP_RDLOCK] = {COROUTINE, op_rdlock},
    [OP_RDUNLOCK] = {COROUTINE, op_rdunlock},
    [OP_WALK] = {COROUTINE, op_walk},
    [OP_MIGRATE] = {COROUTINE, op_migrate},
    [OP_YIELD] = {COROUTINE, op_yield},
    [OP_JOB_START] = {MAIN, op_job_start},
    [OP_JOB_JOIN] = {MAIN, op_job_join},
    [OP_JOB_PAUSE] = {MAIN, op_job_pause},
    [OP_JOB_RESUME] = {MAIN, op_job_resume},
    [OP_JOB_CANCEL] = {MAIN, op_job_cancel},
    [OP_JOB_FINISH] = {MAIN, op_job_finish},
    [OP_JOB_MOVE] = {MAIN, op_job_move},
    [OP_JOB_FAIL] = {MAIN, op_job_fail},
    [OP_JOB_ENTER] = {MAIN, op_job_enter},
    [OP_CO_LOCK] = {COROUTINE, op_co_lock},
    [OP_CO_UNLOCK] = {COROUTINE, op_co_unlock},
    [OP_CO_RDLOCK] = {COROUTINE, op_co_rdlock},
    [OP_CO_WRLOCK] = {COROUTINE, op_co_wrlock},
    [OP_CO_RWUNLOCK] = {COROUTINE, op_co_rwunlock},
    [OP_CO_UPGRADE] = {COROUTINE, op_co_upgrade},
    [OP_CO_DOWNGRADE] = {COROUTINE, op_co_downgrade},
    [OP_QUEUE_WAIT] = {COROUTINE, op_queue_wait},
    [OP_QUEUE_WAKE] = {ANYWHERE, op_queue_wake},
    [OP_QUEUE_WAKE_ALL] = {ANYWHERE, op_queue_wake_all},
    [OP_NAP] = {COROUTINE, op_nap},
    [OP_DOZE] = {COROUTINE, op_doze},
    [OP_WAKE] = {ANYWHERE, op_wake},
    [OP_CALL] = {COROUTINE, op_call},
    [OP_READ] = {COROUTINE, op_read},
    [OP_WRITE] = {COROUTINE, op_write},
    [OP_AIO_READ] = {MAIN | BOTTOM_HALF, op_aio_request},
    [OP_DRAINED_BEGIN] = {MAIN | COROUTINE, op_drained_begin},
    [OP_DRAINED_END] = {MAIN | COROUTINE, op_drained_end},
    [OP_SUBTREE_BEGIN] = {MAIN | COROUTINE, op_drained_begin},
    [OP_SUBTREE_END] = {MAIN | COROUTINE, op_drained_end},
    [OP_DRAIN_ALL_BEGIN] = {MAIN | COROUTINE, op_drained_begin},
    [OP_DRAIN_ALL_END] = {MAIN | COROUTINE, op_drained_end},
    [OP_INSERT] = {MAIN, op_insert},
    [OP_REMOVE] = {MAIN, op_remove},
    [OP_REPLACE] = {MAIN, op_replace},
    [OP_APPEND] = {MAIN, op_append},
    [OP_DROP] = {MAIN, op_drop},

    [OP_SLEEP] = {MAIN | COROUTINE | VCPU | BQL_VCPU, op_sleep},
    [OP_START_VCPU] = {MAIN, op_start_vcpu},
    [OP_BQL_LOCK] = {VCPU, op_bql_lock},
    [OP_BQL_UNLOCK] = {BQL_VCPU, op_bql_unlock},
    [OP_MAIN_LOOP] = {MAIN, op_main_loop},
    [OP_WAIT] = {MAIN | BQL_VCPU, op_wait},
    [OP_HANG_BELL] = {EVERYBODY, op_hang_bell},
    [OP_RING] = {EVERYBODY, op_ring},
    [OP_ADD_HANDLER] = {EVERYBODY, op_add_handler},
    [OP_REMOVE_HANDLER] = {EVERYBODY, op_remove_handler},
    [OP_SIGNAL] = {EVERYBODY, op_signal},
    [OP_SUBMIT] = {MAIN | BQL_VCPU, op_submit},
    [OP_WRLOCK_DRAINED] = {MAIN, op_wrlock_drained},
    [OP_READ_ON] = {COROUTINE, op_read_on},
    [OP_UNHANG] = {EVERYBODY, op_unhang},
    [OP_UNRING] = {EVERYBODY, op_unring},
    [OP_RING_IDLE] = {EVERYBODY, op_ring_idle},
    [OP_ADD_POLLER] = {EVERYBODY, op_add_poller},
    [OP_ARM] = {EVERYBODY, op_arm},
    [OP_DISARM] = {EVERYBODY, op_disarm},
    [OP_CANCEL] = {MAIN | BQL_VCPU, op_cancel},
    [OP_FLUSH] = {COROUTINE, op_flush},
    [OP_CREATE_NODE] = {MAIN, op_create_node},
    [OP_DELETE_NODE] = {MAIN, op_delete_node},

    [OP_SET_CONTEXT] = {MAIN, op_set_context},
    [OP_BLK_SET_CONTEXT] = {MAIN, op_blk_set_context},
    [OP_ALLOW_CHANGE] = {MAIN, op_allow_change},
    [OP_VISIT] = {COROUTINE, op_visit},
    [OP_ADD_NOTIFIER] = {MAIN, op_add_notifier},
    [OP_REMOVE_NOTIFIER] = {MAIN, op_remove_notifier},

    [OP_BACKUP] = {MAIN, op_backup},
    [OP_MIRROR] = {MAIN, op_mirror},
    [OP_COMMIT] = {MAIN, op_commit},
    [OP_STREAM] = {MAIN, op_stream},

    [OP_NBD_EXPORT] = {MAIN, op_nbd_export},
    [OP_CONNECT] = {MAIN, op_connect},
    [OP_SEND] = {EVERYBODY, op_send},
    [OP_DISCONNECT] = {EVERYBODY, op_disconnect},

    [OP_OPEN_DISK] = {MAIN, op_open_disk},
    [OP_CLOSE_DISK] = {MAIN, op_close_disk},
    [OP_DISK_IO] = {MAIN, op_disk_io},
    [OP_DISK_CONTROL] = {MAIN, op_disk_control},
    [OP_DISK_PERM] = {MAIN, op_disk_perm},
    [OP_DISK_JOIN] = {MAIN, op_disk_join},
    [OP_DISK_COVER] = {MAIN, op_disk_cover},

    [OP_ATTACH_ABOVE] = {MAIN, op_attach_above},
    [OP_ATTACH_BELOW] = {MAIN, op_attach_below},
    [OP_DETACH_NODE] = {MAIN, op_detach_node},
    [OP_ADD_ABOVE] = {MAIN, op_add_above},
    [OP_ADD_BELOW] = {MAIN, op_add_below},
    [OP_APPEND_NODE] = {MAIN, op_append_node},
    [OP_SWAP_IN] = {MAIN, op_swap_in},
    [OP_TAKE_OUT] = {MAIN, op_take_out},
    [OP_BLK_IO] = {MAIN, op_blk_io},

    [OP_AIO_WRITE] = {MAIN | BOTTOM_HALF, op_aio_request},
    [OP_AIO_FLUSH] = {MAIN | BOTTOM_HALF, op_aio_request},
    [OP_DRAIN] = {MAIN | COROUTINE, op_drain},
    [OP_BLK_DRAIN] = {MAIN, op_blk_drain},
    [OP_SUBTREE_BEGIN_UNLOCKED] = {MAIN | COROUTINE, op_drained_begin},
    [OP_SET_PERM] = {MAIN, op_set_perm},
    [OP_ASK_USERS] = {MAIN, op_ask_users},
    [OP_JOB_CANCEL_SYNC] = {MAIN, op_job_cancel_sync},
    [OP_JOB_DROP] = {MAIN, op_job_drop},
    [OP_VISIT_LIST] = {EVERYBODY, op_visit_list},
    [OP_SUBMIT_CO] = {COROUTINE, op_submit_co},
    [OP_ALARM] = {MAIN, op_alarm},
    [OP_ADD_WRITER] = {EVERYBODY, op_add_writer},
    [OP_KEEP_COROUTINES] = {MAIN, op_keep_coroutines},
};

static unsigned kind_of(unsigned actor)
{
  if (is_coroutine(actor)) {
    return COROUTINE;
  }
  if (actor - ACTOR_BH_FIRST < ACTOR_BH_COUNT) {
    unsigned home = ghost.bottom_halves[actor - ACTOR_BH_FIRST].home;
    return home == MAIN_CONTEXT ? MAIN : BOTTOM_HALF;
  }
  if (actor - ACTOR_VCPU_FIRST < ACTOR_VCPU_COUNT) {
    return vcpu_has_bql(actor) ? BQL_VCPU : VCPU;
  }
  return MAIN;
}

static bool perform(unsigned actor, const ds_operation *op)
{
  const Row *row = &rows[op->code <= OP_COUNT ? op->code : 0];
  unsigned kind = kind_of(actor);
  bool done = (row->who & kind) && row->perform(actor, op);

  if (kind == COROUTINE) {
    rule_home(actor - ACTOR_CO_FIRST);
  } else if (kind == MAIN) {
    contexts_reap();
  }
  return done;
}

void perform_script(unsigned actor)
{
  ds_operation op;

  while (ds_next(actor, &op)) {
    if (!perform(actor, &op)) {
      ds_skip(actor);
    }
  }
}

void actor_waits(unsigned actor, const char *what)
{
  if (is_coroutine(actor)) {
    ds_task_waits(ghost.coroutines[actor - ACTOR_CO_FIRST].task, what, 0, -1);
  } else if (actor - ACTOR_BH_FIRST < ACTOR_BH_COUNT) {
    ds_task_waits(ghost.bottom_halves[actor - ACTOR_BH_FIRST].task, what, 0, -1);
  }
}
