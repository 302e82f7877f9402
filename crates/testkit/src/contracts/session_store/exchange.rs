//! Helpers to sign in and exchange tokens.

use std::time::Duration;

use application::ports::{Rotation, SessionState};
use domain::{
    AuthVersion, ExchangeRules, RefreshToken, ReplayRule, SessionId, Successor, TokenId, UserId,
};

use crate::Fixture;
use crate::values::{at, new_session};

pub(super) const GRACE: ExchangeRules = ExchangeRules {
    replay: ReplayRule::Grace(Duration::from_secs(10)),
    // Longer than every case.
    lifetime: Duration::from_secs(10 * FAR.cast_unsigned()),
};

/// Long after every time that the cases use.
pub(super) const FAR: i64 = 1_000_000;

/// Opens a session with token 1.
pub(super) async fn sign_in(fixture: &Fixture, user: UserId, session: SessionId) -> RefreshToken {
    let account = fixture.accounts.by_id(user).await.unwrap().unwrap();
    let new = new_session(session, 0, FAR);
    fixture.sessions.open(&account, new.clone()).await.unwrap();
    new.first
}

/// Successor number `random`, issued at `now`. `family` only matters for foreign tokens.
pub(super) fn successor(family: SessionId, random: u64, now: i64) -> Successor {
    Successor { session: family, random, issued_at: at(now), expires_at: at(FAR + now) }
}

/// Exchanges `token` for number `random` at second `now`.
pub(super) async fn rotate(
    fixture: &Fixture,
    user: UserId,
    token: &RefreshToken,
    random: u64,
    now: i64,
) -> Rotation {
    let next = successor(SessionId::new(0xfa11), random, now);
    fixture.sessions.rotate(user, token.clone(), next, at(now), GRACE).await.unwrap()
}

/// The new token.
pub(super) fn rotated(rotation: Rotation) -> RefreshToken {
    match rotation {
        Rotation::Rotated(_, token) => token,
        other => panic!("not rotated: {other:?}"),
    }
}

pub(super) async fn is_spent(fixture: &Fixture, id: &TokenId) -> bool {
    fixture.sessions.is_spent(id).await.unwrap()
}

/// A session that was opened at second 0 and expires at this one unless it is used.
pub(super) fn live(expires: i64) -> SessionState {
    live_since(0, expires)
}

pub(super) fn live_since(opened: i64, expires: i64) -> SessionState {
    SessionState::Live { opened_at: at(opened), expires_at: at(expires) }
}

pub(super) async fn session_state(
    fixture: &Fixture,
    user: UserId,
    session: SessionId,
) -> (AuthVersion, SessionState) {
    let (account, state) =
        fixture.accounts.by_id_with_session(user, Some(session)).await.unwrap().unwrap();
    (account.auth_version, state)
}
