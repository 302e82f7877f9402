//! Profiles, and when users were last seen.

use std::sync::Arc;

use application::ports::InboxVersion;
use domain::{About, Account, AddedBy, DisplayName, Profile, ProfileUpdate, Update, UserId};
use futures_util::future::join_all;

use crate::Fixture;
use crate::values::at;

async fn account(fixture: &Fixture, id: UserId) -> Account {
    fixture.accounts.by_id(id).await.unwrap().unwrap()
}

async fn inbox_version(fixture: &Fixture, id: UserId) -> InboxVersion {
    fixture.accounts.versions(&[id]).await.unwrap()[0].inbox
}

fn display_name(text: &str) -> Update<DisplayName> {
    Update::Set(Some(DisplayName::parse(text).unwrap()))
}

fn hiding(hides: bool) -> ProfileUpdate {
    ProfileUpdate { hides_presence: Some(hides), ..ProfileUpdate::default() }
}

/// Fields that are not given stay. Nothing else changes, and no other account.
pub async fn a_profile_is_updated_in_part(fixture: Fixture) {
    let (ada, bob) = (fixture.account("ada").await, fixture.account("bob").await);
    let about = About::parse("one\ntwo").unwrap();
    let first = ProfileUpdate {
        display_name: display_name("Ada \u{1f980}"),
        about: Update::Set(Some(about.clone())),
        hides_presence: Some(true),
        added_by: Some(AddedBy::Nobody),
    };
    let second = ProfileUpdate { display_name: Update::Set(None), ..ProfileUpdate::default() };

    let full = fixture.accounts.set_profile(ada.id, first).await.unwrap().unwrap();
    let stored = account(&fixture, ada.id).await;
    let partial = fixture.accounts.set_profile(ada.id, second).await.unwrap().unwrap();
    let missing = UserId::new(ada.id.get() + 1_000);
    let unknown = fixture.accounts.set_profile(missing, hiding(true)).await.unwrap();

    let profile = |name: Option<&str>| Profile {
        display_name: name.map(|name| DisplayName::parse(name).unwrap()),
        about: Some(about.clone()),
        hides_presence: true,
        added_by: AddedBy::Nobody,
    };
    assert_eq!(full, Account { profile: profile(Some("Ada \u{1f980}")), ..ada.clone() });
    assert_eq!(stored, full);
    assert_eq!(partial, Account { profile: profile(None), ..ada });
    assert_eq!(account(&fixture, partial.id).await, partial);
    assert_eq!(unknown, None);
    assert_eq!(account(&fixture, bob.id).await, bob);
}

/// So that its other devices notice. An unchanged profile does not raise it. Both come with the inbox.
pub async fn a_changed_profile_raises_the_inbox_version(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let update = ProfileUpdate { display_name: display_name("Ada"), ..ProfileUpdate::default() };
    let before = inbox_version(&fixture, ada).await;

    let changed = fixture.accounts.set_profile(ada, update.clone()).await.unwrap().unwrap();
    let raised = inbox_version(&fixture, ada).await;
    fixture.accounts.set_profile(ada, update).await.unwrap();
    fixture.accounts.set_profile(ada, ProfileUpdate::default()).await.unwrap();

    assert!(raised > before);
    assert_eq!(inbox_version(&fixture, ada).await, raised);
    let page = fixture.inbox.conversations(ada, None, 1).await.unwrap();
    assert_eq!((page.inbox_version, page.profile), (raised, changed.profile));
}

/// Each updates another field.
pub async fn racing_profile_updates_are_all_kept(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let about = About::parse("me").unwrap();
    let updates = [
        ProfileUpdate { display_name: display_name("Ada"), ..ProfileUpdate::default() },
        ProfileUpdate { about: Update::Set(Some(about.clone())), ..ProfileUpdate::default() },
        hiding(true),
    ];

    let tries = updates.map(|update| {
        let accounts = Arc::clone(&fixture.accounts);
        tokio::spawn(async move { accounts.set_profile(ada, update).await.unwrap() })
    });
    for done in join_all(tries).await {
        done.unwrap();
    }

    let display_name = Some(DisplayName::parse("Ada").unwrap());
    let added_by = AddedBy::Everyone;
    let want = Profile { display_name, about: Some(about), hides_presence: true, added_by };
    assert_eq!(account(&fixture, ada).await.profile, want);
}

/// Those that exist, each once.
pub async fn many_accounts_are_read_at_once(fixture: Fixture) {
    let (ada, bob) = (fixture.account("ada").await, fixture.account("bob").await);
    fixture.account("eve").await;
    let missing = UserId::new(bob.id.get() + 1_000);

    let mut found = fixture.accounts.by_ids(&[bob.id, missing, ada.id, bob.id]).await.unwrap();

    found.sort_by_key(|account| account.id);
    assert_eq!(found, [ada, bob]);
    assert_eq!(fixture.accounts.by_ids(&[]).await.unwrap(), []);
}

/// Whatever the order in which nodes report.
pub async fn the_last_seen_time_never_goes_back(fixture: Fixture) {
    let (ada, bob) = (fixture.account("ada").await, fixture.account("bob").await);
    let missing = UserId::new(bob.id.get() + 1_000);
    let last = async |id| account(&fixture, id).await.last_seen_at;

    let before = [last(ada.id).await, last(bob.id).await];
    fixture.accounts.seen(&[(missing, at(9)), (ada.id, at(20))]).await.unwrap();
    let once = [last(ada.id).await, last(bob.id).await];
    fixture.accounts.seen(&[(bob.id, at(5)), (ada.id, at(10))]).await.unwrap();
    let earlier = [last(ada.id).await, last(bob.id).await];
    fixture.accounts.seen(&[(ada.id, at(30))]).await.unwrap();
    fixture.accounts.seen(&[]).await.unwrap();

    assert_eq!(before, [None, None]);
    assert_eq!(once, [Some(at(20)), None]);
    assert_eq!(earlier, [Some(at(20)), Some(at(5))]);
    assert_eq!(account(&fixture, ada.id).await, Account { last_seen_at: Some(at(30)), ..ada });
}

/// An earlier time stays.
pub async fn hidden_users_are_not_marked_as_seen(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    fixture.accounts.seen(&[(ada, at(10))]).await.unwrap();
    let last = async || account(&fixture, ada).await.last_seen_at;

    fixture.accounts.set_profile(ada, hiding(true)).await.unwrap();
    fixture.accounts.seen(&[(ada, at(20))]).await.unwrap();
    let hidden = last().await;
    fixture.accounts.set_profile(ada, hiding(false)).await.unwrap();
    fixture.accounts.seen(&[(ada, at(15))]).await.unwrap();

    assert_eq!(hidden, Some(at(10)));
    assert_eq!(last().await, Some(at(15)));
}

/// More than fit into one statement.
pub async fn very_many_users_are_marked_as_seen_at_once(fixture: Fixture) {
    let ada = fixture.user("ada").await;
    let last = fixture.user("last").await;
    let unknown = (0..40_000).map(|n| (UserId::new(1_000_000 + n), at(1)));
    let mut moments: Vec<_> = [(ada, at(1))].into_iter().chain(unknown).collect();
    moments.push((last, at(2)));

    fixture.accounts.seen(&moments).await.unwrap();

    assert_eq!(account(&fixture, ada).await.last_seen_at, Some(at(1)));
    assert_eq!(account(&fixture, last).await.last_seen_at, Some(at(2)));
}
