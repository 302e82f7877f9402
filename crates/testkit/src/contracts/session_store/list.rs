//! The list of a user's sessions.

use application::ports::{ActiveSession, SessionCursor};
use domain::{SessionId, UserId};

use super::exchange::{FAR, rotate, rotated};
use crate::Fixture;
use crate::values::{at, new_session, refresh_token};

async fn open(fixture: &Fixture, user: UserId, session: u64, opened: i64, expires: i64) {
    let account = fixture.accounts.by_id(user).await.unwrap().unwrap();
    let new = new_session(SessionId::new(session), opened, expires);
    fixture.sessions.open(&account, new).await.unwrap();
}

async fn active_sessions(
    fixture: &Fixture,
    user: UserId,
    before: Option<SessionCursor>,
    limit: usize,
) -> Vec<ActiveSession> {
    fixture.sessions.active_sessions(user, before, at(500), limit).await.unwrap()
}

/// With the times of opening, last use and expiry.
pub async fn sessions_are_listed_by_last_use(fixture: Fixture) {
    let (ada, bob) = (fixture.user("ada").await, fixture.user("bob").await);
    open(&fixture, ada, 1, 100, FAR).await;
    open(&fixture, ada, 2, 200, FAR).await;
    open(&fixture, bob, 3, 300, FAR).await;
    let first = refresh_token(SessionId::new(1), 1, 100, FAR);
    rotated(rotate(&fixture, ada, &first, 2, 400).await);

    let listed = active_sessions(&fixture, ada, None, 10).await;

    let used = ActiveSession {
        session: SessionId::new(1),
        opened_at: at(100),
        used_at: at(400),
        expires_at: at(FAR + 400),
    };
    let unused = ActiveSession {
        session: SessionId::new(2),
        opened_at: at(200),
        used_at: at(200),
        expires_at: at(FAR),
    };
    assert_eq!(listed, [used, unused]);
}

/// Even if expired ones are not forgotten yet.
pub async fn revoked_and_expired_sessions_are_not_listed(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    for (session, expires) in [(1, 500), (2, 501), (3, FAR)] {
        open(&fixture, ada, session, 100, expires).await;
    }
    fixture.sessions.revoke(ada, SessionId::new(3)).await.unwrap();

    let listed = active_sessions(&fixture, ada, None, 10).await;

    let ids: Vec<_> = listed.iter().map(|session| session.session.get()).collect();
    assert_eq!(ids, [2]);
}

/// Each once, although many were last used at the same time.
pub async fn sessions_are_listed_in_pages(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    for session in 0..7 {
        // One has the top bit, which a database stores as the sign.
        let id = session << 61;
        open(&fixture, ada, id, 100 + i64::from(session > 3), FAR).await;
    }
    let all = active_sessions(&fixture, ada, None, 10).await;

    let mut pages = Vec::new();
    while pages.len() < 7 {
        let before = pages.last().map(ActiveSession::cursor);
        let page = active_sessions(&fixture, ada, before, 2).await;
        assert!(!page.is_empty() && page.len() <= 2, "{page:?}");
        pages.extend(page);
    }

    assert_eq!(pages, all);
    assert_eq!(
        active_sessions(&fixture, ada, pages.last().map(ActiveSession::cursor), 2).await,
        []
    );
}

/// It counts as opened when the token was issued.
pub async fn the_session_of_a_foreign_token_is_listed(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let foreign = refresh_token(SessionId::new(0xf0), 1, 0, FAR);
    let current = rotated(rotate(&fixture, ada, &foreign, 2, 300).await);

    let listed = active_sessions(&fixture, ada, None, 10).await;

    let session = current.id.session().unwrap();
    let (opened_at, used_at) = (at(0), at(300));
    assert_eq!(
        listed,
        [ActiveSession { session, opened_at, used_at, expires_at: current.expires_at }]
    );
}
