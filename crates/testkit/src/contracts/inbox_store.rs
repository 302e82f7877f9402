//! The contract of [`application::ports::InboxStore`].

pub mod blocking;
pub mod listing;
pub mod marking;
pub mod reading;

/// Runs every case of the contract as its own test.
///
/// `$fresh` is an `async fn() -> testkit::Fixture`, or a function that returns such a
/// future, which makes empty stores.
#[macro_export]
macro_rules! inbox_store_contract {
    ($fresh:ident) => {
        $crate::contract_cases! { inbox_store, $fresh,
            listing: {
                everyone_has_the_lobby,
                the_most_recently_active_come_first_and_in_pages,
                who_left_was_banned_or_lost_the_group_does_not_see_it,
                two_people_have_one_conversation,
                racing_openings_of_a_direct_conversation_get_the_same,
                a_direct_conversation_names_the_other,
            }
            reading: {
                what_is_unread_is_what_came_after_the_marker,
                a_marker_moves_forward_and_at_most_to_the_head,
                one_s_own_messages_move_one_s_marker,
                mentions_count_until_they_are_read,
                an_edit_and_a_deletion_take_a_mention_back,
                the_lobby_is_read_from_the_first_look_on,
                who_joins_has_nothing_to_read_yet,
                muting_is_one_s_own,
            }
            marking: {
                a_marker_that_moves_is_shown_where_few_take_part,
                a_marker_that_stays_is_not_shown,
                markers_are_those_of_who_takes_part,
            }
            blocking: {
                blocks_are_kept_until_they_are_taken_back,
                whatever_one_alone_is_shown_raises_the_number,
                a_block_makes_every_view_another,
                a_rejoining_and_a_history_rule_make_one_view_another,
            }
        }
    };
}
