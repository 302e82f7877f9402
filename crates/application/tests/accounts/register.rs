use std::sync::Arc;
use std::time::Duration;

use application::accounts::RegisterError;
use application::ports::{AccountStore as _, SessionState, Taken, TokenKind};
use domain::{Timestamp, UserId};
use memory::InMemoryChat;
use tokio::task::JoinSet;

use crate::world::{ACCESS_TTL, GRACE, REFRESH_TTL, registration, world};

#[tokio::test]
async fn a_new_account_is_signed_in_by_a_pair_of_one_session() {
    let world = world(GRACE);
    world.clock.advance(Duration::from_millis(700));

    let pair = world.register("alice").await.unwrap();

    let account = world.account("alice").await;
    let (access, refresh) = (world.read(&pair.access), world.read(&pair.refresh));
    for (token, kind, ttl) in
        [(&access, TokenKind::Access, ACCESS_TTL), (&refresh, TokenKind::Refresh, REFRESH_TTL)]
    {
        assert!(token.expect(kind).is_ok());
        assert_eq!(token.user, Some(account.id));
        assert_eq!(token.issued_at.unwrap().seconds(), world.now().seconds());
        assert_eq!(token.issued_at.unwrap().after(ttl), token.expires_at);
    }
    assert_ne!(access.id, refresh.id);
    assert_eq!(access.id.unwrap().session(), refresh.id.unwrap().session());
    assert!(pair.access.contains(":alice:") && pair.refresh.contains(":alice:"));
    assert_eq!(account.email.unwrap().as_str(), "alice@example.com");
    assert!(account.active && !account.superuser);
}

/// Whatever fails later, there is no account without a session that was promised.
#[tokio::test]
async fn an_account_and_its_first_session_are_stored_in_one_step() {
    let world = world(GRACE);
    let elsewhere = Arc::new(InMemoryChat::new(world.clock.clone()));
    let accounts = world.with_sessions_in(elsewhere);

    let pair = accounts.register(registration("alice")).await.unwrap();

    let (alice, session) = (world.account("alice").await, world.session(&pair.access));
    let standing = world.chat.by_id_with_session(alice.id, Some(session)).await.unwrap();
    let now = Timestamp::from_seconds(world.now().seconds());
    let live = SessionState::Live { opened_at: world.now(), expires_at: now.after(REFRESH_TTL) };
    assert_eq!(standing, Some((alice, live)));
}

#[tokio::test]
async fn a_name_in_use_is_refused_and_keeps_nothing() {
    let world = world(GRACE);
    world.register("alice").await.unwrap();

    let again = world.register("alice").await;

    assert!(matches!(again, Err(RegisterError::Taken(Taken { username: true, email: true }))));
    assert_eq!(world.register("bob").await.map(drop).ok(), Some(()));
    assert_eq!(world.account("bob").await.id, UserId::new(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_parallel_registrations_of_one_name_one_succeeds() {
    let world = Arc::new(world(GRACE));

    let mut racers = JoinSet::new();
    for _ in 0..8 {
        let world = Arc::clone(&world);
        racers.spawn(async move { world.register("alice").await.is_ok() });
    }
    let won = racers.join_all().await;

    assert_eq!(won.iter().filter(|won| **won).count(), 1);
}

#[tokio::test]
async fn a_pair_is_never_printed() {
    let world = world(GRACE);

    let pair = world.register("alice").await.unwrap();

    assert_eq!(format!("{pair:?}"), "TokenPair(hidden)");
}
