//! The contract of [`application::ports::InboxStore`].

pub mod blocks;
pub mod invitations;
pub mod list;
pub mod read_markers;
pub mod unread;

/// Runs every case of the contract as its own test.
///
/// `$fresh` is an `async fn() -> testkit::Fixture`, or a function that returns such a
/// future, which makes empty stores.
#[macro_export]
macro_rules! inbox_store_contract {
    ($fresh:ident) => {
        $crate::contract_cases! { inbox_store, $fresh,
            list: {
                every_inbox_contains_the_lobby,
                the_most_recently_active_come_first_in_pages,
                left_banned_and_deleted_conversations_are_not_listed,
                two_users_have_one_direct_conversation,
                racing_openings_return_the_same_direct_conversation,
                a_direct_conversation_names_the_other_user,
                a_direct_conversation_is_listed_from_its_first_message_on,
            }
            unread: {
                messages_after_the_read_marker_are_unread,
                a_read_marker_moves_forward_up_to_the_head,
                sending_moves_the_own_read_marker,
                mentions_count_until_they_are_read,
                edits_and_deletions_remove_mentions,
                the_lobby_is_read_until_the_first_visit,
                mentions_in_the_lobby_count_from_the_sign_up_on,
                a_new_member_has_nothing_unread,
                muting_affects_only_the_own_inbox,
            }
            read_markers: {
                a_moved_marker_is_shown_in_small_conversations,
                an_unmoved_marker_is_not_shown,
                read_markers_are_those_of_active_members,
                a_marker_of_a_user_who_hides_presence_is_not_shown,
            }
            blocks: {
                blocks_last_until_they_are_removed,
                private_changes_raise_the_inbox_version,
                a_block_raises_every_view_version,
                a_block_raises_the_inbox_version_of_both,
                an_inbox_names_the_users_of_every_block,
                a_contact_status_names_blocks_in_both_directions,
                rejoining_and_history_rules_raise_the_view_version,
            }
            invitations: {
                a_user_chooses_whose_additions_are_invitations,
                acquaintances_share_a_group_or_are_written_to,
                an_invited_user_reads_nothing_until_accepting,
                an_invitation_ends_when_it_is_declined_withdrawn_or_the_group_is_deleted,
                a_new_group_invites_users_who_want_to_be_asked,
                open_invitations_are_bounded,
                a_deleted_group_raises_the_inbox_version_of_invited_users,
                a_block_hides_the_invitations_of_the_blocked_user,
            }
        }
    };
}
