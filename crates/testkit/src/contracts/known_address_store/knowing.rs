//! What accounts know, and for how long.

use std::sync::Arc;

use application::ports::{AddressDigest, MOST_KNOWN_ADDRESSES};
use domain::{Timestamp, UserId};
use futures_util::future::join_all;

use crate::Fixture;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

async fn know(fixture: &Fixture, user: UserId, digest: u128, now: i64, until: i64) {
    fixture.addresses.know(user, AddressDigest(digest), at(now), at(until)).await.unwrap();
}

async fn known(fixture: &Fixture, user: UserId, digest: u128) -> Option<Timestamp> {
    fixture.addresses.known_until(user, AddressDigest(digest)).await.unwrap()
}

/// To the microsecond.
pub async fn an_address_is_known_until_the_end_that_was_said(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let end = Timestamp::from_micros(1_700_000_000_123_457);

    fixture.addresses.know(ada, AddressDigest(u128::MAX), at(1), end).await.unwrap();

    assert_eq!(known(&fixture, ada, u128::MAX).await, Some(end));
    assert_eq!(known(&fixture, ada, u128::MAX - 1).await, None);
}

/// Whichever way.
pub async fn knowing_it_again_moves_the_end(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    for end in [100, 200, 150] {
        know(&fixture, ada, 1, 50, end).await;

        assert_eq!(known(&fixture, ada, 1).await, Some(at(end)));
    }
}

/// Not even by its digest.
pub async fn nobody_knows_what_another_knows(fixture: Fixture) {
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);

    know(&fixture, ada, 1, 1, 100).await;

    assert_eq!(known(&fixture, bob, 1).await, None);
}

/// Of that account alone.
pub async fn beyond_the_most_the_first_to_end_is_forgotten(fixture: Fixture) {
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    let most = MOST_KNOWN_ADDRESSES as u128;
    know(&fixture, bob, 1_000, 1, 90).await;
    for digest in 0..=most {
        let end = 100 + i64::try_from(digest).unwrap();
        know(&fixture, ada, digest, 1, end).await;
    }

    assert_eq!(known(&fixture, ada, 0).await, None);
    for digest in 1..=most {
        assert!(known(&fixture, ada, digest).await.is_some(), "{digest}");
    }
    assert_eq!(known(&fixture, bob, 1_000).await, Some(at(90)));
}

/// Whoever knew it.
pub async fn what_has_ended_is_forgotten_with_the_next(fixture: Fixture) {
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    know(&fixture, ada, 1, 1, 10).await;
    know(&fixture, ada, 2, 1, 11).await;
    know(&fixture, bob, 3, 1, 10).await;

    know(&fixture, ada, 4, 10, 20).await;

    assert_eq!(known(&fixture, ada, 1).await, None);
    assert_eq!(known(&fixture, ada, 2).await, Some(at(11)));
    assert_eq!(known(&fixture, bob, 3).await, None);
}

/// None of them fails for the others.
pub async fn many_who_learn_at_once_are_kept_within_the_most(fixture: Fixture) {
    let fixture = Arc::new(fixture);
    let ada = fixture.user("ada").await;
    let all = 2 * MOST_KNOWN_ADDRESSES as u128;
    for digest in 0..all {
        know(&fixture, ada, digest, 1, 10).await;
    }

    let learning = (all..2 * all).map(|digest| {
        let fixture = Arc::clone(&fixture);
        tokio::spawn(async move { know(&fixture, ada, digest, 10, 20).await })
    });
    for learnt in join_all(learning).await {
        learnt.unwrap();
    }

    let mut kept = 0;
    for digest in 0..2 * all {
        kept += usize::from(known(&fixture, ada, digest).await.is_some());
    }
    assert_eq!(kept, MOST_KNOWN_ADDRESSES);
}

/// And nothing fails for it.
pub async fn unknown_accounts_know_nothing(fixture: Fixture) {
    know(&fixture, UserId::new(7), 1, 1, 100).await;

    assert_eq!(known(&fixture, UserId::new(7), 1).await, None);
}
