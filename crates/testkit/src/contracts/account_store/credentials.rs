//! Passwords, versions, and the state of an account.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{Clock as _, SessionState};
use domain::{Account, AuthVersion, PasswordHash, SessionId, UserId};
use futures_util::future::join_all;

use crate::Fixture;
use crate::values::{at, new_session, refresh_token};

async fn password(fixture: &Fixture, name: &str) -> PasswordHash {
    fixture.accounts.by_username(name).await.unwrap().unwrap().password
}

async fn account(fixture: &Fixture, id: UserId) -> Account {
    fixture.accounts.by_id(id).await.unwrap().unwrap()
}

/// Nothing else changes with it.
pub async fn a_rehash_requires_the_expected_hash(fixture: Fixture) {
    let ada = fixture.account("ada").await;
    let old = password(&fixture, "ada").await;
    let new = PasswordHash::new("new");
    let rehash = async |expected, hash| fixture.accounts.rehash(ada.id, expected, hash).await;

    let first = rehash(&old, new.clone()).await.unwrap();
    let second = rehash(&old, PasswordHash::new("late")).await.unwrap();

    assert!(first, "the expected hash was not replaced");
    assert!(!second, "an unexpected hash was replaced");
    assert_eq!(password(&fixture, "ada").await, new);
    assert_eq!(account(&fixture, ada.id).await, ada);
}

/// It invalidates what a new password invalidates. Otherwise nothing changes.
pub async fn a_password_change_requires_the_expected_hash(fixture: Fixture) {
    let ada = fixture.account("ada").await;
    let session = SessionId::new(1);
    fixture.sessions.open(&ada, new_session(session, 0, 10_000)).await.unwrap();
    let old = password(&fixture, "ada").await;
    let (new, late) = (PasswordHash::new("new"), PasswordHash::new("late"));
    let unknown = UserId::new(ada.id.get() + 1_000);

    let changed = fixture.accounts.change_password(ada.id, &old, new.clone()).await.unwrap();
    let again = fixture.accounts.change_password(ada.id, &old, late).await.unwrap();
    let missing = fixture.accounts.change_password(unknown, &old, new.clone()).await.unwrap();

    let changed = changed.unwrap();
    assert_eq!((again, missing), (None, None));
    assert!(changed.valid_from > ada.valid_from && changed.auth_version > ada.auth_version);
    assert_eq!(account(&fixture, ada.id).await, changed);
    assert_eq!(password(&fixture, "ada").await, new);
    let state =
        fixture.accounts.by_id_with_session(ada.id, Some(session)).await.unwrap().unwrap().1;
    assert_eq!(state, SessionState::Revoked);
}

pub async fn one_of_racing_password_changes_wins(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let old = password(&fixture, "ada").await;

    let tries = (0..8).map(|n| {
        let (accounts, old) = (Arc::clone(&fixture.accounts), old.clone());
        tokio::spawn(async move {
            let new = PasswordHash::new(format!("new{n}"));
            accounts.change_password(ada, &old, new).await.unwrap().is_some()
        })
    });
    let made = join_all(tries).await.into_iter().filter(|made| *made.as_ref().unwrap()).count();

    assert_eq!(made, 1);
}

pub async fn one_of_racing_rehashes_wins(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let old = password(&fixture, "ada").await;

    let tries = (0..8).map(|n| {
        let (accounts, old) = (Arc::clone(&fixture.accounts), old.clone());
        tokio::spawn(async move {
            accounts.rehash(ada, &old, PasswordHash::new(format!("new{n}"))).await.unwrap()
        })
    });
    let won = join_all(tries).await.into_iter().filter(|won| *won.as_ref().unwrap()).count();

    assert_eq!(won, 1);
}

/// From the next second of the store's clock on. Live connections have to
/// authenticate again.
pub async fn a_new_password_invalidates_earlier_tokens(fixture: Fixture) {
    let ada = fixture.account("ada").await;
    let bob = fixture.account("bob").await;
    let new = PasswordHash::new("new");
    fixture.clock.advance(Duration::from_millis(700));
    let before = fixture.clock.now();

    fixture.accounts.set_password(ada.id, new.clone()).await.unwrap();

    let got = account(&fixture, ada.id).await;
    let (valid_from, auth_version) = (got.valid_from, got.auth_version);
    assert!(valid_from >= before.next_second(), "earlier tokens stay valid");
    assert_eq!(valid_from, at(valid_from.seconds()));
    assert!(auth_version > ada.auth_version, "the version did not rise");
    assert_eq!(got, Account { valid_from, auth_version, ..ada });
    assert_eq!(password(&fixture, "ada").await, new);
    assert_eq!(account(&fixture, bob.id).await, bob);
}

/// Not those of other accounts.
pub async fn a_new_password_revokes_every_session_of_the_account(fixture: Fixture) {
    let ada = fixture.account("ada").await;
    let bob = fixture.account("bob").await;
    let open = async |account: &Account, session| {
        let new = new_session(SessionId::new(session), 0, 10_000);
        fixture.sessions.open(account, new).await.unwrap();
    };
    open(&ada, 1).await;
    open(&ada, 2).await;
    open(&bob, 3).await;

    fixture.accounts.set_password(ada.id, PasswordHash::new("new")).await.unwrap();
    open(&account(&fixture, ada.id).await, 4).await;

    let state = async |user, session| {
        let session = Some(SessionId::new(session));
        fixture.accounts.by_id_with_session(user, session).await.unwrap().unwrap().1
    };
    let live = SessionState::Live { opened_at: at(0), expires_at: at(10_000) };
    assert_eq!(state(ada.id, 1).await, SessionState::Revoked);
    assert_eq!(state(ada.id, 2).await, SessionState::Revoked);
    assert_eq!(state(bob.id, 3).await, live);
    assert_eq!(state(ada.id, 4).await, live);
    assert!(
        fixture.sessions.is_spent(&refresh_token(SessionId::new(1), 1, 0, 9).id).await.unwrap()
    );
}

/// Otherwise a clock set back would make invalid tokens valid again.
pub async fn valid_from_never_goes_back(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let set = async || {
        fixture.accounts.set_password(ada, PasswordHash::new("new")).await.unwrap();
        account(&fixture, ada).await.valid_from
    };
    let first = set().await;
    fixture.clock.set(at(1_000));

    let second = set().await;

    assert!(second >= first, "{second:?} after {first:?}");
}

pub async fn disabling_and_enabling_raise_the_version(fixture: Fixture) {
    let ada = fixture.account("ada").await;
    let bob = fixture.account("bob").await;

    fixture.accounts.set_active(ada.id, false).await.unwrap();
    let disabled = account(&fixture, ada.id).await;
    fixture.accounts.set_active(ada.id, true).await.unwrap();
    let enabled = account(&fixture, ada.id).await;

    assert!(!disabled.active && enabled.active);
    assert!(ada.auth_version < disabled.auth_version, "disabling did not raise the version");
    assert!(disabled.auth_version < enabled.auth_version, "enabling did not raise the version");
    let Account { auth_version, valid_from, .. } = ada;
    assert_eq!(Account { auth_version, valid_from, ..enabled }, ada);
    assert_eq!(account(&fixture, bob.id).await, bob);
}

/// Neither its sessions nor tokens of other servers.
pub async fn enabling_an_account_revives_no_token(fixture: Fixture) {
    let ada = fixture.account("ada").await;
    let session = SessionId::new(1);
    fixture.sessions.open(&ada, new_session(session, 0, 10_000)).await.unwrap();
    let before = fixture.clock.now();

    fixture.accounts.set_active(ada.id, false).await.unwrap();
    fixture.accounts.set_active(ada.id, true).await.unwrap();

    let found = fixture.accounts.by_id_with_session(ada.id, Some(session)).await.unwrap();
    let (account, state) = found.unwrap();
    assert_eq!(state, SessionState::Revoked);
    assert!(account.valid_from >= before.next_second(), "a token of before counts again");
}

/// Changing them does nothing and is not an error.
pub async fn unknown_accounts_are_left_alone(fixture: Fixture) {
    let ada = fixture.account("ada").await;
    let unknown = UserId::new(ada.id.get() + 1_000);
    let old = password(&fixture, "ada").await;

    let rehashed = fixture.accounts.rehash(unknown, &old, PasswordHash::new("new")).await.unwrap();
    fixture.accounts.set_password(unknown, PasswordHash::new("new")).await.unwrap();
    fixture.accounts.set_active(unknown, false).await.unwrap();

    assert!(!rehashed, "an unknown account got a password");
    assert_eq!(fixture.accounts.by_id(unknown).await.unwrap(), None);
    assert_eq!(fixture.accounts.by_id_with_session(unknown, None).await.unwrap(), None);
    assert_eq!(account(&fixture, ada.id).await, ada);
}

pub async fn versions_leave_unknown_accounts_out(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let bob = fixture.user("bob").await;
    let unknown = UserId::new(bob.get() + 1_000);
    fixture.accounts.set_active(bob, true).await.unwrap();
    let raised = account(&fixture, bob).await.auth_version;

    let versions = fixture.accounts.versions(&[bob, unknown, ada]).await.unwrap();
    let mut versions: Vec<_> = versions.iter().map(|found| (found.user, found.auth)).collect();
    let none = fixture.accounts.versions(&[]).await.unwrap();

    versions.sort();
    assert_eq!(versions, [(ada, AuthVersion::FIRST), (bob, raised)]);
    assert_eq!(none, []);
}

/// More than a database accepts as parameters of one statement.
pub async fn very_many_versions_are_read_at_once(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let ids: Vec<_> = (0..70_000).map(|n| UserId::new(ada.get() + n)).collect();

    let versions = fixture.accounts.versions(&ids).await.unwrap();

    let versions: Vec<_> = versions.iter().map(|found| (found.user, found.auth)).collect();
    assert_eq!(versions, [(ada, AuthVersion::FIRST)]);
}

/// Unknown, live, or revoked.
pub async fn an_account_is_read_with_the_state_of_a_session(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let (live, revoked, unknown) = (SessionId::new(1), SessionId::new(u64::MAX), SessionId::new(3));
    let read = account(&fixture, ada).await;
    for session in [live, revoked] {
        fixture.sessions.open(&read, new_session(session, 0, 10_000)).await.unwrap();
    }
    fixture.sessions.revoke(ada, revoked).await.unwrap();
    let account = account(&fixture, ada).await;

    let cases = [
        (None, SessionState::Unknown),
        (Some(unknown), SessionState::Unknown),
        (Some(live), SessionState::Live { opened_at: at(0), expires_at: at(10_000) }),
        (Some(revoked), SessionState::Revoked),
    ];
    for (session, want) in cases {
        let got = fixture.accounts.by_id_with_session(ada, session).await.unwrap();
        assert_eq!(got, Some((account.clone(), want)), "session {session:?}");
    }
}
