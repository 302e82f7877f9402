//! Exchanging the server's own tokens.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{Rotation, SessionState};
use domain::{AuthVersion, ExchangeRules, ReplayRule, SessionId};
use futures_util::future::join_all;

use super::exchange::{
    FAR, GRACE, is_spent, live, rotate, rotated, session_state, sign_in, successor,
};
use crate::Fixture;
use crate::values::{at, refresh_token};

const SESSION: SessionId = SessionId::new(0xfeed_0000_0000_0001);

/// The next one belongs to the same session, and the old one is spent.
pub async fn the_current_token_is_exchanged_for_the_next(fixture: Fixture) {
    let ada = fixture.account("ada").await;
    let first = sign_in(&fixture, ada.id, SESSION).await;
    let was_spent = is_spent(&fixture, &first.id).await;

    let got = rotate(&fixture, ada.id, &first, 2, 100).await;

    let next = refresh_token(SESSION, 2, 100, FAR + 100);
    assert_eq!(got, Rotation::Rotated(ada.clone(), next.clone()));
    assert!(!was_spent, "spent before it was exchanged");
    assert!(is_spent(&fixture, &first.id).await, "still valid");
    assert!(!is_spent(&fixture, &next.id).await, "spent from the start");
    let again = rotate(&fixture, ada.id, &next, 3, 200).await;
    assert_eq!(again, Rotation::Rotated(ada, refresh_token(SESSION, 3, 200, FAR + 200)));
}

/// The others get the same successor.
pub async fn one_of_racing_exchanges_rotates_the_token(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    for round in 0..10 {
        let first = sign_in(&fixture, ada, SessionId::new(round)).await;

        let tries = (10..15).map(|random| {
            let (sessions, first) = (Arc::clone(&fixture.sessions), first.clone());
            let next = successor(SESSION, random, 100);
            tokio::spawn(
                async move { sessions.rotate(ada, first, next, at(100), GRACE).await.unwrap() },
            )
        });
        let (mut rotated, mut replayed) = (Vec::new(), Vec::new());
        for answer in join_all(tries).await {
            match answer.unwrap() {
                Rotation::Rotated(_, token) => rotated.push(token),
                Rotation::Replayed(_, token) => replayed.push(token),
                other => panic!("{other:?}"),
            }
        }

        assert_eq!(rotated.len(), 1);
        assert!(replayed.iter().all(|token| *token == rotated[0]), "{replayed:?}");
    }
}

/// Until its end, and any number of times.
pub async fn a_replay_within_the_grace_gets_the_current_token_again(fixture: Fixture) {
    let ada = fixture.account("ada").await;
    let first = sign_in(&fixture, ada.id, SESSION).await;
    let second = rotated(rotate(&fixture, ada.id, &first, 2, 100).await);

    for now in [100, 105, 110] {
        let got = rotate(&fixture, ada.id, &first, 3, now).await;
        assert_eq!(got, Rotation::Replayed(ada.clone(), second.clone()), "at {now}");
    }

    let state = session_state(&fixture, ada.id, SESSION).await;
    assert_eq!(state, (ada.auth_version, live(FAR + 100)));
    assert!(!is_spent(&fixture, &second.id).await, "a replay spent its successor");
}

/// With each predecessor that was exchanged within the grace.
pub async fn a_replay_within_the_grace_gets_the_newest_successor(fixture: Fixture) {
    let ada = fixture.account("ada").await;
    let first = sign_in(&fixture, ada.id, SESSION).await;
    let second = rotated(rotate(&fixture, ada.id, &first, 2, 100).await);
    let third = rotated(rotate(&fixture, ada.id, &second, 3, 104).await);

    for ancestor in [&first, &second] {
        let got = rotate(&fixture, ada.id, ancestor, 4, 108).await;
        assert_eq!(got, Rotation::Replayed(ada.clone(), third.clone()));
    }
}

/// The session is revoked, and live connections have to authenticate again.
pub async fn a_replay_after_the_grace_is_theft(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let first = sign_in(&fixture, ada, SESSION).await;
    let second = rotated(rotate(&fixture, ada, &first, 2, 100).await);

    let theft = rotate(&fixture, ada, &first, 3, 111).await;

    assert_eq!(theft, Rotation::Stolen);
    let (version, state) = session_state(&fixture, ada, SESSION).await;
    assert_eq!(state, SessionState::Revoked);
    assert!(version > AuthVersion::FIRST, "live connections need not authenticate again");
    assert_eq!(rotate(&fixture, ada, &second, 4, 112).await, Rotation::Spent);
    assert!(is_spent(&fixture, &second.id).await, "still valid");
}

/// Only an attacker who knows the session could have made it.
pub async fn an_unknown_token_of_a_known_session_is_theft(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let first = sign_in(&fixture, ada, SESSION).await;
    let forged = refresh_token(SESSION, 99, 0, FAR);

    let was_spent = is_spent(&fixture, &forged.id).await;
    let got = rotate(&fixture, ada, &forged, 2, 100).await;

    assert!(was_spent, "a token that was never issued is valid");
    assert_eq!(got, Rotation::Stolen);
    assert_eq!(session_state(&fixture, ada, SESSION).await.1, SessionState::Revoked);
    assert_eq!(rotate(&fixture, ada, &first, 3, 100).await, Rotation::Spent);
}

/// It is refused at once, and its successor stays valid.
pub async fn without_grace_a_replay_revokes_nothing(fixture: Fixture) {
    let ada = fixture.account("ada").await;
    let first = sign_in(&fixture, ada.id, SESSION).await;
    let exchange = async |token, random, now| {
        let next = successor(SESSION, random, now);
        let rules = ExchangeRules { replay: ReplayRule::Refuse, ..GRACE };
        fixture.sessions.rotate(ada.id, token, next, at(now), rules).await.unwrap()
    };

    let second = rotated(exchange(first.clone(), 2, 100).await);
    let replay = exchange(first.clone(), 3, 100).await;
    let later = exchange(first, 3, 500).await;

    assert_eq!((replay, later), (Rotation::Spent, Rotation::Spent));
    let state = session_state(&fixture, ada.id, SESSION).await;
    assert_eq!(state, (ada.auth_version, live(FAR + 100)));
    rotated(exchange(second, 4, 600).await);
}

/// A theft in one does not end the other either.
pub async fn sessions_of_one_account_are_independent(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let other = SessionId::new(0xfeed_0000_0000_0002);
    let stolen = sign_in(&fixture, ada, SESSION).await;
    let safe = sign_in(&fixture, ada, other).await;

    rotated(rotate(&fixture, ada, &stolen, 2, 100).await);
    let untouched = is_spent(&fixture, &safe.id).await;
    let theft = rotate(&fixture, ada, &stolen, 3, 500).await;

    assert!(!untouched, "one exchange spent two tokens");
    assert_eq!(theft, Rotation::Stolen);
    assert_eq!(session_state(&fixture, ada, other).await.1, live(FAR));
    rotated(rotate(&fixture, ada, &safe, 2, 500).await);
}

/// It stays valid for its own account.
pub async fn a_token_of_another_account_is_refused(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let eve = fixture.user("eve").await;
    let first = sign_in(&fixture, ada, SESSION).await;

    let got = rotate(&fixture, eve, &first, 2, 100).await;

    assert_eq!(got, Rotation::Spent);
    rotated(rotate(&fixture, ada, &first, 3, 100).await);
}

/// However often it is exchanged. The first token of a foreign session counts as its beginning.
pub async fn a_session_ends_after_its_lifetime(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let rules = ExchangeRules { lifetime: Duration::from_secs(1_000), ..GRACE };
    let exchange = async |token, random, now| {
        let next = successor(SessionId::new(0xfa11), random, now);
        fixture.sessions.rotate(ada, token, next, at(now), rules).await.unwrap()
    };
    let own = sign_in(&fixture, ada, SESSION).await;
    let foreign = refresh_token(SessionId::new(0xf0), 1, 0, FAR);

    for (first, session) in [(own, SESSION), (foreign, SessionId::new(0xfa11))] {
        let second = rotated(exchange(first, 2, 400).await);
        let third = rotated(exchange(second, 3, 999).await);
        let state = session_state(&fixture, ada, session).await.1;
        let late = exchange(third.clone(), 4, 1_000).await;

        assert_eq!(third.expires_at, at(1_000));
        assert_eq!(state, live(1_000));
        assert_eq!(late, Rotation::Spent);
    }
}
