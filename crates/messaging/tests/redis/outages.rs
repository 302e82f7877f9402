//! Redis stops, hangs, and comes back empty.

use application::ports::{Bus as _, BusEvent, NodeId, Roster, RosterExchange as _};
use domain::{Change, ConversationId, UserId, Username};
use messaging::{RedisBus, RedisLink, RedisRosters};
use testkit::{RedisServer, TEST_TIMEOUT, values};
use tokio::time::timeout;

use crate::nodes::{bus, expect_event, link};

const LOBBY: ConversationId = ConversationId::LOBBY;

fn change(seq: i64) -> Change {
    values::member_change(LOBBY, UserId::new(1), seq)
}

/// Publishes until a hint arrives and the receiver is connected.
async fn expect_hint(from: &RedisBus, to: &RedisBus) {
    let arrival = async {
        // On a busy machine a late heartbeat can count as a disconnection for a moment.
        for seq in 1.. {
            from.publish(&[change(seq)]).await;
            let next = timeout(std::time::Duration::from_millis(100), to.next()).await;
            if matches!(next, Ok(BusEvent::Changed(_))) && to.is_connected() {
                break;
            }
        }
    };
    timeout(TEST_TIMEOUT, arrival).await.expect("no hint arrived");
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_survive_a_restart_of_redis() {
    let mut redis = RedisServer::start().await;
    let (one, two) = (bus(&redis.url(), 1).await, bus(&redis.url(), 2).await);
    two.subscribe(LOBBY, true).await;
    expect_hint(&one, &two).await;

    redis.kill();
    expect_event(&two, &BusEvent::Disconnected).await;
    assert!(!two.is_connected());
    redis.restart().await;
    expect_event(&two, &BusEvent::Reconnected).await;

    expect_hint(&one, &two).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_redis_is_detected_and_blocks_no_publisher() {
    let redis = RedisServer::start().await;
    let (one, two) = (bus(&redis.url(), 1).await, bus(&redis.url(), 2).await);
    two.subscribe(LOBBY, true).await;
    expect_hint(&one, &two).await;

    redis.suspend(true);
    let publishing = async {
        for seq in 0..10_000 {
            one.publish(&[change(seq)]).await;
        }
    };
    timeout(std::time::Duration::from_secs(2), publishing).await.expect("publish must not wait");
    expect_event(&two, &BusEvent::Disconnected).await;
    redis.suspend(false);
    expect_event(&two, &BusEvent::Reconnected).await;

    expect_hint(&one, &two).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_starts_late_is_found() {
    let mut redis = RedisServer::start().await;
    redis.kill();
    let (link, _task) = link(&redis.url(), 1);
    let bus = RedisBus::new(link);
    expect_event(&bus, &BusEvent::Disconnected).await;
    assert!(!bus.is_connected());

    redis.restart().await;

    expect_event(&bus, &BusEvent::Reconnected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_task_ends_with_the_last_link() {
    let redis = RedisServer::start().await;
    let (link, task) = link(&redis.url(), 1);
    let bus = RedisBus::new(link.clone());
    expect_event(&bus, &BusEvent::Reconnected).await;

    drop((link, bus));

    timeout(TEST_TIMEOUT, task).await.expect("the task runs on").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_subscriptions_survive_a_restart_of_redis() {
    let mut redis = RedisServer::start().await;
    let (one, two) = (bus(&redis.url(), 1).await, bus(&redis.url(), 2).await);
    for id in 0..20_000 {
        two.subscribe(ConversationId::new(id), true).await;
    }
    expect_hint(&one, &two).await;

    redis.kill();
    expect_event(&two, &BusEvent::Disconnected).await;
    redis.restart().await;
    expect_event(&two, &BusEvent::Reconnected).await;

    expect_hint(&one, &two).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn databases_of_one_redis_receive_no_hints_from_each_other() {
    let redis = RedisServer::start().await;
    let one = bus(&redis.url(), 1).await;
    let stranger = bus(&format!("{}/1", redis.url()), 2).await;
    let two = bus(&redis.url(), 3).await;
    for bus in [&stranger, &two] {
        bus.subscribe(LOBBY, true).await;
    }

    expect_hint(&one, &two).await;

    let received = timeout(std::time::Duration::from_millis(100), stranger.next()).await;
    assert!(received.is_err(), "{received:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn leases_are_renewed_read_and_withdrawn() {
    let mut redis = RedisServer::start().await;
    let rosters = |node| {
        let (link, task) = link(&redis.url(), node);
        (RedisRosters::new(link), task)
    };
    let ((one, _one), (two, _two)) = (rosters(1), rosters(2));
    let name = |text: &str| Username::parse(text).unwrap();
    let of_one = Roster { version: 4, online: vec![(name("ann"), 2)] };

    let first = one.renew(&of_one).await.unwrap();
    let read = two.renew(&Roster::default()).await.unwrap();
    one.withdraw().await;
    let after_withdrawal = two.renew(&Roster::default()).await.unwrap();
    redis.kill();
    assert!(two.renew(&Roster::default()).await.is_err());
    redis.restart().await;
    let restarted = two.renew(&Roster::default()).await.unwrap();

    assert_eq!(first.others, []);
    assert_eq!(read.others, [(NodeId(1), of_one)]);
    assert_eq!(read.instance, first.instance);
    assert_eq!(after_withdrawal.others, []);
    assert_ne!(restarted.instance, read.instance);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_redis_is_another_instance_for_every_node() {
    let redis = RedisServer::start().await;
    let rosters = |node| {
        let (link, task) = link(&redis.url(), node);
        (RedisRosters::new(link), task)
    };
    let ((one, _one), (two, _two)) = (rosters(1), rosters(2));
    let before = one.renew(&Roster::default()).await.unwrap().instance;
    assert_eq!(two.renew(&Roster::default()).await.unwrap().instance, before);

    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    redis::cmd("FLUSHALL").exec_async(&mut connection).await.unwrap();

    let after = one.renew(&Roster::default()).await.unwrap().instance;
    assert_ne!(after, before);
    assert_eq!(two.renew(&Roster::default()).await.unwrap().instance, after);
    assert_eq!(one.renew(&Roster::default()).await.unwrap().instance, after);
}

#[test]
fn an_unusable_url_is_refused_without_showing_its_password() {
    for url in ["http://:hunter2@h", "redis://:hunter2@", "hunter2"] {
        let error = RedisLink::new(url, NodeId(1)).err().unwrap();

        assert!(!format!("{error} {error:?}").contains("hunter2"), "{url}: {error}");
    }
}
