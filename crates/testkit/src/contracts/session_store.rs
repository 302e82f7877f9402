//! The contract of [`application::ports::SessionStore`].

pub mod ending;
pub mod foreign;
pub mod listing;
pub mod opening;
pub mod rotating;

mod family;

/// Runs every case of the contract as its own test.
///
/// `$fresh` is an `async fn() -> testkit::Fixture`, or a function that returns such a
/// future, which makes empty stores.
#[macro_export]
macro_rules! session_store_contract {
    ($fresh:ident) => {
        $crate::contract_cases! { session_store, $fresh,
            opening: {
                a_new_session_lives,
                an_account_that_changed_since_it_was_read_opens_no_session,
                a_session_that_races_with_a_new_password_is_ended,
            }
            rotating: {
                the_current_token_is_exchanged_for_the_next,
                of_exchanges_that_race_one_is_rotated,
                a_replay_within_the_grace_gets_the_current_token_again,
                a_replay_within_the_grace_gets_the_newest_successor,
                a_replay_after_the_grace_is_theft,
                a_token_of_a_session_that_never_had_it_is_theft,
                without_grace_a_replay_revokes_nothing,
                families_do_not_touch_each_other,
                a_token_of_somebody_else_is_worth_nothing,
            }
            foreign: {
                a_foreign_token_opens_a_family,
                a_foreign_token_is_replayed_like_any_other,
                of_exchanges_of_a_foreign_token_that_race_one_is_rotated,
                a_foreign_token_of_any_form_is_kept_whole,
                a_foreign_token_is_remembered_until_it_expires,
            }
            ending: {
                only_active_accounts_exchange_tokens,
                tokens_from_before_valid_from_are_refused,
                a_revoked_session_is_worth_nothing,
                revoking_an_unknown_session_does_nothing,
                an_expired_family_is_forgotten,
                opening_a_session_forgets_expired_families,
                an_expired_token_does_not_come_back,
                a_longer_lived_ancestor_does_not_come_back,
                a_session_is_ended_for_its_own_account_alone,
                of_those_who_race_to_end_a_session_one_does,
                ending_all_leaves_nothing_of_before,
                a_session_that_races_with_ending_all_is_ended,
            }
            listing: {
                sessions_are_listed_by_their_last_use,
                what_is_worth_nothing_is_not_listed,
                the_list_of_sessions_is_read_page_by_page,
                a_foreign_token_lists_its_family,
            }
        }
    };
}
