/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Behaviours of the block layer: one function each, run by the main thread before there is a main
 * context. It asserts what must be seen and leaves nothing behind: no thread, no context, no byte.
 * They are code of the target like any other: what two threads touch has to be synchronised.
 *
 * A file is about one thing of the layer; its list stands here. BEHAVIOURS.md has all of them, with
 * what they are for.
 */
#ifndef BEHAVIOURS_H
#define BEHAVIOURS_H

/* X(OPERATION, function) */
#define AIO_BEHAVIOURS(X)                                                                          \
  X(AIO_BH_SCHEDULE, aio_bh_schedule_runs_once)                                                    \
  X(AIO_BH_SCHEDULE10, aio_bh_that_reschedules_itself_runs_once_a_poll)                            \
  X(AIO_BH_CANCEL, aio_bh_cancel_keeps_it_from_running)                                            \
  X(AIO_BH_DELETE, aio_bh_delete_keeps_it_from_running)                                            \
  X(AIO_BH_CALLBACK_DELETE_ONE, aio_bh_deletes_itself_in_its_callback)                             \
  X(AIO_BH_CALLBACK_DELETE_MANY, aio_bhs_delete_themselves_after_different_counts)                 \
  X(AIO_BH_FLUSH, aio_bh_flush_runs_it)                                                            \
  X(AIO_BH_IDLE, aio_bh_idle_is_no_progress_and_does_not_wait_for_ever)                            \
  X(AIO_BH_NESTED, aio_bh_nested_poll_runs_what_the_outer_one_has_left)                            \
  X(AIO_TIMER, aio_timer_fires_once_for_each_time_it_is_armed)                                     \
  X(AIO_TIMER_OTHER_THREAD, aio_timer_armed_by_another_thread_wakes_the_sleeper)                   \
  X(GSOURCE_BH_SCHEDULE, gsource_bh_schedule_runs_once)                                            \
  X(GSOURCE_BH_SCHEDULE10, gsource_bh_that_reschedules_itself_runs_once_an_iteration)              \
  X(GSOURCE_BH_CANCEL, gsource_bh_cancel_keeps_it_from_running)                                    \
  X(GSOURCE_BH_DELETE, gsource_bh_delete_keeps_it_from_running)                                    \
  X(GSOURCE_BH_CALLBACK_DELETE_ONE, gsource_bh_deletes_itself_in_its_callback)                     \
  X(GSOURCE_BH_CALLBACK_DELETE_MANY, gsource_bhs_delete_themselves_after_different_counts)         \
  X(GSOURCE_BH_FLUSH, gsource_bh_flush_runs_it)                                                    \
  X(GSOURCE_TIMER, gsource_timer_fires_once_for_each_time_it_is_armed)                             \
  X(AIO_LIFECYCLE, aio_contexts_come_and_go)                                                       \
  X(AIO_LAST_REFERENCE, aio_context_goes_with_its_last_reference)                                  \
  X(AIO_WAIT_LOCK, aio_wait_while_releases_the_lock_of_the_other_context)

#define HANDLER_BEHAVIOURS(X)                                                                      \
  X(AIO_EVENT_ADD_REMOVE, aio_event_handler_comes_and_goes)                                        \
  X(AIO_EVENT_MANY, aio_event_each_of_many_handlers_runs)                                          \
  X(AIO_EVENT_WAIT_ONCE, aio_event_handler_runs_once_a_set)                                        \
  X(AIO_EVENT_WAIT, aio_event_wait_counts_down_to_nothing_active)                                  \
  X(AIO_EVENT_WAIT_NO_FLUSH_CB, aio_event_wait_beside_one_that_is_never_active)                    \
  X(AIO_EVENT_FLUSH, aio_event_removed_while_set_does_not_run)                                     \
  X(AIO_EVENT_REMOVE_IN_DISPATCH, aio_handler_removed_by_another_one_is_not_called)                \
  X(AIO_EVENT_OTHER_THREAD, aio_handler_set_by_another_thread_is_called)                           \
  X(GSOURCE_EVENT_ADD_REMOVE, gsource_event_handler_comes_and_goes)                                \
  X(GSOURCE_EVENT_WAIT_ONCE, gsource_event_handler_runs_once_a_set)                                \
  X(GSOURCE_EVENT_WAIT, gsource_event_wait_counts_down_to_nothing_active)                          \
  X(GSOURCE_EVENT_WAIT_NO_FLUSH_CB, gsource_event_wait_beside_one_that_is_never_active)            \
  X(GSOURCE_EVENT_FLUSH, gsource_event_removed_while_set_does_not_run)                             \
  X(AIO_BQL_HOME, aio_bql_makes_a_thread_a_home_thread_of_the_main_context)                        \
  X(AIO_NOTICE_HANDED_ON, aio_notice_taken_by_another_poller_is_handed_on)                         \
  X(AIO_NESTED_POLL, aio_nested_poll_does_not_enter_a_poll_handler_again)                          \
  X(AIO_BUSY_NOTIFIED, aio_busy_polling_ends_when_somebody_notifies)                               \
  X(AIO_BUSY_BOUNDED, aio_busy_polling_is_bounded)

#define POOL_BEHAVIOURS(X)                                                                         \
  X(POOL_SUBMIT_NO_COMPLETE, pool_request_without_completion_runs)                                 \
  X(POOL_SUBMIT_AIO, pool_request_is_completed_once)                                               \
  X(POOL_SUBMIT_CO, pool_coroutine_waits_for_its_request)                                          \
  X(POOL_SUBMIT_MANY, pool_many_requests_are_completed_once_each)                                  \
  X(POOL_CANCEL, pool_cancel_waits_for_the_completion)                                             \
  X(POOL_CANCEL_ASYNC, pool_cancel_async_completes_later_and_once)

#define JOB_BEHAVIOURS(X)                                                                          \
  X(JOB_DRAIN_ALL, job_drain_all)                                                                  \
  X(JOB_DRAIN, job_drain)                                                                          \
  X(JOB_DRAIN_SUBTREE, job_drain_subtree)                                                          \
  X(JOB_IOTHREAD_DRAIN_ALL, job_iothread_drain_all)                                                \
  X(JOB_IOTHREAD_DRAIN, job_iothread_drain)                                                        \
  X(JOB_IOTHREAD_DRAIN_SUBTREE, job_iothread_drain_subtree)                                        \
  X(JOB_ERROR_DRAIN_ALL, job_error_drain_all)                                                      \
  X(JOB_ERROR_DRAIN, job_error_drain)                                                              \
  X(JOB_ERROR_DRAIN_SUBTREE, job_error_drain_subtree)                                              \
  X(JOB_ERROR_IOTHREAD_DRAIN_ALL, job_error_iothread_drain_all)                                    \
  X(JOB_ERROR_IOTHREAD_DRAIN, job_error_iothread_drain)                                            \
  X(JOB_ERROR_IOTHREAD_DRAIN_SUBTREE, job_error_iothread_drain_subtree)                            \
  X(JOB_SELF_DRAIN_SUCCEEDS, job_self_drain_succeeds)                                              \
  X(JOB_SELF_DRAIN_KEEPS_MAIN_WAITING, job_self_drain_keeps_main_waiting)                          \
  X(JOB_SELF_DRAIN_NEVER_BOTH_INSIDE, job_self_drain_never_both_inside)                            \
  X(JOB_COMMIT_BY_DRAINED_END, job_commit_by_drained_end)                                          \
  X(JOB_FOLLOWS_ITS_BACKEND, job_follows_its_backend)                                              \
  X(JOB_CANCEL_SYNC, job_cancelled_is_over_when_the_call_returns)

#define COROUTINE_BEHAVIOURS(X)                                                                    \
  X(CO_SELF, coroutine_knows_itself)                                                               \
  X(CO_YIELD, coroutine_goes_on_where_it_yielded)                                                  \
  X(CO_NESTING, coroutine_nests)                                                                   \
  X(CO_NO_DANGLING_ACCESS, coroutine_outlives_its_creator)                                         \
  X(CO_POOL, coroutine_is_kept_for_the_next_one)                                                   \
  X(CO_POOL_GROWS, coroutine_is_kept_again_when_the_pool_grows)                                    \
  X(CO_POOL_MANY, coroutine_surplus_is_kept_for_all_threads)                                       \
  X(CO_WORKER, coroutine_entered_by_a_worker_runs_at_home)                                         \
  X(CO_QUEUE_CHAINING, coroutine_wakes_run_before_control_returns)                                 \
  X(CO_MUTEX, co_mutex_second_locker_waits)                                                        \
  X(CO_RWLOCK_UPGRADE, co_rwlock_upgrade_keeps_the_order)                                          \
  X(CO_RWLOCK_DOWNGRADE, co_rwlock_downgrade_lets_readers_in)

#define MULTITHREAD_BEHAVIOURS(X)                                                                  \
  X(MULTI_LIFECYCLE, contexts_come_and_go)                                                         \
  X(MULTI_SCHEDULE, coroutines_schedule_each_other)                                                \
  X(MULTI_MUTEX_CONTENDED, co_mutex_counts_right_in_five_threads)                                  \
  X(MULTI_MUTEX_HANDOFF, co_mutex_hands_over_between_two_threads)

#define DRAIN_BEHAVIOURS(X)                                                                        \
  X(DRAIN_DRIVER_CB_ALL, drain_tells_the_driver_all)                                               \
  X(DRAIN_DRIVER_CB, drain_tells_the_driver)                                                       \
  X(DRAIN_DRIVER_CB_SUBTREE, drain_tells_the_driver_subtree)                                       \
  X(DRAIN_CO_DRIVER_CB_ALL, drain_co_tells_the_driver_all)                                         \
  X(DRAIN_CO_DRIVER_CB, drain_co_tells_the_driver)                                                 \
  X(DRAIN_CO_DRIVER_CB_SUBTREE, drain_co_tells_the_driver_subtree)                                 \
  X(DRAIN_QUIESCE_ALL, drain_counts_all)                                                           \
  X(DRAIN_QUIESCE, drain_counts)                                                                   \
  X(DRAIN_QUIESCE_SUBTREE, drain_counts_subtree)                                                   \
  X(DRAIN_CO_QUIESCE_ALL, drain_co_counts_all)                                                     \
  X(DRAIN_CO_QUIESCE, drain_co_counts)                                                             \
  X(DRAIN_CO_QUIESCE_SUBTREE, drain_co_counts_subtree)                                             \
  X(DRAIN_NESTED, drain_nests)                                                                     \
  X(DRAIN_CO_NESTED, drain_co_nests)                                                               \
  X(DRAIN_MULTIPARENT, drain_subtree_of_one_parent_quiesces_the_other)                             \
  X(DRAIN_GRAPH_CHANGE_SUBTREE, drain_subtree_follows_the_graph)                                   \
  X(DRAIN_GRAPH_CHANGE_ALL, drain_all_covers_nodes_that_come_and_go)                               \
  X(DRAIN_ATTACH, drain_covers_an_overlay_of_a_drained_node)                                       \
  X(DRAIN_AT_ONCE, drain_at_once_lets_everybody_go_on)

#define DRAIN_REQUEST_BEHAVIOURS(X)                                                                \
  X(DRAIN_IOTHREAD_ALL, drain_waits_for_other_threads_all)                                         \
  X(DRAIN_IOTHREAD, drain_waits_for_other_threads)                                                 \
  X(DRAIN_IOTHREAD_SUBTREE, drain_waits_for_other_threads_subtree)                                 \
  X(DRAIN_IOTHREAD_CO, drain_from_a_coroutine_of_another_thread)                                   \
  X(DRAIN_IOTHREAD_CO_SUBTREE, drain_from_a_coroutine_of_another_thread_subtree)                   \
  X(DRAIN_DELETION, drain_survives_the_deletion_of_a_parent)                                       \
  X(DRAIN_DETACH_ALL, drain_survives_that_a_parent_detaches_all)                                   \
  X(DRAIN_DETACH, drain_survives_that_a_parent_detaches)                                           \
  X(DRAIN_DETACH_SUBTREE, drain_survives_that_a_parent_detaches_subtree)                           \
  X(DRAIN_DETACH_PARENT_CB, drain_while_a_requests_callback_changes_edges)                         \
  X(DRAIN_DETACH_DRIVER_CB, drain_while_an_edges_callback_changes_edges)

#define REPLACE_BEHAVIOURS(X)                                                                      \
  X(REPLACE_UNDRAINED, replace_drains_the_parent_meanwhile)                                        \
  X(REPLACE_BY_DRAINED, replace_by_a_drained_child_drains_the_parent)                              \
  X(REPLACE_OF_DRAINED, replace_of_a_drained_child_undrains_the_parent)                            \
  X(REPLACE_BOTH_DRAINED, replace_between_drained_children_tells_nobody)                           \
  X(REPLACE_DROP_INTERMEDIATE, drop_intermediate_may_poll_while_it_tells_the_parents)

#define PERMISSION_BEHAVIOURS(X)                                                                   \
  X(GRAPH_UPDATE_PERM_TREE, permissions_that_conflict_deep_down_are_rolled_back)                   \
  X(GRAPH_SECOND_WRITER, permissions_refuse_a_second_writer)                                       \
  X(GRAPH_SHOULD_UPDATE_CHILD, replacing_a_node_keeps_the_edge_that_would_close_a_cycle)           \
  X(GRAPH_PARALLEL_EXCLUSIVE_WRITE, an_exclusive_writer_moves_between_two_filters_of_one_node)     \
  X(GRAPH_PARALLEL_PERM_UPDATE, permissions_are_updated_in_topological_order)                      \
  X(GRAPH_APPEND_GREEDY_FILTER, a_filter_that_writes_is_put_under_a_writer)

#define IOTHREAD_BEHAVIOURS(X)                                                                     \
  X(SYNC_PREAD, sync_pread)                                                                        \
  X(SYNC_PWRITE, sync_pwrite)                                                                      \
  X(SYNC_PREADV, sync_preadv)                                                                      \
  X(SYNC_PWRITEV, sync_pwritev)                                                                    \
  X(SYNC_PREADV_PART, sync_preadv_part)                                                            \
  X(SYNC_PWRITEV_PART, sync_pwritev_part)                                                          \
  X(SYNC_PWRITE_COMPRESSED, sync_pwrite_compressed)                                                \
  X(SYNC_PWRITE_ZEROES, sync_pwrite_zeroes)                                                        \
  X(SYNC_LOAD_VMSTATE, sync_load_vmstate)                                                          \
  X(SYNC_SAVE_VMSTATE, sync_save_vmstate)                                                          \
  X(SYNC_PDISCARD, sync_pdiscard)                                                                  \
  X(SYNC_TRUNCATE, sync_truncate)                                                                  \
  X(SYNC_BLOCK_STATUS, sync_block_status)                                                          \
  X(SYNC_FLUSH, sync_flush)                                                                        \
  X(SYNC_CHECK, sync_check)                                                                        \
  X(SYNC_ACTIVATE, sync_activate)                                                                  \
  X(ATTACH_SECOND_NODE, attach_second_node)                                                        \
  X(ATTACH_PRESERVE_BLK_CTX, attach_preserve_blk_ctx)                                              \
  X(PROPAGATE_BASIC, propagate_basic)                                                              \
  X(PROPAGATE_DIAMOND, propagate_diamond)                                                          \
  X(PROPAGATE_MIRROR, propagate_mirror)

#define EXPORT_BEHAVIOURS(X) X(EXPORT_MOVES, export_moves_with_its_client)

#define CONTEXT_OF_NODE_BEHAVIOURS(X)                                                              \
  X(DRAIN_SET_AIO_CONTEXT, node_that_nobody_uses_changes_its_context)

#define BACKEND_BEHAVIOURS(X)                                                                      \
  X(BLK_PREAD, blk_pread_returns)                                                                  \
  X(BLK_PWRITE, blk_pwrite_returns)                                                                \
  X(BLK_PREADV, blk_preadv_returns)                                                                \
  X(BLK_PWRITEV, blk_pwritev_returns)                                                              \
  X(BLK_PREADV_PART, blk_preadv_part_returns)                                                      \
  X(BLK_PWRITEV_PART, blk_pwritev_part_returns)                                                    \
  X(BLK_PWRITE_COMPRESSED, blk_pwrite_compressed_returns)                                          \
  X(BLK_PWRITE_ZEROES, blk_pwrite_zeroes_returns)                                                  \
  X(BLK_PDISCARD, blk_pdiscard_returns)                                                            \
  X(BLK_TRUNCATE, blk_truncate_returns)                                                            \
  X(BLK_FLUSH, blk_flush_returns)                                                                  \
  X(BLK_IN_A_SECTION, blk_request_waits_for_a_section)                                             \
  X(BLK_AIO, blk_aio_requests_call_back_once)

#define LOAD_BEHAVIOURS(X)                                                                         \
  X(LOAD_OVERLAY, overlay_comes_and_goes_under_load)                                               \
  X(LOAD_COMMIT, commits_are_cancelled_and_completed_under_load)                                   \
  X(LOAD_SNAPSHOT, snapshot_below_is_removed_under_load)                                           \
  X(LOAD_TWO_STREAMS, two_streams_end_in_one_iothread)                                             \
  X(LOAD_COMMIT_ACTIVE, active_layer_is_committed_beside_a_mirror)                                 \
  X(LOAD_PARALLEL, commit_and_stream_in_one_chain)

#define BEHAVIOURS(X)                                                                              \
  AIO_BEHAVIOURS(X)                                                                                \
  HANDLER_BEHAVIOURS(X)                                                                            \
  POOL_BEHAVIOURS(X)                                                                               \
  JOB_BEHAVIOURS(X)                                                                                \
  COROUTINE_BEHAVIOURS(X)                                                                          \
  MULTITHREAD_BEHAVIOURS(X)                                                                        \
  DRAIN_BEHAVIOURS(X)                                                                              \
  DRAIN_REQUEST_BEHAVIOURS(X)                                                                      \
  REPLACE_BEHAVIOURS(X)                                                                            \
  PERMISSION_BEHAVIOURS(X)                                                                         \
  IOTHREAD_BEHAVIOURS(X)                                                                           \
  EXPORT_BEHAVIOURS(X)                                                                             \
  CONTEXT_OF_NODE_BEHAVIOURS(X)                                                                    \
  BACKEND_BEHAVIOURS(X)                                                                            \
  LOAD_BEHAVIOURS(X)

#define BEHAVIOUR_DECLARE(operation, function) void function(void);
BEHAVIOURS(BEHAVIOUR_DECLARE)
#undef BEHAVIOUR_DECLARE

#endif
