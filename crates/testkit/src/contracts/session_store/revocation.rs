//! Revoked and expired sessions, and refused tokens.

use std::sync::Arc;

use application::ports::{NewAccount, Rotation, SessionState};
use domain::{Account, PasswordHash, RefreshToken, SessionId, Successor, UserId};
use futures_util::future::join_all;

use super::exchange::{
    FAR, GRACE, is_spent, live, live_since, rotate, rotated, session_state, sign_in, successor,
};
use crate::Fixture;
use crate::values::{at, new_account, new_session, refresh_token};

const SESSION: SessionId = SessionId::new(0xfeed_0000_0000_0001);

/// For disabled and unknown accounts, nothing is exchanged. Enabling revives no token.
pub async fn only_active_accounts_exchange_tokens(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let unknown_user = UserId::new(ada.get() + 1_000);
    let first = sign_in(&fixture, ada, SESSION).await;
    let foreign = refresh_token(SessionId::new(0xf0), 1, 0, FAR);
    fixture.accounts.set_active(ada, false).await.unwrap();

    for token in [&first, &foreign] {
        assert_eq!(rotate(&fixture, ada, token, 2, 100).await, Rotation::NoAccount);
    }
    assert_eq!(rotate(&fixture, unknown_user, &foreign, 2, 100).await, Rotation::NoAccount);
    assert!(!is_spent(&fixture, &foreign.id).await, "spent without an exchange");

    fixture.accounts.set_active(ada, true).await.unwrap();
    for token in [&first, &foreign] {
        assert_eq!(rotate(&fixture, ada, token, 3, 100).await, Rotation::NoAccount);
    }
}

/// Tokens of exactly that second are accepted.
pub async fn tokens_from_before_valid_from_are_refused(fixture: Fixture) {
    let ada = fixture.account("ada").await;
    let own = sign_in(&fixture, ada.id, SESSION).await;
    fixture.accounts.set_password(ada.id, PasswordHash::new("new")).await.unwrap();
    let ada = fixture.accounts.by_id(ada.id).await.unwrap().unwrap();
    let from = ada.valid_from.seconds();
    let early = refresh_token(SessionId::new(0xf0), 1, from - 1, from + FAR);
    let timely = refresh_token(SessionId::new(0xf0), 2, from, from + FAR);

    for token in [&own, &early] {
        assert_eq!(rotate(&fixture, ada.id, token, 2, from + 100).await, Rotation::NoAccount);
    }
    assert!(!is_spent(&fixture, &early.id).await, "spent without an exchange");
    let Rotation::Rotated(account, _) = rotate(&fixture, ada.id, &timely, 2, from + 100).await
    else {
        panic!("a token of that second was refused");
    };
    assert_eq!(account, ada);
}

/// All its tokens are spent, and connections have to authenticate again. A
/// second revocation reports that there was nothing to revoke.
pub async fn a_revoked_session_accepts_no_token(fixture: Fixture) {
    let ada = fixture.account("ada").await;
    let first = sign_in(&fixture, ada.id, SESSION).await;
    let second = rotated(rotate(&fixture, ada.id, &first, 2, 100).await);

    let ended = fixture.sessions.revoke(ada.id, SESSION).await.unwrap();
    let (version, state) = session_state(&fixture, ada.id, SESSION).await;
    let again = fixture.sessions.revoke(ada.id, SESSION).await.unwrap();

    assert_eq!((ended, again), (true, false));
    assert_eq!(state, SessionState::Revoked);
    assert!(version > ada.auth_version, "live connections need not authenticate again");
    for token in [&first, &second] {
        assert_eq!(rotate(&fixture, ada.id, token, 3, 101).await, Rotation::Spent);
        assert!(is_spent(&fixture, &token.id).await, "still valid");
    }
    assert_eq!(session_state(&fixture, ada.id, SESSION).await, (version, SessionState::Revoked));
}

/// Another account cannot.
pub async fn only_the_own_account_revokes_a_session(fixture: Fixture) {
    let ada = fixture.account("ada").await;
    let bob = fixture.user("bob").await;
    sign_in(&fixture, ada.id, SESSION).await;

    let ended = fixture.sessions.revoke(bob, SESSION).await.unwrap();

    assert!(!ended);
    let state = session_state(&fixture, ada.id, SESSION).await;
    assert_eq!(state, (ada.auth_version, live(FAR)));
}

/// Only one reports success.
pub async fn one_of_racing_revocations_succeeds(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    sign_in(&fixture, ada, SESSION).await;

    let tries = (0..8).map(|_| {
        let sessions = Arc::clone(&fixture.sessions);
        tokio::spawn(async move { sessions.revoke(ada, SESSION).await.unwrap() })
    });
    let ended = join_all(tries).await.into_iter().filter(|ended| *ended.as_ref().unwrap()).count();

    assert_eq!(ended, 1);
}

/// Also foreign tokens up to the following second. Other accounts are not affected.
pub async fn revoking_all_ends_every_earlier_session_and_token(fixture: Fixture) {
    let (ada, bob) = (fixture.account("ada").await, fixture.account("bob").await);
    let first = sign_in(&fixture, ada.id, SESSION).await;
    sign_in(&fixture, ada.id, SessionId::new(2)).await;
    sign_in(&fixture, bob.id, SessionId::new(3)).await;

    fixture.sessions.revoke_all(ada.id).await.unwrap();

    let got = fixture.accounts.by_id(ada.id).await.unwrap().unwrap();
    let (valid_from, auth_version) = (got.valid_from, got.auth_version);
    assert!(valid_from > ada.valid_from && auth_version > ada.auth_version, "{got:?}");
    assert_eq!(got, Account { valid_from, auth_version, ..ada.clone() });
    for session in [SESSION, SessionId::new(2)] {
        assert_eq!(session_state(&fixture, ada.id, session).await.1, SessionState::Revoked);
    }
    let other = session_state(&fixture, bob.id, SessionId::new(3)).await;
    assert_eq!(other, (bob.auth_version, live(FAR)));
    let from = valid_from.seconds();
    let foreign = |random, issued| refresh_token(SessionId::new(0xf0), random, issued, from + FAR);
    for token in [first, foreign(1, from - 1)] {
        assert_eq!(rotate(&fixture, ada.id, &token, 2, from).await, Rotation::NoAccount);
    }
    rotated(rotate(&fixture, ada.id, &foreign(2, from), 2, from).await);
}

/// Either it comes too late and is refused, or it is found and revoked.
pub async fn a_session_that_races_revoking_all_is_revoked(fixture: Fixture) {
    for round in 0..10 {
        let ada = fixture.account(&format!("ada{round}")).await;
        let session = SessionId::new(round);

        let (sessions, account) = (Arc::clone(&fixture.sessions), ada.clone());
        let new = new_session(session, 0, FAR);
        let opening = tokio::spawn(async move { sessions.open(&account, new).await });
        let sessions = Arc::clone(&fixture.sessions);
        let ending = tokio::spawn(async move { sessions.revoke_all(ada.id).await });
        let opened = opening.await.unwrap().is_ok();
        ending.await.unwrap().unwrap();

        let want = if opened { SessionState::Revoked } else { SessionState::Unknown };
        assert_eq!(session_state(&fixture, ada.id, session).await.1, want, "opened: {opened}");
    }
}

/// The session stays unknown.
pub async fn revoking_an_unknown_session_does_nothing(fixture: Fixture) {
    let ada = fixture.account("ada").await;

    assert!(!fixture.sessions.revoke(ada.id, SESSION).await.unwrap());

    let state = session_state(&fixture, ada.id, SESSION).await;
    assert_eq!(state, (ada.auth_version, SessionState::Unknown));
}

async fn open_until(fixture: &Fixture, user: UserId, session: u64, expires: i64) -> RefreshToken {
    let account = fixture.accounts.by_id(user).await.unwrap().unwrap();
    let new = new_session(SessionId::new(session), 0, expires);
    fixture.sessions.open(&account, new.clone()).await.unwrap();
    new.first
}

/// With the next exchange of any user. Live sessions stay.
pub async fn an_expired_session_is_forgotten(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    open_until(&fixture, ada, 1, 100).await;
    open_until(&fixture, ada, 2, 101).await;
    let other = open_until(&fixture, ada, 3, FAR).await;

    rotated(rotate(&fixture, ada, &other, 2, 100).await);

    let state = async |session| session_state(&fixture, ada, SessionId::new(session)).await.1;
    assert_eq!(state(1).await, SessionState::Unknown);
    assert_eq!(state(2).await, live(101));
    assert_eq!(state(3).await, live(FAR + 100));
}

/// Also when a registration opens it.
pub async fn opening_a_session_forgets_expired_ones(fixture: Fixture) {
    let ada = fixture.account("ada").await;
    let state = async |session| session_state(&fixture, ada.id, SessionId::new(session)).await.1;
    for (session, expires) in [(1, 100), (2, 101), (3, 102)] {
        open_until(&fixture, ada.id, session, expires).await;
    }

    let opened = new_session(SessionId::new(4), 100, FAR);
    fixture.sessions.open(&ada, opened).await.unwrap();
    let by_opening = [state(1).await, state(2).await, state(3).await, state(4).await];
    let first_session = Some(new_session(SessionId::new(5), 101, FAR));
    let new = NewAccount { first_session, ..new_account("bob") };
    fixture.accounts.create(new).await.unwrap();
    let by_registering = [state(2).await, state(3).await, state(4).await];

    let unknown = SessionState::Unknown;
    assert_eq!(by_opening, [unknown, live(101), live(102), live_since(100, FAR)]);
    assert_eq!(by_registering, [unknown, live(102), live_since(100, FAR)]);
}

/// It does not count as a foreign token either, revoked or not.
pub async fn an_expired_token_stays_invalid(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let expired = open_until(&fixture, ada, 1, 100).await;
    let revoked = open_until(&fixture, ada, 2, 100).await;
    fixture.sessions.revoke(ada, SessionId::new(2)).await.unwrap();

    for token in [&expired, &revoked] {
        for now in [100, 500] {
            assert_eq!(rotate(&fixture, ada, token, 2, now).await, Rotation::Spent, "at {now}");
        }
    }
}

/// A session is kept as long as its longest-lived token. That need not be the
/// current one, because the setting may have been shortened.
pub async fn a_longer_lived_predecessor_stays_spent(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let first = sign_in(&fixture, ada, SESSION).await;
    let short = Successor { expires_at: at(200), ..successor(SESSION, 2, 100) };
    let exchange = async |next, now| {
        fixture.sessions.rotate(ada, first.clone(), next, at(now), GRACE).await.unwrap()
    };
    rotated(exchange(short, 100).await);

    let late = exchange(successor(SessionId::new(0xbad), 3, 300), 300).await;

    assert_eq!(late, Rotation::Stolen);
    assert!(is_spent(&fixture, &first.id).await, "forgotten too early");
}
