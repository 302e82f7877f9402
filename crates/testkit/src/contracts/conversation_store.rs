//! The contract of [`application::ports::ConversationStore`].

pub mod altering;
pub mod batching;
pub mod membership;
pub mod ordering;
pub mod reading;
pub mod searching;
pub mod sending;
pub mod syncing;

/// Runs every case of the contract as its own test.
///
/// `$fresh` is an `async fn() -> testkit::Fixture`, or a function that returns such a
/// future, which makes empty stores.
///
/// A poison row is not among the cases: the port knows no intent that makes a
/// sound adapter fail. What becomes of the others in its batch is the batcher's
/// promise, tested with [`crate::FaultyStore::poison`].
#[macro_export]
macro_rules! conversation_store_contract {
    ($fresh:ident) => {
        $crate::contract_cases! { conversation_store, $fresh,
            sending: {
                a_message_is_stored_as_it_was_answered,
                a_message_may_be_marked_edited_from_the_start,
                one_client_id_twice_in_one_batch_is_one_message,
                a_client_id_with_another_text_is_refused,
                a_later_retry_is_answered_with_the_message_as_it_is_now,
                a_client_id_belongs_to_one_sender_in_one_conversation,
                any_text_is_kept_exactly,
                large_texts_are_kept_exactly,
                only_active_accounts_act,
                only_members_write,
                an_unknown_conversation_is_not_found,
            }
            altering: {
                an_author_edits_a_message,
                an_edit_without_a_text_keeps_it,
                a_tombstone_holds_no_text,
                a_foreign_message_is_seen_but_not_changed,
                what_is_not_here_is_not_found,
                one_batch_alters_a_message_step_by_step,
            }
            membership: {
                a_new_conversation_has_its_first_members_and_no_changes,
                a_member_without_an_account_opens_nothing,
                the_lobby_belongs_to_everyone_without_a_row,
                an_unknown_conversation_has_no_members,
                a_ban_bites_in_the_same_batch,
                a_ban_is_a_change_with_a_row,
                who_may_not_ban_changes_nothing,
                who_left_is_gone,
                nobody_leaves_the_lobby,
                the_last_owner_stays_however_often_asked,
                of_two_owners_leaving_in_one_batch_one_stays,
                of_two_owners_leaving_at_once_one_stays,
            }
            batching: {
                nothing_comes_of_an_empty_batch,
                every_answer_stands_at_the_place_of_its_intent,
                a_batch_may_be_large,
                one_batch_serves_many_conversations,
                refusals_leave_the_head_alone,
            }
            ordering: {
                numbers_are_dense_under_concurrent_commits,
                the_order_of_each_sender_is_kept,
                racing_retries_store_one_message,
                time_goes_on_while_the_clock_goes_back,
                a_dropped_commit_leaves_all_or_nothing,
                overlapping_batches_do_not_block_each_other,
            }
            reading: {
                newest_is_bounded_by_rows,
                newest_is_bounded_by_bytes,
                newest_passes_over_tombstones,
                an_unknown_conversation_is_an_empty_one,
                a_snapshot_and_its_head_are_of_one_moment,
                a_single_message_is_found_where_it_is,
                heads_leave_unknown_conversations_out,
                one_may_ask_for_very_many_heads,
                an_epoch_lasts_until_the_next,
            }
            searching: {
                every_word_of_the_query_begins_one_of_the_text,
                a_query_has_no_syntax,
                the_newest_are_found_first_and_in_pages,
                a_search_stays_in_its_conversations,
                an_edit_and_a_deletion_erase_the_words,
                what_may_not_be_seen_is_passed_over,
                a_page_of_findings_ends_once_its_texts_exceed_a_mebibyte,
                the_largest_texts_are_stored_and_found,
                memberships_are_the_rows_that_somebody_has,
                random_texts_are_found_by_the_one_rule,
            }
            syncing: {
                pages_are_ordered_bounded_and_disjoint,
                a_page_ends_at_the_head_when_nothing_is_left,
                a_page_has_at_least_one_row,
                a_page_ends_once_its_texts_exceed_a_mebibyte,
                each_row_comes_once_in_its_newest_form,
                members_are_among_the_changes,
                following_while_others_write_misses_nothing,
                applying_changes_equals_fetching_again,
            }
        }
    };
}
