//! The contract of [`application::ports::PasswordHasher`].

pub mod comparing;

/// Runs every case of the contract as its own test.
///
/// `$hasher` is an `async fn() -> Arc<dyn PasswordHasher>`; give it the lowest
/// cost that there is.
#[macro_export]
macro_rules! password_hasher_contract {
    ($hasher:ident) => {
        $crate::contract_cases! { password_hasher, $hasher,
            comparing: {
                a_password_matches_its_hash_and_no_other,
                equal_passwords_have_different_hashes,
                every_character_of_a_password_counts,
                an_unknown_user_never_matches,
                a_hash_that_is_none_never_matches,
                many_may_ask_at_once,
            }
        }
    };
}
