//! The contract of [`application::ports::ConversationStore`].

pub mod batches;
pub mod concurrency;
pub mod creation;
pub mod edits;
pub mod membership;
pub mod search;
pub mod sends;
pub mod snapshots;
pub mod sync;

/// Runs every case of the contract as its own test.
///
/// `$fresh` is an `async fn() -> testkit::Fixture`, or a function that returns
/// such a future. It makes empty stores.
///
/// No case has a row that makes the whole batch fail, because no intent does so
/// with a correct adapter. The tests of the batcher simulate one with
/// [`crate::FaultyStore::poison`].
#[macro_export]
macro_rules! conversation_store_contract {
    ($fresh:ident) => {
        $crate::contract_cases! { conversation_store, $fresh,
            sends: {
                a_message_is_stored_as_it_was_answered,
                a_message_may_be_marked_edited_from_the_start,
                a_client_id_twice_in_one_batch_is_one_message,
                a_client_id_with_another_text_is_refused,
                a_later_retry_returns_the_message_in_its_current_form,
                a_client_id_belongs_to_one_sender_in_one_conversation,
                any_text_is_stored_unchanged,
                large_texts_are_stored_unchanged,
                only_active_accounts_act,
                only_members_write,
                an_unknown_conversation_is_not_found,
            }
            edits: {
                an_author_can_edit_a_message,
                an_edit_without_a_text_keeps_it,
                a_tombstone_contains_no_text,
                a_message_of_another_user_cannot_be_changed,
                missing_and_deleted_messages_are_not_found,
                one_batch_changes_a_message_step_by_step,
                messages_are_found_by_a_reaction_of_a_user,
            }
            creation: {
                a_retry_returns_the_first_group,
                a_client_id_with_another_group_is_refused,
                a_client_id_belongs_to_one_creator,
                racing_retries_create_one_group,
            }
            membership: {
                a_new_conversation_has_its_first_members_and_no_changes,
                a_group_with_an_unknown_member_is_not_created,
                every_user_is_in_the_lobby_without_a_row,
                an_unknown_conversation_has_no_view,
                a_view_has_the_same_values_as_the_inbox,
                each_change_of_rights_raises_the_view_version,
                a_ban_takes_effect_in_the_same_batch,
                a_ban_creates_a_row_and_a_change,
                a_forbidden_ban_changes_nothing,
                a_member_who_left_cannot_write,
                no_user_can_leave_the_lobby,
                the_last_owner_cannot_leave,
                one_of_two_owners_leaving_in_one_batch_stays,
                one_of_two_owners_leaving_concurrently_stays,
                a_disabled_owner_does_not_count_as_one,
                a_superuser_assigns_an_owner_to_a_group_without_one,
            }
            batches: {
                an_empty_batch_changes_nothing,
                answers_are_in_the_order_of_their_intents,
                a_batch_may_be_large,
                one_batch_changes_many_conversations,
                refusals_leave_the_head_unchanged,
            }
            concurrency: {
                numbers_are_dense_under_concurrent_commits,
                the_order_of_each_sender_is_kept,
                racing_retries_store_one_message,
                timestamps_ascend_while_the_clock_goes_back,
                a_dropped_commit_stores_all_or_nothing,
                overlapping_batches_do_not_deadlock,
            }
            snapshots: {
                newest_is_bounded_by_rows,
                newest_is_bounded_by_bytes,
                newest_skips_tombstones,
                an_unknown_conversation_is_empty,
                a_snapshot_and_its_head_are_consistent,
                a_message_is_found_only_in_its_conversation,
                heads_leave_unknown_conversations_out,
                very_many_heads_are_read_at_once,
                an_epoch_lasts_until_the_next,
            }
            search: {
                every_query_word_is_a_prefix_in_the_text,
                a_query_has_no_syntax,
                results_come_newest_first_in_pages,
                a_search_finds_only_the_given_conversations,
                edits_and_deletions_remove_words,
                messages_the_viewer_may_not_see_are_skipped,
                a_page_of_results_ends_beyond_a_mebibyte,
                the_largest_texts_are_stored_and_found,
                random_texts_are_found_as_the_domain_rule_says,
            }
            sync: {
                pages_are_ordered_bounded_and_disjoint,
                the_last_page_ends_at_the_head,
                a_page_has_at_least_one_row,
                a_page_ends_beyond_a_mebibyte,
                a_page_of_pins_ends_beyond_a_mebibyte,
                each_row_is_returned_once_in_its_newest_form,
                changes_contain_members,
                reading_during_writes_misses_nothing,
                applying_changes_equals_fetching_again,
            }
        }
    };
}
