//! The contract of [`application::ports::AccountStore`].

pub mod credentials;
pub mod profile;
pub mod registration;

/// Runs every case of the contract as its own test.
///
/// `$fresh` is an `async fn() -> testkit::Fixture`, or a function that returns such a
/// future, which makes empty stores.
#[macro_export]
macro_rules! account_store_contract {
    ($fresh:ident) => {
        $crate::contract_cases! { account_store, $fresh,
            registration: {
                taken_names_and_addresses_can_be_looked_up,
                an_account_is_found_by_name_and_by_id,
                an_account_is_created_with_its_first_session,
                names_and_addresses_can_be_compared_exactly,
                equal_names_and_addresses_are_in_use,
                an_equal_name_finds_the_exact_account_or_the_only_one,
                a_name_or_an_address_in_use_is_taken,
                many_accounts_have_no_address,
                one_of_several_racing_for_a_name_is_registered,
                one_of_several_racing_for_an_address_is_registered,
                one_of_several_racing_for_equal_names_is_registered,
                ids_ascend_and_are_not_reused_by_refusals,
            }
            credentials: {
                a_rehash_requires_the_expected_hash,
                one_of_racing_rehashes_wins,
                a_new_password_invalidates_earlier_tokens,
                a_new_password_revokes_every_session_of_the_account,
                valid_from_never_goes_back,
                disabling_and_enabling_raise_the_version,
                enabling_an_account_revives_no_token,
                unknown_accounts_are_left_alone,
                versions_leave_unknown_accounts_out,
                very_many_versions_are_read_at_once,
                a_password_change_requires_the_expected_hash,
                one_of_racing_password_changes_wins,
                an_account_is_read_with_the_state_of_a_session,
            }
            profile: {
                a_profile_is_updated_in_part,
                a_changed_profile_raises_the_inbox_version,
                racing_profile_updates_are_all_kept,
                many_accounts_are_read_at_once,
                the_last_seen_time_never_goes_back,
                hidden_users_are_not_marked_as_seen,
                very_many_users_are_marked_as_seen_at_once,
            }
        }
    };
}
