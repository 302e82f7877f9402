//! The contract of [`application::ports::KnownAddressStore`].

pub mod knowing;

/// Runs every case of the contract as its own test.
///
/// `$fresh` is an `async fn() -> testkit::Fixture`, or a function that returns such a
/// future, which makes empty stores.
#[macro_export]
macro_rules! known_address_store_contract {
    ($fresh:ident) => {
        $crate::contract_cases! { known_address_store, $fresh,
            knowing: {
                an_address_is_known_until_the_end_that_was_said,
                knowing_it_again_moves_the_end,
                nobody_knows_what_another_knows,
                beyond_the_most_the_first_to_end_is_forgotten,
                what_has_ended_is_forgotten_with_the_next,
                many_who_learn_at_once_are_kept_within_the_most,
                unknown_accounts_know_nothing,
            }
        }
    };
}
