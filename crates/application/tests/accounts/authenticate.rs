use std::sync::Arc;
use std::time::Duration;

use application::accounts::{AuthenticateError, RefreshError, VerifyError};
use application::ports::{
    AccountStore as _, Audience, BackendError, Claims, PresentedToken, SessionStore as _,
    TokenError, TokenKind, TokenSigner,
};
use domain::{Password, Timestamp, UserId};
use testkit::values::new_account;

use crate::world::{ACCESS_TTL, GRACE, REFRESH_TTL, World, world};

/// Reads every token as the same.
struct Reads(Result<PresentedToken, TokenError>);

impl TokenSigner for Reads {
    fn sign(&self, _: &Claims) -> Result<String, BackendError> {
        Err(BackendError::new("sign a token", "this one only reads"))
    }

    fn read(&self, _: &str, _: Timestamp) -> Result<PresentedToken, TokenError> {
        self.0.clone()
    }
}

async fn told(world: &World, presented: Result<PresentedToken, TokenError>) -> String {
    let accounts = world.with_signer(Arc::new(Reads(presented)));
    match accounts.authenticate("any", Audience::Compat).await {
        Ok(caller) => caller.account.username.as_str().to_owned(),
        Err(error) => format!("{error:?}"),
    }
}

#[tokio::test]
async fn the_first_thing_wrong_is_told_in_the_order_of_the_contract() {
    let world = world(GRACE);
    let pair = world.register("alice").await.unwrap();
    world.register("gone").await.unwrap();
    world.manage.set_active("gone", false).await.unwrap();
    let good = world.read(&pair.access);
    let gone = world.account("gone").await.id;
    let imported = world.chat.create(new_account("imported")).await.unwrap().id;
    let with = |change: fn(&mut PresentedToken)| {
        let mut presented = good.clone();
        change(&mut presented);
        Ok(presented)
    };
    let nobody = |presented: &mut PresentedToken| {
        presented.names_user = false;
        presented.user = None;
    };
    let cases = [
        (with(|_| {}), "alice"),
        (Err(TokenError::Invalid), "Token(Invalid)"),
        (Err(TokenError::NoExpiry), "Token(NoExpiry)"),
        (
            with(|presented| {
                presented.id = None;
                presented.kind = None;
            }),
            "Token(NoId)",
        ),
        (with(|presented| presented.kind = None), "Token(NoType)"),
        (
            with(|presented| {
                presented.kind = Some("refresh".into());
                presented.names_user = false;
            }),
            "Token(WrongType)",
        ),
        (with(nobody), "NoUser"),
        (with(|presented| presented.user = None), "UnknownUser"),
        (with(|presented| presented.user = Some(UserId::new(2_000_000_000))), "UnknownUser"),
        (with(|presented| presented.user = Some(UserId::new(i64::MIN))), "UnknownUser"),
        (Ok(PresentedToken { user: Some(gone), ..good.clone() }), "Inactive"),
        (with(|presented| presented.issued_at = None), "Token(Invalid)"),
        (Ok(PresentedToken { user: Some(imported), issued_at: None, ..good.clone() }), "imported"),
    ];

    for (presented, want) in cases {
        assert_eq!(told(&world, presented).await, want);
    }
}

#[tokio::test]
async fn a_token_outlives_neither_its_time_nor_its_session() {
    let world = world(GRACE);
    let pair = world.register("alice").await.unwrap();
    let other = world.sign_in("alice", crate::world::PASSWORD).await.unwrap();
    let caller = world.accounts.authenticate(&pair.access, Audience::Compat).await.unwrap();

    world.chat.revoke(caller.account.id, world.session(&pair.access)).await.unwrap();

    for answer in [
        world.accounts.authenticate(&pair.access, Audience::Compat).await,
        world.accounts.recheck(&caller).await,
    ] {
        assert!(matches!(answer, Err(AuthenticateError::Token(TokenError::Invalid))));
    }
    assert!(world.accounts.authenticate(&other.access, Audience::Compat).await.is_ok());
    world.clock.advance(ACCESS_TTL);
    let late = world.accounts.authenticate(&other.access, Audience::Compat).await;
    assert!(matches!(late, Err(AuthenticateError::Token(TokenError::Invalid))));
}

#[tokio::test]
async fn a_foreign_token_counts_unless_it_is_older_than_the_password() {
    let world = world(GRACE);
    world.register("alice").await.unwrap();
    let alice = world.account("alice").await.id;
    let before = world.foreign(TokenKind::Access, alice);
    assert!(world.accounts.authenticate(&before, Audience::Compat).await.is_ok());

    let password = Password::parse("battery staple").unwrap();
    world.manage.set_password("alice", password).await.unwrap();
    let within_a_second = world.accounts.authenticate(&before, Audience::Compat).await;
    world.clock.advance(Duration::from_secs(1));
    let after = world
        .accounts
        .authenticate(&world.foreign(TokenKind::Access, alice), Audience::Compat)
        .await;

    assert!(matches!(within_a_second, Err(AuthenticateError::Token(TokenError::Invalid))));
    assert!(after.is_ok());
}

/// A replaced server with the same key also gave its first user the id 1.
#[tokio::test]
async fn only_an_imported_account_accepts_tokens_from_before_it_was_made() {
    let world = world(GRACE);
    let [first, second] = [1, 2].map(UserId::new);
    let earlier = |user| [TokenKind::Access, TokenKind::Refresh].map(|k| world.foreign(k, user));
    let (made_here, imported) = (earlier(first), earlier(second));
    world.clock.advance(Duration::from_secs(1));
    assert!(world.register("alice").await.is_ok());
    assert_eq!(world.chat.create(new_account("old")).await.unwrap().id, second);

    let [access, refresh] = made_here;
    let authenticated = world.accounts.authenticate(&access, Audience::Compat).await;
    assert!(matches!(authenticated, Err(AuthenticateError::Token(TokenError::Invalid))));
    let verified = world.accounts.verify(&access).await;
    assert!(matches!(verified, Err(VerifyError::Token(TokenError::Invalid))));
    let refreshed = world.accounts.refresh(&refresh, Audience::Compat).await;
    assert!(matches!(refreshed, Err(RefreshError::NoAccount)));

    let [access, refresh] = imported;
    assert!(world.accounts.authenticate(&access, Audience::Compat).await.is_ok());
    assert!(world.accounts.verify(&access).await.is_ok());
    assert!(world.accounts.refresh(&refresh, Audience::Compat).await.is_ok());
}

#[tokio::test]
async fn a_live_caller_is_rechecked_without_its_token() {
    let world = world(GRACE);
    let pair = world.register("alice").await.unwrap();
    let caller = world.accounts.authenticate(&pair.access, Audience::Compat).await.unwrap();
    world.clock.advance(ACCESS_TTL * 2);

    assert_eq!(world.accounts.recheck(&caller).await.unwrap(), caller);
    world.manage.set_active("alice", false).await.unwrap();
    let disabled = world.accounts.recheck(&caller).await;
    world.manage.set_active("alice", true).await.unwrap();
    let enabled = world.accounts.recheck(&caller).await;

    assert!(matches!(disabled, Err(AuthenticateError::Inactive)));
    assert!(matches!(enabled, Err(AuthenticateError::Token(TokenError::Invalid))));
}

#[tokio::test]
async fn a_new_password_ends_the_rights_of_live_callers() {
    let world = world(GRACE);
    let pair = world.register("alice").await.unwrap();
    let caller = world.accounts.authenticate(&pair.access, Audience::Compat).await.unwrap();

    world.manage.set_password("alice", Password::parse("battery staple").unwrap()).await.unwrap();

    let changed = world.accounts.recheck(&caller).await;
    assert!(matches!(changed, Err(AuthenticateError::Token(TokenError::Invalid))));
}

#[tokio::test]
async fn a_caller_lives_as_long_as_its_session_is_used() {
    let world = world(GRACE);
    let pair = world.register("alice").await.unwrap();
    let caller = world.accounts.authenticate(&pair.access, Audience::Compat).await.unwrap();
    world.clock.advance(REFRESH_TTL / 2);
    world.accounts.refresh(&pair.refresh, Audience::Compat).await.unwrap();

    world.clock.advance(REFRESH_TTL / 2);
    let used = world.accounts.recheck(&caller).await.unwrap();
    world.clock.advance(world.accounts.session_time_left(&used));
    let expired = world.accounts.recheck(&caller).await;

    assert!(used.session_expires_at > caller.session_expires_at);
    assert!(matches!(expired, Err(AuthenticateError::Token(TokenError::Invalid))));
}

#[tokio::test]
async fn a_foreign_caller_lives_as_long_as_a_session_of_its_age() {
    let world = world(GRACE);
    world.register("alice").await.unwrap();
    let foreign = world.foreign(TokenKind::Access, world.account("alice").await.id);
    let caller = world.accounts.authenticate(&foreign, Audience::Compat).await.unwrap();

    world.clock.advance(REFRESH_TTL / 2);
    let within = world.accounts.recheck(&caller).await;
    world.clock.advance(REFRESH_TTL / 2);
    let after = world.accounts.recheck(&caller).await;

    assert_eq!(within.unwrap(), caller);
    assert!(matches!(after, Err(AuthenticateError::Token(TokenError::Invalid))));
}
