//! What becomes of an account.

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

/// And nothing else changes with it.
pub async fn a_hash_is_rewritten_only_while_it_is_the_expected_one(fixture: Fixture) {
    let ada = fixture.account("ada").await;
    let old = password(&fixture, "ada").await;
    let new = PasswordHash::new("new");
    let rehash = async |expected, hash| fixture.accounts.rehash(ada.id, expected, hash).await;

    let first = rehash(&old, new.clone()).await.unwrap();
    let second = rehash(&old, PasswordHash::new("late")).await.unwrap();

    assert!(first, "the expected hash was not replaced");
    assert!(!second, "another hash was replaced");
    assert_eq!(password(&fixture, "ada").await, new);
    assert_eq!(account(&fixture, ada.id).await, ada);
}

/// It ends what a new password ends; otherwise nothing changes.
pub async fn a_password_is_changed_only_while_it_is_the_expected_one(fixture: Fixture) {
    let ada = fixture.account("ada").await;
    let session = SessionId::new(1);
    fixture.sessions.open(&ada, new_session(session, 0, 10_000)).await.unwrap();
    let old = password(&fixture, "ada").await;
    let (new, late) = (PasswordHash::new("new"), PasswordHash::new("late"));
    let nobody = UserId::new(ada.id.get() + 1_000);

    let changed = fixture.accounts.change_password(ada.id, &old, new.clone()).await.unwrap();
    let again = fixture.accounts.change_password(ada.id, &old, late).await.unwrap();
    let unknown = fixture.accounts.change_password(nobody, &old, new.clone()).await.unwrap();

    let changed = changed.unwrap();
    assert_eq!((again, unknown), (None, None));
    assert!(changed.valid_from > ada.valid_from && changed.auth_version > ada.auth_version);
    assert_eq!(account(&fixture, ada.id).await, changed);
    assert_eq!(password(&fixture, "ada").await, new);
    let state = fixture.accounts.standing(ada.id, Some(session)).await.unwrap().unwrap().1;
    assert_eq!(state, SessionState::Revoked);
}

/// Of several that expect the same.
pub async fn of_password_changes_that_race_one_is_made(fixture: Fixture) {
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

/// Of several that expect the same.
pub async fn of_rehashes_that_race_one_wins(fixture: Fixture) {
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

/// From the next second of the store's clock on, be it a database's, and asks
/// live connections to prove themselves again.
pub async fn a_new_password_ends_what_was_issued_before(fixture: Fixture) {
    let ada = fixture.account("ada").await;
    let bob = fixture.account("bob").await;
    let new = PasswordHash::new("new");
    fixture.clock.advance(Duration::from_millis(700));
    let before = fixture.clock.now();

    fixture.accounts.set_password(ada.id, new.clone()).await.unwrap();

    let got = account(&fixture, ada.id).await;
    let (valid_from, auth_version) = (got.valid_from, got.auth_version);
    assert!(valid_from >= before.next_second(), "tokens of before live on");
    assert_eq!(valid_from, at(valid_from.seconds()));
    assert!(auth_version > ada.auth_version, "the version stood still");
    assert_eq!(got, Account { valid_from, auth_version, ..ada });
    assert_eq!(password(&fixture, "ada").await, new);
    assert_eq!(account(&fixture, bob.id).await, bob);
}

/// Not those of others.
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
        fixture.accounts.standing(user, session).await.unwrap().unwrap().1
    };
    assert_eq!(state(ada.id, 1).await, SessionState::Revoked);
    assert_eq!(state(ada.id, 2).await, SessionState::Revoked);
    assert_eq!(state(bob.id, 3).await, SessionState::Live);
    assert_eq!(state(ada.id, 4).await, SessionState::Live);
    assert!(
        fixture.sessions.is_spent(&refresh_token(SessionId::new(1), 1, 0, 9).id).await.unwrap()
    );
}

/// A clock that goes back makes no ended token good again.
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

/// Each time.
pub async fn disabling_and_enabling_raise_the_version(fixture: Fixture) {
    let ada = fixture.account("ada").await;
    let bob = fixture.account("bob").await;

    fixture.accounts.set_active(ada.id, false).await.unwrap();
    let disabled = account(&fixture, ada.id).await;
    fixture.accounts.set_active(ada.id, true).await.unwrap();
    let enabled = account(&fixture, ada.id).await;

    assert!(!disabled.active && enabled.active);
    assert!(ada.auth_version < disabled.auth_version, "disabling passed unseen");
    assert!(disabled.auth_version < enabled.auth_version, "enabling passed unseen");
    assert_eq!(Account { auth_version: ada.auth_version, ..enabled }, ada);
    assert_eq!(account(&fixture, bob.id).await, bob);
}

/// Whatever is done to them does nothing, and is no error.
pub async fn unknown_accounts_are_left_alone(fixture: Fixture) {
    let ada = fixture.account("ada").await;
    let nobody = UserId::new(ada.id.get() + 1_000);
    let old = password(&fixture, "ada").await;

    let rehashed = fixture.accounts.rehash(nobody, &old, PasswordHash::new("new")).await.unwrap();
    fixture.accounts.set_password(nobody, PasswordHash::new("new")).await.unwrap();
    fixture.accounts.set_active(nobody, false).await.unwrap();

    assert!(!rehashed, "somebody unknown has a password");
    assert_eq!(fixture.accounts.by_id(nobody).await.unwrap(), None);
    assert_eq!(fixture.accounts.standing(nobody, None).await.unwrap(), None);
    assert_eq!(account(&fixture, ada.id).await, ada);
}

/// One for each that exists.
pub async fn versions_leave_unknown_accounts_out(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let bob = fixture.user("bob").await;
    let nobody = UserId::new(bob.get() + 1_000);
    fixture.accounts.set_active(bob, true).await.unwrap();
    let raised = account(&fixture, bob).await.auth_version;

    let versions = fixture.accounts.versions(&[bob, nobody, ada]).await.unwrap();
    let mut versions: Vec<_> = versions.iter().map(|found| (found.user, found.auth)).collect();
    let none = fixture.accounts.versions(&[]).await.unwrap();

    versions.sort();
    assert_eq!(versions, [(ada, AuthVersion::FIRST), (bob, raised)]);
    assert_eq!(none, []);
}

/// More than a database takes as parameters of one statement.
pub async fn one_may_ask_for_very_many_versions(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let ids: Vec<_> = (0..70_000).map(|n| UserId::new(ada.get() + n)).collect();

    let versions = fixture.accounts.versions(&ids).await.unwrap();

    let versions: Vec<_> = versions.iter().map(|found| (found.user, found.auth)).collect();
    assert_eq!(versions, [(ada, AuthVersion::FIRST)]);
}

/// Never seen, alive, or revoked.
pub async fn an_account_stands_with_its_session(fixture: Fixture) {
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
        (Some(live), SessionState::Live),
        (Some(revoked), SessionState::Revoked),
    ];
    for (session, want) in cases {
        let got = fixture.accounts.standing(ada, session).await.unwrap();
        assert_eq!(got, Some((account.clone(), want)), "session {session:?}");
    }
}
