//! Exchanging tokens of the reference server that this server replaces.

use std::sync::Arc;

use application::ports::{Rotation, SessionState};
use domain::{RefreshToken, SessionId, Successor, TokenId};
use futures_util::future::join_all;

use super::exchange::{FAR, GRACE, is_spent, live, rotate, rotated, session_state, successor};
use crate::Fixture;
use crate::values::{at, refresh_token};

const FAMILY: SessionId = SessionId::new(0xfa11);

/// It looks like a token of this server: a UUID without hyphens.
fn foreign() -> RefreshToken {
    token("0b3c9f6c6e5f4d0f8f0e2b1a7c5d4e3f")
}

fn token(jti: &str) -> RefreshToken {
    let id = TokenId::parse(jti).unwrap();
    RefreshToken { id, issued_at: at(0), expires_at: at(FAR) }
}

/// It is spent, and its successor is a token of this server.
pub async fn a_foreign_token_opens_a_session(fixture: Fixture) {
    let ada = fixture.account("ada").await;
    let was_spent = is_spent(&fixture, &foreign().id).await;

    let got = rotate(&fixture, ada.id, &foreign(), 1, 100).await;

    let first = refresh_token(FAMILY, 1, 100, FAR + 100);
    assert_eq!(got, Rotation::Rotated(ada.clone(), first.clone()));
    assert!(!was_spent, "an unknown token is spent");
    assert!(is_spent(&fixture, &foreign().id).await, "still valid");
    assert!(!is_spent(&fixture, &first.id).await, "spent from the start");
    let state = session_state(&fixture, ada.id, FAMILY).await;
    assert_eq!(state, (ada.auth_version, live(FAR + 100)));
    rotated(rotate(&fixture, ada.id, &first, 2, 200).await);
}

/// Within the grace and after it.
pub async fn a_foreign_token_is_replayed_like_any_other(fixture: Fixture) {
    let ada = fixture.account("ada").await;
    let first = rotated(rotate(&fixture, ada.id, &foreign(), 1, 100).await);
    let other_family = |now| successor(SessionId::new(0xbad), 7, now);
    let replay = async |now| {
        let next = other_family(now);
        fixture.sessions.rotate(ada.id, foreign(), next, at(now), GRACE).await.unwrap()
    };

    let within = replay(110).await;
    let second = rotated(rotate(&fixture, ada.id, &first, 2, 110).await);
    let newest = replay(110).await;
    let after = replay(111).await;

    assert_eq!(within, Rotation::Replayed(ada.clone(), first));
    assert_eq!(newest, Rotation::Replayed(ada.clone(), second.clone()));
    assert_eq!(after, Rotation::Stolen);
    let (version, state) = session_state(&fixture, ada.id, FAMILY).await;
    assert_eq!(state, SessionState::Revoked);
    assert!(version > ada.auth_version, "live connections need not authenticate again");
    assert_eq!(rotate(&fixture, ada.id, &second, 3, 112).await, Rotation::Spent);
    let other = session_state(&fixture, ada.id, SessionId::new(0xbad)).await.1;
    assert_eq!(other, SessionState::Unknown);
}

/// Only one session is opened, although each request offers one.
pub async fn one_of_racing_exchanges_of_a_foreign_token_rotates_it(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    for round in 0..10_u64 {
        let presented = token(&format!("foreign-{round}"));

        let tries = (0..5).map(|n| {
            let (sessions, presented) = (Arc::clone(&fixture.sessions), presented.clone());
            let family = SessionId::new(1_000 * round + n);
            let next: Successor = successor(family, n, 100);
            tokio::spawn(async move {
                sessions.rotate(ada, presented, next, at(100), GRACE).await.unwrap()
            })
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

/// The longest ones, ones that differ only in case, and ones that look like syntax.
pub async fn foreign_tokens_are_compared_exactly(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let long = "j".repeat(TokenId::MAX_BYTES);
    let long_too = format!("{}k", "j".repeat(TokenId::MAX_BYTES - 1));
    let forms = [long.as_str(), &long_too, "abc", "ABC", "ключ", "' or 1=1 --", " ", "%"];

    for (n, form) in forms.into_iter().enumerate() {
        let n = u64::try_from(n).unwrap();
        let presented = token(form);
        assert!(!is_spent(&fixture, &presented.id).await, "{form} was taken for another");
        let next = successor(SessionId::new(n), n, 100);
        let got = fixture.sessions.rotate(ada, presented.clone(), next, at(100), GRACE).await;
        assert_eq!(rotated(got.unwrap()).id, TokenId::of(SessionId::new(n), n));
        assert!(is_spent(&fixture, &presented.id).await, "{form} was forgotten");
    }
}

/// Even when its successors expire before it.
pub async fn a_foreign_token_is_remembered_until_it_expires(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let short = Successor { session: FAMILY, random: 1, issued_at: at(100), expires_at: at(200) };
    let exchange = async |next, now| {
        fixture.sessions.rotate(ada, foreign(), next, at(now), GRACE).await.unwrap()
    };
    rotated(exchange(short, 100).await);

    let late = exchange(successor(SessionId::new(0xbad), 2, FAR - 1), FAR - 1).await;

    assert_eq!(late, Rotation::Stolen);
    assert!(is_spent(&fixture, &foreign().id).await, "forgotten too early");
}
