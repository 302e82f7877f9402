//! Limits of messages and sockets.

use std::net::Ipv6Addr;
use std::sync::Arc;
use std::time::Duration;

use application::ports::{Backoff, Quota, RetryAfter};
use application::{
    ClientAddress, KnownAddresses, LimitRules, Limits, SecurityLog, SignInAttempt, TooManySockets,
};
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
        failed_sign_ins: Backoff {
            free: 1,
            longest: 900 * SECOND,
            forgotten_after: 3_600 * SECOND,
        },
        sign_ins_from_new_addresses: Quota::new(1, 300 * SECOND, 2),
        handshakes_by_address: Quota::new(2, SECOND, 3),
        credentials_by_address: Quota::new(2, SECOND, 3),
        registrations_by_address: Quota::new(2, SECOND, 3),
        sockets_by_address: 3,
        sockets_by_account: 2,
        messages_by_account: Quota::new(10, SECOND, 4),
        messages_by_conversation: Quota::new(20, SECOND, 6),
        ..wide_limits()
    };
    let chat = Arc::new(InMemoryChat::new(clock.clone()));
    let known = KnownAddresses::new(chat, clock.clone(), b"secret");
    (
        Limits::new(
            Arc::new(InProcessLimiter::new(clock.clone())),
            known,
            rules,
            SecurityLog::with_plain_addresses(),
        ),
        clock,
    )
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

/// The network with this number in a /48.
fn network(number: u16) -> ClientAddress {
    ClientAddress::of(Ipv6Addr::new(0x2001, 0xdb8, 0, number, 0, 0, 0, 1).into())
}

#[tokio::test]
async fn wider_networks_have_wider_rates() {
    let (limits, clock) = limited();
    for kind in 0..3 {
        let take = async |address| match kind {
            0 => limits.credentials(address).await,
            1 => limits.registration(address).await,
            _ => limits.handshake(address).await,
        };
        // Refusals by the rate of an address take nothing from its neighbours.
        for _ in 0..100 {
            let _ = take(network(0)).await;
        }
        let mut in_56 = 3;
        for number in 1..=0xff {
            in_56 += usize::from(take(network(number)).await.is_ok());
        }
        let mut in_48 = in_56;
        for number in 1..=0xff {
            in_48 += usize::from(take(network(number << 8)).await.is_ok());
        }

        assert_eq!((in_56, in_48), (3 * 4, 3 * 16), "kind {kind}");
        assert_eq!(take(network(0xffff)).await, Err(RetryAfter(SECOND / 2 / 16)));
        assert!(take(address(1)).await.is_ok(), "kind {kind}");
    }
    clock.advance(SECOND / 2 / 16);
    assert_eq!(limits.handshake(network(0xffff)).await, Ok(()));
}

#[tokio::test]
async fn wider_networks_have_more_sockets() {
    let (limits, _) = limited();
    let mut permits = Vec::new();
    for (numbers, want) in [(0..=0, 3), (0..=0xff, 3 * 4), (0..=0xffff, 3 * 16)] {
        for number in numbers {
            while let Ok(permit) = limits.socket_from(network(number)).await {
                permits.push(permit);
            }
        }
        assert_eq!(permits.len(), want);
    }

    assert!(limits.socket_from(address(1)).await.is_ok());
    permits.truncate(47);
    // The last network that was let in has a free place again.
    permits.push(limits.socket_from(network(0xffff)).await.unwrap());
    assert!(limits.socket_from(network(0xfffe)).await.is_err());
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

/// How long an attempt at an account from an unknown address has to wait, in seconds.
#[expect(clippy::unwrap_used, reason = "a panic is how a test reports")]
async fn sign_in(limits: &Limits, address: &str) -> Result<SignInAttempt, u64> {
    let address = ClientAddress::of(address.parse().unwrap());
    let from = limits.sign_in_from(address, None).await.unwrap();
    limits.sign_in(from, "alice").await.map_err(|wait| wait.0.as_secs())
}

#[tokio::test]
async fn an_address_refused_by_the_slow_lane_stays_new() {
    let (limits, clock) = limited();
    for address in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
        assert!(sign_in(&limits, address).await.is_ok(), "{address}");
    }
    // The account waits for a second, the slow lane for 300.
    assert_eq!(sign_in(&limits, "192.0.2.4").await.err(), Some(1));

    // Longer waits than that of the lane.
    for failures in 0..10 {
        clock.advance(SECOND * (1 << failures));
        assert!(sign_in(&limits, "192.0.2.1").await.is_ok());
    }
    assert!(sign_in(&limits, "192.0.2.4").await.is_ok());
    assert!(sign_in(&limits, "192.0.2.4").await.is_err());
}

#[tokio::test]
async fn a_network_of_56_bits_is_one_new_address() {
    let (limits, _) = limited();
    assert!(sign_in(&limits, "192.0.2.1").await.is_ok());

    assert!(sign_in(&limits, "2001:db8:0:100::1").await.is_ok());
    assert!(sign_in(&limits, "2001:db8:0:1ff::1").await.is_err());
    assert!(sign_in(&limits, "2001:db8:0:200::1").await.is_ok());
}

#[tokio::test]
async fn an_address_is_new_again_once_its_last_failure_is_forgotten() {
    let (limits, clock) = limited();
    let memory = 4_500 * SECOND;
    assert!(sign_in(&limits, "192.0.2.1").await.is_ok());
    clock.advance(memory.saturating_sub(SECOND));
    assert!(sign_in(&limits, "192.0.2.1").await.is_ok());
    clock.advance(memory.saturating_sub(SECOND));
    assert!(sign_in(&limits, "192.0.2.2").await.is_ok());

    assert!(sign_in(&limits, "192.0.2.1").await.is_err(), "the account waits");
    clock.advance(SECOND);
    assert!(sign_in(&limits, "192.0.2.3").await.is_ok());
    assert!(sign_in(&limits, "192.0.2.1").await.is_ok(), "its last failure is forgotten");
}

#[tokio::test]
async fn a_success_from_a_new_address_gives_back_what_it_took() {
    let (limits, _) = limited();
    assert!(sign_in(&limits, "192.0.2.1").await.is_ok());

    for _ in 0..5 {
        let attempt = sign_in(&limits, "192.0.2.2").await.unwrap();
        limits.signed_in(attempt, ALICE).await;
    }
    assert!(sign_in(&limits, "192.0.2.1").await.is_err(), "the account waits on");
}
