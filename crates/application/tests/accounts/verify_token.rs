use application::accounts::VerifyError;
use application::ports::{Audience, SessionStore as _, TokenError, TokenKind};
use domain::{Password, UserId};

use crate::world::{ACCESS_TTL, GRACE, world};

#[tokio::test]
async fn tokens_of_both_kinds_are_good_until_they_are_spent_or_expire() {
    let world = world(GRACE);
    let first = world.register("alice").await.unwrap();
    assert!(world.accounts.verify(&first.access).await.is_ok());
    assert!(world.accounts.verify(&first.refresh).await.is_ok());

    let next = world.accounts.refresh(&first.refresh, Audience::Compat).await.unwrap();

    // Spent at once, although a replay within the grace would be served.
    assert!(matches!(world.accounts.verify(&first.refresh).await, Err(VerifyError::Spent)));
    assert!(world.accounts.verify(&first.access).await.is_ok());
    assert!(world.accounts.verify(&next.refresh).await.is_ok());
    world.clock.advance(ACCESS_TTL);
    let expired = world.accounts.verify(&next.access).await;
    assert!(matches!(expired, Err(VerifyError::Token(TokenError::Invalid))));
}

#[tokio::test]
async fn the_user_of_a_token_need_not_exist() {
    let world = world(GRACE);

    for kind in [TokenKind::Access, TokenKind::Refresh] {
        let token = world.foreign(kind, UserId::new(2_000_000_000));
        assert!(world.accounts.verify(&token).await.is_ok());
    }
}

#[tokio::test]
async fn a_token_that_was_ended_is_no_good() {
    let world = world(GRACE);
    let revoked = world.register("alice").await.unwrap();
    let outlived = world.register("bob").await.unwrap();
    let disabled = world.register("eve").await.unwrap();

    let alice = world.account("alice").await.id;
    world.chat.revoke(alice, world.session(&revoked.access)).await.unwrap();
    world.manage.set_password("bob", Password::parse("battery staple").unwrap()).await.unwrap();
    world.manage.set_active("eve", false).await.unwrap();

    for token in [&revoked.access, &outlived.access, &disabled.access] {
        let got = world.accounts.verify(token).await;
        assert!(matches!(got, Err(VerifyError::Token(TokenError::Invalid))));
    }
    for token in [&revoked.refresh, &outlived.refresh, &disabled.refresh] {
        assert!(matches!(world.accounts.verify(token).await, Err(VerifyError::Spent)));
    }
}

#[tokio::test]
async fn garbage_is_invalid() {
    let world = world(GRACE);

    for token in ["", "garbage", "null", "a.b.c"] {
        let got = world.accounts.verify(token).await;
        assert!(matches!(got, Err(VerifyError::Token(TokenError::Invalid))), "token: {token}");
    }
}
