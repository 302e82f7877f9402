//! The contract of [`application::ports::TokenSigner`].
//!
//! Tokens that the port itself would never sign (other algorithms, missing
//! claims) are the adapter's own tests.

pub mod reading;

/// Runs every case of the contract as its own test.
///
/// `$signer` is an `async fn() -> Arc<dyn TokenSigner>`.
#[macro_export]
macro_rules! token_signer_contract {
    ($signer:ident) => {
        $crate::contract_cases! { token_signer, $signer,
            reading: {
                a_token_says_what_was_signed,
                equal_claims_make_equal_tokens,
                every_claim_makes_another_token,
                a_token_ends_with_its_last_second,
                a_token_may_come_from_a_clock_a_little_ahead,
                what_was_not_signed_is_invalid,
            }
        }
    };
}
