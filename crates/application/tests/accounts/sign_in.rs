use std::sync::Arc;
use std::time::Duration;

use application::accounts::{RegisterError, SignInError};
use application::ports::{
    AccountStore as _, Audience, BackendError, NewAccount, PasswordHasher, Taken, Verdict,
};
use async_trait::async_trait;
use domain::{NameRule, Password, PasswordHash};
use memory::InMemoryChat;
use testkit::values::{new_account, username};
use testkit::{InstantHasher, ManualClock};

use crate::world::{GRACE, PASSWORD, World, world};

async fn with_outdated_hash() -> World {
    let world = world(GRACE);
    let mut new = new_account("alice");
    new.password = InstantHasher::outdated(PASSWORD);
    world.chat.create(new).await.unwrap();
    world
}

async fn hash_of(world: &World, name: &str) -> PasswordHash {
    world.chat.by_username(name).await.unwrap().unwrap().password
}

#[tokio::test]
async fn every_sign_in_is_a_session_of_its_own() {
    let world = world(GRACE);
    world.register("alice").await.unwrap();

    let first = world.sign_in("alice", PASSWORD).await.unwrap();
    let second = world.sign_in("alice", PASSWORD).await.unwrap();

    assert_ne!(world.session(&first.access), world.session(&second.access));
    for pair in [first, second] {
        assert_eq!(world.session(&pair.access), world.session(&pair.refresh));
        let caller = world.accounts.authenticate(&pair.access, Audience::Compat).await.unwrap();
        assert_eq!(caller.account, world.account("alice").await);
    }
}

#[tokio::test]
async fn every_refusal_is_the_same_after_one_comparison() {
    let world = world(GRACE);
    world.register("alice").await.unwrap();
    world.register("gone").await.unwrap();
    world.manage.set_active("gone", false).await.unwrap();
    let cases = [
        ("wrong password", "alice", "wrong horse"),
        ("address for a name", "alice@example.com", PASSWORD),
        ("unknown", "nobody", PASSWORD),
        ("no name at all", " \u{1f980}", ""),
        ("inactive", "gone", PASSWORD),
        ("inactive, wrong password", "gone", "wrong horse"),
    ];

    for (name, username, password) in cases {
        let before = world.hasher.compared();
        let got = world.sign_in(username, password).await;
        assert!(matches!(got, Err(SignInError::NoActiveAccount)), "case: {name}");
        assert_eq!(world.hasher.compared(), before + 1, "case: {name}");
    }
}

/// Otherwise the right password of a disabled account would be refused sooner than a wrong one.
#[tokio::test]
async fn the_password_of_a_disabled_account_is_compared_with_nothing() {
    let world = world(GRACE);
    world.register("gone").await.unwrap();
    world.manage.set_active("gone", false).await.unwrap();

    for password in [PASSWORD, "wrong horse"] {
        assert!(world.sign_in("gone", password).await.is_err());
    }

    assert_eq!((world.hasher.compared(), world.hasher.compared_with_nothing()), (2, 2));
}

#[tokio::test]
async fn the_exact_name_signs_in_before_the_only_equal_one() {
    let world = world(GRACE);
    let password = PasswordHash::new(format!("instant$0${PASSWORD}"));
    let zoe = NewAccount { username: username("Zo\u{eb}"), password, ..new_account("zoe2") };
    world.chat.create(zoe).await.unwrap();
    for name in ["bob", "BOB"] {
        let password = PasswordHash::new(format!("instant$0${name} horse"));
        let new = NewAccount { names: NameRule::Exact, password, ..new_account(name) };
        world.chat.create(new).await.unwrap();
    }
    let cases = [
        ("Zo\u{eb}", PASSWORD, true),
        ("zoe\u{308}", PASSWORD, true),
        ("ZO\u{cb}", PASSWORD, true),
        ("zoe", PASSWORD, false),
        ("bob", "bob horse", true),
        ("BOB", "BOB horse", true),
        ("BOB", "bob horse", false),
        ("Bob", "bob horse", false),
    ];

    for (name, password, want) in cases {
        let got = world.sign_in(name, password).await.is_ok();
        assert_eq!(got, want, "{name} {password}");
    }
}

#[tokio::test]
async fn names_that_equal_that_of_an_account_cannot_be_registered() {
    let world = world(GRACE);
    world.register("bob").await.unwrap();

    let got = world.register("BOB").await;

    let both = Taken { username: true, email: true };
    assert!(matches!(got, Err(RegisterError::Taken(taken)) if taken == both), "{got:?}");
}

#[tokio::test]
async fn a_hash_of_a_password_as_it_was_typed_is_replaced_by_one_of_the_prepared_form() {
    let world = world(GRACE);
    let typed = "cafe\u{301} cr\u{e8}me";
    let password = PasswordHash::new(format!("instant$0${typed}"));
    world.chat.create(NewAccount { password, ..new_account("alice") }).await.unwrap();

    assert!(world.sign_in("alice", "caf\u{e9} cr\u{e8}me").await.is_err());
    assert!(world.sign_in("alice", typed).await.is_ok());
    assert!(world.sign_in("alice", "caf\u{e9} cr\u{e8}me").await.is_ok());
    assert!(world.sign_in("alice", &format!(" {typed}\n")).await.is_ok());
}

#[tokio::test]
async fn an_outdated_hash_is_replaced_and_tokens_live_on() {
    let world = with_outdated_hash().await;

    let first = world.sign_in("alice", PASSWORD).await.unwrap();

    let hash = hash_of(&world, "alice").await;
    assert!(hash.as_str().starts_with("instant$"));
    world.sign_in("alice", PASSWORD).await.unwrap();
    assert_eq!(hash_of(&world, "alice").await, hash);
    assert!(world.accounts.authenticate(&first.access, Audience::Compat).await.is_ok());
}

#[tokio::test]
async fn an_outdated_hash_that_cannot_be_replaced_still_lets_in() {
    let world = with_outdated_hash().await;
    world.hasher.refuse_to_hash();

    let got = world.sign_in("alice", PASSWORD).await;

    assert!(got.is_ok());
    assert_eq!(hash_of(&world, "alice").await, InstantHasher::outdated(PASSWORD));
}

#[tokio::test]
async fn a_wrong_password_replaces_no_hash() {
    let world = with_outdated_hash().await;

    let got = world.sign_in("alice", "wrong horse").await;

    assert!(matches!(got, Err(SignInError::NoActiveAccount)));
    assert_eq!(hash_of(&world, "alice").await, InstantHasher::outdated(PASSWORD));
}

#[tokio::test]
async fn after_a_new_password_only_that_one_lets_in_at_once() {
    let world = world(GRACE);
    world.register("alice").await.unwrap();
    let password = Password::parse("battery staple").unwrap();
    world.manage.set_password("alice", password).await.unwrap();

    let old = world.sign_in("alice", PASSWORD).await;
    let new = world.sign_in("alice", "battery staple").await.unwrap();

    assert!(matches!(old, Err(SignInError::NoActiveAccount)));
    assert!(world.accounts.authenticate(&new.access, Audience::Compat).await.is_ok());
    assert!(world.accounts.refresh(&new.refresh, Audience::Compat).await.is_ok());
}

/// Somebody sets another password while this one is compared, which takes long.
struct Overtaken {
    chat: Arc<InMemoryChat>,
    clock: Arc<ManualClock>,
}

#[async_trait]
impl PasswordHasher for Overtaken {
    async fn hash(&self, _: Password) -> Result<PasswordHash, BackendError> {
        Err(BackendError::new("hash a password", "this one only compares"))
    }

    async fn verify(&self, _: Password, _: Option<PasswordHash>) -> Result<Verdict, BackendError> {
        let alice = self.chat.by_username("alice").await?.unwrap().account.id;
        let new = PasswordHash::new("instant$0$battery staple");
        self.chat.set_password(alice, new).await?;
        self.clock.advance(Duration::from_mins(1));
        Ok(Verdict::Match)
    }
}

#[tokio::test]
async fn a_password_set_while_the_old_one_is_compared_lets_the_old_one_in_no_more() {
    let world = world(GRACE);
    world.register("alice").await.unwrap();
    let hasher = Overtaken { chat: world.chat.clone(), clock: world.clock.clone() };

    let got = world.sign_in_with(Arc::new(hasher), "alice", PASSWORD).await;

    assert!(matches!(got, Err(SignInError::NoActiveAccount)), "{got:?}");
}
