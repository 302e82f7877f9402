//! One contract for each port: a case for each promise in its documentation.
//!
//! The test of an adapter makes a fresh instance and names the contracts:
//!
//! ```text
//! async fn fresh() -> testkit::Fixture {
//!     let clock = Arc::new(ManualClock::default());
//!     Fixture::over(Arc::new(InMemoryChat::new(clock.clone())), clock)
//! }
//!
//! testkit::conversation_store_contract!(fresh);
//! testkit::account_store_contract!(fresh);
//! testkit::session_store_contract!(fresh);
//! testkit::inbox_store_contract!(fresh);
//! testkit::invite_store_contract!(fresh);
//! testkit::model_contract!(fresh);
//! testkit::known_address_store_contract!(fresh);
//! ```

pub mod account_store;
pub mod bus;
pub mod conversation_store;
pub mod inbox_store;
pub mod invite_store;
pub mod known_address_store;
pub mod model;
pub mod password_hasher;
pub mod rate_limiter;
pub mod roster_exchange;
pub mod session_store;
pub mod token_signer;

use std::time::Duration;

/// A case fails after this time, however wrong the adapter is.
const CASE_TIMEOUT: Duration = Duration::from_mins(5);

/// Runs one case on a fresh fixture. For the macros.
#[doc(hidden)]
pub async fn run<T>(fixture: impl Future<Output = T>, case: impl AsyncFnOnce(T)) {
    let whole = async { case(fixture.await).await };
    tokio::time::timeout(CASE_TIMEOUT, whole).await.expect("the case did not end in time");
}

/// Turns cases into tests, in groups or without. For the macros of the contracts.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_cases {
    ($contract:ident, $fresh:ident, $($case:ident,)+) => {
        mod $contract {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $case() {
                    let case = $crate::contracts::$contract::$case;
                    $crate::contracts::run(super::$fresh(), case).await;
                }
            )+
        }
    };
    ($contract:ident, $fresh:ident, $($group:ident: { $($case:ident,)+ })+) => {
        mod $contract {
            $(mod $group {
                $(
                    #[tokio::test(flavor = "multi_thread")]
                    async fn $case() {
                        let case = $crate::contracts::$contract::$group::$case;
                        $crate::contracts::run(super::super::$fresh(), case).await;
                    }
                )+
            })+
        }
    };
}
