//! The contract of [`application::ports::RateLimiter`].

pub mod attempting;
pub mod holding;
pub mod taking;

use std::sync::Arc;

use application::ports::{LimitKey, LimitScope, RateLimiter};

use crate::ManualClock;

/// The limiter of one node, that of the only other one if there can be others, and
/// the clock they go by.
pub struct Counted {
    /// Under test.
    pub limiter: Arc<dyn RateLimiter>,
    /// Shares with it what nodes share.
    pub other: Option<Arc<dyn RateLimiter>>,
    /// What tells it the time.
    pub clock: Arc<ManualClock>,
}

const fn key(subject: u128) -> LimitKey {
    LimitKey { scope: LimitScope::SignInsByAccount, subject }
}

/// Runs every case of the contract as its own test.
///
/// `$fresh` is an `async fn() -> testkit::contracts::rate_limiter::Counted`.
#[macro_export]
macro_rules! rate_limiter_contract {
    ($fresh:ident) => {
        $crate::contract_cases! { rate_limiter, $fresh,
            taking: {
                a_bucket_holds_its_burst_and_then_says_how_long,
                what_was_refused_was_not_taken,
                a_bucket_fills_again_and_never_past_its_burst,
                buckets_do_not_know_of_each_other,
                over_any_time_no_more_is_given_than_was_there,
                of_parallel_takers_only_so_many_get_one,
                a_clock_set_back_shuts_nobody_out_for_long,
                the_largest_quota_and_the_smallest_work,
            }
            attempting: {
                attempts_beyond_the_free_ones_wait_twice_as_long_each_time,
                an_attempt_that_came_too_early_is_not_counted,
                attempts_are_forgotten_when_told_to,
                attempts_are_forgotten_when_it_was_quiet_for_long,
                attempts_at_one_key_slow_no_other,
                of_parallel_attempts_only_the_free_ones_are_made,
            }
            holding: {
                a_node_is_told_what_others_hold_and_not_its_own,
                what_comes_late_is_old,
                keys_are_held_apart,
                what_is_released_is_soon_held_no_longer,
                of_parallel_holds_the_last_one_said_counts,
            }
        }
    };
}
