//! The contract of [`application::ports::SessionStore`].

pub mod foreign_tokens;
pub mod list;
pub mod opening;
pub mod revocation;
pub mod rotation;

mod exchange;

/// Runs every case of the contract as its own test.
///
/// `$fresh` is an `async fn() -> testkit::Fixture`, or a function that returns such a
/// future, which makes empty stores.
#[macro_export]
macro_rules! session_store_contract {
    ($fresh:ident) => {
        $crate::contract_cases! { session_store, $fresh,
            opening: {
                a_new_session_is_live,
                an_account_that_changed_meanwhile_opens_no_session,
                a_session_that_races_a_new_password_is_revoked,
            }
            rotation: {
                the_current_token_is_exchanged_for_the_next,
                one_of_racing_exchanges_rotates_the_token,
                a_replay_within_the_grace_gets_the_current_token_again,
                a_replay_within_the_grace_gets_the_newest_successor,
                a_replay_after_the_grace_is_theft,
                an_unknown_token_of_a_known_session_is_theft,
                without_grace_a_replay_revokes_nothing,
                sessions_of_one_account_are_independent,
                a_token_of_another_account_is_refused,
                a_session_ends_after_its_lifetime,
            }
            foreign_tokens: {
                a_foreign_token_opens_a_session,
                a_foreign_token_is_replayed_like_any_other,
                one_of_racing_exchanges_of_a_foreign_token_rotates_it,
                foreign_tokens_are_compared_exactly,
                a_foreign_token_is_remembered_until_it_expires,
            }
            revocation: {
                only_active_accounts_exchange_tokens,
                tokens_from_before_valid_from_are_refused,
                a_revoked_session_accepts_no_token,
                revoking_an_unknown_session_does_nothing,
                an_expired_session_is_forgotten,
                opening_a_session_forgets_expired_ones,
                an_expired_token_stays_invalid,
                a_longer_lived_predecessor_stays_spent,
                only_the_own_account_revokes_a_session,
                one_of_racing_revocations_succeeds,
                revoking_all_ends_every_earlier_session_and_token,
                a_session_that_races_revoking_all_is_revoked,
            }
            list: {
                sessions_are_listed_by_last_use,
                revoked_and_expired_sessions_are_not_listed,
                sessions_are_listed_in_pages,
                the_session_of_a_foreign_token_is_listed,
            }
        }
    };
}
