use std::time::Duration;

use application::accounts::{AuthenticateError, RefreshError};
use application::ports::{AccountStore as _, Audience, TokenError, TokenKind};
use domain::{Password, ReplayRule, Timestamp, UserId};
use tokio::task::JoinSet;

use crate::world::{ACCESS_TTL, GRACE, PASSWORD, REFRESH_TTL, SESSION_TTL, world};

#[tokio::test]
async fn a_refresh_token_is_exchanged_for_a_pair_of_the_same_session() {
    let world = world(GRACE);
    let first = world.register("alice").await.unwrap();
    world.clock.advance(Duration::from_mins(10));

    let next = world.accounts.refresh(&first.refresh, Audience::Compat).await.unwrap();

    let (access, refresh) = (world.read(&next.access), world.read(&next.refresh));
    for (token, ttl) in [(&access, ACCESS_TTL), (&refresh, REFRESH_TTL)] {
        assert_eq!(token.issued_at, Some(world.now()));
        assert_eq!(token.expires_at, world.now().after(ttl));
        assert_eq!(token.user, Some(world.account("alice").await.id));
    }
    assert!(next.access.contains(":alice:") && next.refresh.contains(":alice:"));
    assert_eq!(world.session(&next.refresh), world.session(&first.refresh));
    assert_eq!(world.session(&next.access), world.session(&first.refresh));
    assert_ne!(next.refresh, first.refresh);
    assert!(world.accounts.authenticate(&first.access, Audience::Compat).await.is_ok());
    assert!(world.accounts.refresh(&next.refresh, Audience::Compat).await.is_ok());
}

#[tokio::test]
async fn a_replay_within_the_grace_gets_the_same_successor_and_a_new_access_token() {
    let world = world(GRACE);
    let first = world.register("alice").await.unwrap();
    let next = world.accounts.refresh(&first.refresh, Audience::Compat).await.unwrap();
    world.clock.advance(Duration::from_secs(10));

    let again = world.accounts.refresh(&first.refresh, Audience::Compat).await.unwrap();

    assert_eq!(again.refresh, next.refresh);
    assert_ne!(again.access, next.access);
    assert!(world.accounts.refresh(&again.refresh, Audience::Compat).await.is_ok());
}

#[tokio::test]
async fn a_replay_after_the_grace_is_theft_and_ends_the_session() {
    let world = world(GRACE);
    let first = world.register("alice").await.unwrap();
    let other = world.sign_in("alice", PASSWORD).await.unwrap();
    let next = world.accounts.refresh(&first.refresh, Audience::Compat).await.unwrap();
    let version = world.account("alice").await.auth_version;
    world.clock.advance(Duration::from_secs(11));

    let replay = world.accounts.refresh(&first.refresh, Audience::Compat).await;

    assert!(matches!(replay, Err(RefreshError::Spent)));
    assert!(matches!(
        world.accounts.refresh(&next.refresh, Audience::Compat).await,
        Err(RefreshError::Spent)
    ));
    assert!(matches!(
        world.accounts.authenticate(&next.access, Audience::Compat).await,
        Err(AuthenticateError::Token(TokenError::Invalid))
    ));
    assert!(world.account("alice").await.auth_version > version);
    assert!(world.accounts.refresh(&other.refresh, Audience::Compat).await.is_ok());
}

#[tokio::test]
async fn without_grace_a_replay_is_refused_and_revokes_nothing() {
    let world = world(ReplayRule::Refuse);
    let first = world.register("alice").await.unwrap();
    let next = world.accounts.refresh(&first.refresh, Audience::Compat).await.unwrap();

    let replay = world.accounts.refresh(&first.refresh, Audience::Compat).await;

    assert!(matches!(replay, Err(RefreshError::Spent)));
    assert!(world.accounts.authenticate(&next.access, Audience::Compat).await.is_ok());
    assert!(world.accounts.refresh(&next.refresh, Audience::Compat).await.is_ok());
}

#[tokio::test]
async fn a_foreign_token_is_the_spent_first_of_a_new_session() {
    let world = world(ReplayRule::Refuse);
    world.register("alice").await.unwrap();
    let alice = world.account("alice").await;
    let foreign = world.foreign(TokenKind::Refresh, alice.id);

    let next = world.accounts.refresh(&foreign, Audience::Compat).await.unwrap();
    let replay = world.accounts.refresh(&foreign, Audience::Compat).await;

    assert!(matches!(replay, Err(RefreshError::Spent)));
    assert_eq!(world.session(&next.access), world.session(&next.refresh));
    assert_eq!(
        world.accounts.authenticate(&next.access, Audience::Compat).await.unwrap().account,
        alice
    );
    assert!(world.accounts.refresh(&next.refresh, Audience::Compat).await.is_ok());
}

#[tokio::test]
async fn a_foreign_token_replayed_within_the_grace_gets_its_successor_again() {
    let world = world(GRACE);
    world.register("alice").await.unwrap();
    let foreign = world.foreign(TokenKind::Refresh, world.account("alice").await.id);

    let next = world.accounts.refresh(&foreign, Audience::Compat).await.unwrap();
    let again = world.accounts.refresh(&foreign, Audience::Compat).await.unwrap();

    assert_eq!(again.refresh, next.refresh);
}

#[tokio::test]
async fn only_active_accounts_are_refreshed() {
    let world = world(GRACE);
    let pair = world.register("alice").await.unwrap();
    let unknown = world.foreign(TokenKind::Refresh, UserId::new(2_000_000_000));
    world.manage.set_active("alice", false).await.unwrap();

    let inactive = world.accounts.refresh(&pair.refresh, Audience::Compat).await;
    let nobody = world.accounts.refresh(&unknown, Audience::Compat).await;
    world.manage.set_active("alice", true).await.unwrap();
    let enabled = world.accounts.refresh(&pair.refresh, Audience::Compat).await;

    assert!(matches!(inactive, Err(RefreshError::NoAccount)));
    assert!(matches!(nobody, Err(RefreshError::NoAccount)));
    assert!(matches!(enabled, Err(RefreshError::NoAccount)), "a token of before counts again");
}

#[tokio::test]
async fn a_new_password_ends_every_refresh_token_of_before() {
    let world = world(GRACE);
    let pair = world.register("alice").await.unwrap();
    let alice = world.account("alice").await.id;
    let foreign = world.foreign(TokenKind::Refresh, alice);

    world.manage.set_password("alice", Password::parse("battery staple").unwrap()).await.unwrap();

    for token in [&pair.refresh, &foreign] {
        assert!(matches!(
            world.accounts.refresh(token, Audience::Compat).await,
            Err(RefreshError::NoAccount)
        ));
    }
    assert!(world.chat.by_id(alice).await.unwrap().unwrap().active);
}

#[tokio::test]
async fn what_is_no_refresh_token_is_not_exchanged() {
    let world = world(GRACE);
    let pair = world.register("alice").await.unwrap();

    let access = world.accounts.refresh(&pair.access, Audience::Compat).await;
    let garbage = world.accounts.refresh("garbage", Audience::Compat).await;
    world.clock.advance(REFRESH_TTL);
    let expired = world.accounts.refresh(&pair.refresh, Audience::Compat).await;

    assert!(matches!(access, Err(RefreshError::Token(TokenError::WrongType))));
    assert!(matches!(garbage, Err(RefreshError::Token(TokenError::Invalid))));
    assert!(matches!(expired, Err(RefreshError::Token(TokenError::Invalid))));
}

#[tokio::test]
async fn a_session_ends_after_its_lifetime_however_often_it_is_refreshed() {
    let world = world(GRACE);
    let mut pair = world.register("alice").await.unwrap();
    let end = world.now().after(SESSION_TTL);
    // Not a multiple of it, so that the last exchange is shortly before the end.
    let step = REFRESH_TTL.saturating_sub(ACCESS_TTL);

    while end.since(world.now()) > step {
        world.clock.advance(step);
        pair = world.accounts.refresh(&pair.refresh, Audience::Compat).await.unwrap();
    }
    world.clock.advance(end.since(world.now()).saturating_sub(ACCESS_TTL / 2));
    pair = world.accounts.refresh(&pair.refresh, Audience::Compat).await.unwrap();
    let caller = world.accounts.authenticate(&pair.access, Audience::Compat).await.unwrap();
    let listed = world.accounts.sessions(&caller, None, 10).await.unwrap();
    let (access, refresh) = (world.read(&pair.access), world.read(&pair.refresh));
    world.clock.advance(ACCESS_TTL / 2);

    let last = Timestamp::from_seconds(end.seconds());
    assert_eq!([access.expires_at, refresh.expires_at], [last, last]);
    assert_eq!([caller.session_expires_at, listed[0].expires_at], [last, last]);
    assert!(matches!(
        world.accounts.refresh(&pair.refresh, Audience::Compat).await,
        Err(RefreshError::Token(TokenError::Invalid))
    ));
    assert!(matches!(
        world.accounts.recheck(&caller).await,
        Err(AuthenticateError::Token(TokenError::Invalid))
    ));
}

#[tokio::test]
async fn a_lower_lifetime_ends_open_sessions() {
    let world = world(GRACE);
    let pair = world.register("alice").await.unwrap();
    let later = world.with_session_ttl(ACCESS_TTL / 2);
    let caller = later.authenticate(&pair.access, Audience::Compat).await.unwrap();
    let listed = later.sessions(&caller, None, 10).await.unwrap();

    world.clock.advance(ACCESS_TTL / 2);

    assert_eq!(listed[0].expires_at, caller.session_expires_at);
    assert!(later.time_left(&caller) > later.session_time_left(&caller));
    assert!(matches!(
        later.authenticate(&pair.access, Audience::Compat).await,
        Err(AuthenticateError::Token(TokenError::Invalid))
    ));
    assert!(matches!(
        later.refresh(&pair.refresh, Audience::Compat).await,
        Err(RefreshError::Spent)
    ));
    for token in [&pair.access, &pair.refresh] {
        assert!(later.verify(token).await.is_err(), "{token}");
    }
    assert!(world.accounts.refresh(&pair.refresh, Audience::Compat).await.is_ok());
}

#[tokio::test]
async fn a_session_of_a_foreign_token_begins_with_the_token() {
    let world = world(GRACE);
    world.register("alice").await.unwrap();
    let foreign = world.foreign(TokenKind::Refresh, world.account("alice").await.id);
    let issued_at = world.read(&foreign).issued_at.unwrap();
    world.clock.advance(ACCESS_TTL);

    let pair = world.accounts.refresh(&foreign, Audience::Compat).await.unwrap();

    let caller = world.accounts.authenticate(&pair.access, Audience::Compat).await.unwrap();
    let listed = world.accounts.sessions(&caller, None, 10).await.unwrap();
    let foreign = listed.iter().find(|listed| Some(listed.session) == caller.session).unwrap();
    assert_eq!(foreign.opened_at, issued_at);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_parallel_exchanges_without_grace_one_succeeds() {
    let world = world(ReplayRule::Refuse);
    let pair = world.register("alice").await.unwrap();

    let mut racers = JoinSet::new();
    for _ in 0..8 {
        let (accounts, token) = (world.accounts.clone(), pair.refresh.clone());
        racers.spawn(async move { accounts.refresh(&token, Audience::Compat).await.is_ok() });
    }
    let won = racers.join_all().await;

    assert_eq!(won.iter().filter(|won| **won).count(), 1);
}
