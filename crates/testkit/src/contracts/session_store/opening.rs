//! Opening a session.

use std::sync::Arc;

use application::ports::{OpenSessionError, SessionState};
use domain::{Account, AuthVersion, PasswordHash, SessionId, UserId};

use super::exchange::{FAR, is_spent, live, rotate, rotated, session_state};
use crate::Fixture;
use crate::values::{new_session, refresh_token};

const SESSION: SessionId = SessionId::new(0xfeed_0000_0000_0001);

/// Its first token is the current one.
pub async fn a_new_session_is_live(fixture: Fixture) {
    let ada = fixture.account("ada").await;

    fixture.sessions.open(&ada, new_session(SESSION, 0, FAR)).await.unwrap();

    let first = refresh_token(SESSION, 1, 0, FAR);
    let state = session_state(&fixture, ada.id, SESSION).await;
    assert_eq!(state, (ada.auth_version, live(FAR)));
    assert!(!is_spent(&fixture, &first.id).await, "spent from the start");
    rotated(rotate(&fixture, ada.id, &first, 2, 100).await);
}

async fn is_refused(fixture: &Fixture, account: &Account) -> bool {
    let answer = fixture.sessions.open(account, new_session(SESSION, 0, FAR)).await;
    matches!(answer, Err(OpenSessionError::AccountChanged))
}

/// Whatever changed, and even if it was changed back.
pub async fn an_account_that_changed_meanwhile_opens_no_session(fixture: Fixture) {
    let read = fixture.account("ada").await;
    let ada = read.id;

    fixture.accounts.set_active(ada, false).await.unwrap();
    let disabled = is_refused(&fixture, &read).await;
    fixture.accounts.set_active(ada, true).await.unwrap();
    let enabled = is_refused(&fixture, &read).await;
    let read = fixture.accounts.by_id(ada).await.unwrap().unwrap();
    fixture.accounts.set_password(ada, PasswordHash::new("new")).await.unwrap();
    let other_password = is_refused(&fixture, &read).await;

    assert!(disabled && enabled && other_password, "{disabled} {enabled} {other_password}");
    assert_eq!(session_state(&fixture, ada, SESSION).await.1, SessionState::Unknown);
    let unknown_user = UserId::new(ada.get() + 1_000);
    assert!(is_refused(&fixture, &Account { id: unknown_user, ..read.clone() }).await);
    let version = AuthVersion::new(read.auth_version.get() + 2);
    assert!(is_refused(&fixture, &Account { auth_version: version, ..read }).await);
}

/// Either it comes too late and is refused, or it is found and revoked.
pub async fn a_session_that_races_a_new_password_is_revoked(fixture: Fixture) {
    for round in 0..10 {
        let ada = fixture.account(&format!("ada{round}")).await;
        let session = SessionId::new(round);

        let (sessions, account) = (Arc::clone(&fixture.sessions), ada.clone());
        let opening =
            tokio::spawn(
                async move { sessions.open(&account, new_session(session, 0, FAR)).await },
            );
        let accounts = Arc::clone(&fixture.accounts);
        let setting =
            tokio::spawn(
                async move { accounts.set_password(ada.id, PasswordHash::new("x")).await },
            );
        let opened = opening.await.unwrap().is_ok();
        setting.await.unwrap().unwrap();

        let want = if opened { SessionState::Revoked } else { SessionState::Unknown };
        assert_eq!(session_state(&fixture, ada.id, session).await.1, want, "opened: {opened}");
    }
}
