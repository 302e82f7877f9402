//! Limits of messages and sockets.

use std::sync::Arc;
use std::time::Duration;

use application::ports::{Quota, RetryAfter};
use application::{ClientAddress, KnownAddresses, LimitRules, Limits, TooManySockets};
use domain::{ConversationId, UserId};
use memory::{InMemoryChat, InProcessLimiter};
use testkit::ManualClock;
use testkit::values::wide_limits;

const SECOND: Duration = Duration::from_secs(1);
const ALICE: UserId = UserId::new(1);
const BOB: UserId = UserId::new(2);
const LOBBY: ConversationId = ConversationId::new(1);
const OTHER: ConversationId = ConversationId::new(2);

fn limited() -> (Limits, Arc<ManualClock>) {
    let clock = Arc::<ManualClock>::default();
    let rules = LimitRules {
        handshakes_by_address: Quota::new(2, SECOND, 3),
        sockets_by_address: 3,
        sockets_by_account: 2,
        messages_by_account: Quota::new(10, SECOND, 4),
        messages_by_conversation: Quota::new(20, SECOND, 6),
        ..wide_limits()
    };
    let chat = Arc::new(InMemoryChat::new(clock.clone()));
    let known = KnownAddresses::new(chat, clock.clone(), b"secret");
    (Limits::new(Arc::new(InProcessLimiter::new(clock.clone())), known, rules), clock)
}

fn address(last: u8) -> ClientAddress {
    ClientAddress::of([192, 0, 2, last].into())
}

#[tokio::test]
async fn the_account_rate_spans_all_conversations() {
    let (limits, clock) = limited();
    for conversation in [LOBBY, OTHER, LOBBY, OTHER] {
        assert_eq!(limits.message(ALICE, conversation).await, Ok(()));
    }

    let fifth = limits.message(ALICE, LOBBY).await;

    assert_eq!(fifth, Err(RetryAfter(SECOND / 10)));
    assert_eq!(limits.message(BOB, LOBBY).await, Ok(()));
    clock.advance(SECOND / 10);
    assert_eq!(limits.message(ALICE, LOBBY).await, Ok(()));
}

#[tokio::test]
async fn the_conversation_rate_spans_all_accounts() {
    let (limits, _) = limited();
    for writer in 1..=6 {
        assert_eq!(limits.message(UserId::new(writer), LOBBY).await, Ok(()));
    }

    assert_eq!(limits.message(UserId::new(7), LOBBY).await, Err(RetryAfter(SECOND / 20)));
    assert_eq!(limits.message(UserId::new(8), OTHER).await, Ok(()));
}

#[tokio::test]
async fn handshakes_per_address_are_limited() {
    let (limits, clock) = limited();
    for _ in 0..3 {
        assert_eq!(limits.handshake(address(1)).await, Ok(()));
    }

    assert_eq!(limits.handshake(address(1)).await, Err(RetryAfter(SECOND / 2)));
    assert_eq!(limits.handshake(address(2)).await, Ok(()));
    clock.advance(SECOND / 2);
    assert_eq!(limits.handshake(address(1)).await, Ok(()));
}

#[tokio::test]
async fn a_dropped_permit_frees_a_socket() {
    let (limits, _) = limited();
    let first = limits.socket_of(ALICE).await.unwrap();
    let second = limits.clone().socket_of(ALICE).await.unwrap();

    assert_eq!(limits.socket_of(ALICE).await.unwrap_err(), TooManySockets);
    let other = limits.socket_of(BOB).await;
    drop(first);
    let third = limits.socket_of(ALICE).await;

    assert!(other.is_ok() && third.is_ok());
    drop((second, third));
    let again = (limits.socket_of(ALICE).await, limits.socket_of(ALICE).await);
    assert!(again.0.is_ok() && again.1.is_ok());
}

#[tokio::test]
async fn sockets_per_address_are_limited_too() {
    let (limits, _) = limited();
    let mut permits = Vec::new();
    for _ in 0..3 {
        permits.push(limits.socket_from(address(1)).await.unwrap());
    }

    assert_eq!(limits.socket_from(address(1)).await.unwrap_err(), TooManySockets);
    assert!(limits.socket_from(address(2)).await.is_ok());
    assert!(limits.socket_from(ClientAddress::unknown()).await.is_ok());
    drop(permits);
    assert!(limits.socket_from(address(1)).await.is_ok());
}

#[tokio::test]
async fn without_limits_everything_is_allowed() {
    let limits = Limits::off();
    let mut permits = Vec::new();
    for _ in 0..1_000 {
        assert_eq!(limits.message(ALICE, LOBBY).await, Ok(()));
        assert_eq!(limits.handshake(address(1)).await, Ok(()));
        assert_eq!(limits.credentials(address(1)).await, Ok(()));
        assert_eq!(limits.registration(address(1)).await, Ok(()));
        let from = limits.sign_in_from(address(1), Some(ALICE)).await.unwrap();
        assert!(limits.sign_in(from, "alice").await.is_ok());
        permits.push(limits.socket_of(ALICE).await.unwrap());
        permits.push(limits.socket_from(address(1)).await.unwrap());
    }
}
