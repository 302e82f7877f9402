//! The contract of [`application::ports::KnownAddressStore`].

use std::sync::Arc;

use application::ports::{AddressDigest, MOST_KNOWN_ADDRESSES};
use domain::{Timestamp, UserId};
use futures_util::future::join_all;

use crate::Fixture;

/// Runs every case of the contract as its own test.
///
/// `$fresh` is an `async fn() -> testkit::Fixture`, or a function that returns
/// such a future. It makes empty stores.
#[macro_export]
macro_rules! known_address_store_contract {
    ($fresh:ident) => {
        $crate::contract_cases! { known_address_store, $fresh,
            an_address_is_known_until_the_given_end,
            adding_it_again_changes_the_end,
            known_addresses_belong_to_one_account,
            beyond_the_limit_the_first_to_expire_is_forgotten,
            adding_an_address_forgets_expired_ones,
            concurrent_additions_stay_within_the_limit,
            unknown_accounts_have_no_known_addresses,
        }
    };
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

async fn know(fixture: &Fixture, user: UserId, digest: u128, now: i64, until: i64) {
    fixture.addresses.know(user, AddressDigest(digest), at(now), at(until)).await.unwrap();
}

async fn known(fixture: &Fixture, user: UserId, digest: u128) -> Option<Timestamp> {
    fixture.addresses.known_until(user, AddressDigest(digest)).await.unwrap()
}

/// Exact to the microsecond.
pub async fn an_address_is_known_until_the_given_end(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let end = Timestamp::from_micros(1_700_000_000_123_457);

    fixture.addresses.know(ada, AddressDigest(u128::MAX), at(1), end).await.unwrap();

    assert_eq!(known(&fixture, ada, u128::MAX).await, Some(end));
    assert_eq!(known(&fixture, ada, u128::MAX - 1).await, None);
}

/// To an earlier or a later time.
pub async fn adding_it_again_changes_the_end(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    for end in [100, 200, 150] {
        know(&fixture, ada, 1, 50, end).await;

        assert_eq!(known(&fixture, ada, 1).await, Some(at(end)));
    }
}

pub async fn known_addresses_belong_to_one_account(fixture: Fixture) {
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);

    know(&fixture, ada, 1, 1, 100).await;

    assert_eq!(known(&fixture, bob, 1).await, None);
}

/// Only that account loses one.
pub async fn beyond_the_limit_the_first_to_expire_is_forgotten(fixture: Fixture) {
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    let limit = MOST_KNOWN_ADDRESSES as u128;
    know(&fixture, bob, 1_000, 1, 90).await;
    for digest in 0..=limit {
        let end = 100 + i64::try_from(digest).unwrap();
        know(&fixture, ada, digest, 1, end).await;
    }

    assert_eq!(known(&fixture, ada, 0).await, None);
    for digest in 1..=limit {
        assert!(known(&fixture, ada, digest).await.is_some(), "{digest}");
    }
    assert_eq!(known(&fixture, bob, 1_000).await, Some(at(90)));
}

/// Of all accounts.
pub async fn adding_an_address_forgets_expired_ones(fixture: Fixture) {
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    know(&fixture, ada, 1, 1, 10).await;
    know(&fixture, ada, 2, 1, 11).await;
    know(&fixture, bob, 3, 1, 10).await;

    know(&fixture, ada, 4, 10, 20).await;

    assert_eq!(known(&fixture, ada, 1).await, None);
    assert_eq!(known(&fixture, ada, 2).await, Some(at(11)));
    assert_eq!(known(&fixture, bob, 3).await, None);
}

/// None of them fails.
pub async fn concurrent_additions_stay_within_the_limit(fixture: Fixture) {
    let fixture = Arc::new(fixture);
    let ada = fixture.user("ada").await;
    let all = 2 * MOST_KNOWN_ADDRESSES as u128;
    for digest in 0..all {
        know(&fixture, ada, digest, 1, 10).await;
    }

    let additions = (all..2 * all).map(|digest| {
        let fixture = Arc::clone(&fixture);
        tokio::spawn(async move { know(&fixture, ada, digest, 10, 20).await })
    });
    for added in join_all(additions).await {
        added.unwrap();
    }

    let mut kept = 0;
    for digest in 0..2 * all {
        kept += usize::from(known(&fixture, ada, digest).await.is_some());
    }
    assert_eq!(kept, MOST_KNOWN_ADDRESSES);
}

/// Adding one is not an error.
pub async fn unknown_accounts_have_no_known_addresses(fixture: Fixture) {
    know(&fixture, UserId::new(7), 1, 1, 100).await;

    assert_eq!(known(&fixture, UserId::new(7), 1).await, None);
}
