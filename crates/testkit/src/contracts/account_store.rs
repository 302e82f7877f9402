//! The contract of [`application::ports::AccountStore`].

pub mod changing;
pub mod profile;
pub mod registering;

/// Runs every case of the contract as its own test.
///
/// `$fresh` is an `async fn() -> testkit::Fixture`, or a function that returns such a
/// future, which makes empty stores.
#[macro_export]
macro_rules! account_store_contract {
    ($fresh:ident) => {
        $crate::contract_cases! { account_store, $fresh,
            registering: {
                what_is_taken_can_be_asked_before,
                an_account_is_found_by_name_and_by_id,
                an_account_may_come_with_its_first_session,
                names_and_addresses_are_told_apart_by_case_and_form,
                a_name_or_an_address_in_use_is_taken,
                many_accounts_have_no_address,
                of_those_who_race_for_a_name_one_is_registered,
                of_those_who_race_for_an_address_one_is_registered,
                ids_ascend_and_are_not_reused_by_refusals,
            }
            changing: {
                a_hash_is_rewritten_only_while_it_is_the_expected_one,
                of_rehashes_that_race_one_wins,
                a_new_password_ends_what_was_issued_before,
                a_new_password_revokes_every_session_of_the_account,
                valid_from_never_goes_back,
                disabling_and_enabling_raise_the_version,
                unknown_accounts_are_left_alone,
                versions_leave_unknown_accounts_out,
                one_may_ask_for_very_many_versions,
                a_password_is_changed_only_while_it_is_the_expected_one,
                of_password_changes_that_race_one_is_made,
                an_account_stands_with_its_session,
            }
            profile: {
                a_profile_is_altered_in_part,
                a_profile_that_becomes_another_is_news_to_its_account,
                of_profile_changes_that_race_none_is_lost,
                many_accounts_are_read_at_once,
                when_somebody_was_last_seen_never_goes_back,
                who_hides_is_not_seen,
                very_many_may_be_seen_at_once,
            }
        }
    };
}
