//! A Redis that goes, stands still, and comes back empty.

use application::ports::{Bus as _, BusEvent, NodeId, Roster, RosterExchange as _};
use domain::{Change, ConversationId, UserId, Username};
use messaging::{RedisBus, RedisLink, RedisRosters};
use testkit::{PATIENCE, RedisServer, values};
use tokio::time::timeout;

use crate::place::{bus, link, says};

const HERE: ConversationId = ConversationId::LOBBY;

fn change(seq: i64) -> Change {
    values::member_change(HERE, UserId::new(1), seq)
}

/// Publishes until it is heard.
async fn crosses(from: &RedisBus, to: &RedisBus) {
    let crossed = async {
        for seq in 1.. {
            from.publish(&[change(seq)]).await;
            let next = timeout(std::time::Duration::from_millis(100), to.next()).await;
            if matches!(next, Ok(BusEvent::Changed(_))) {
                break;
            }
        }
    };
    timeout(PATIENCE, crossed).await.expect("hints cross");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_nodes_hear_what_they_had_asked_for() {
    let mut redis = RedisServer::start().await;
    let (one, two) = (bus(&redis.url(), 1).await, bus(&redis.url(), 2).await);
    two.subscribe(HERE, true).await;
    crosses(&one, &two).await;

    redis.kill();
    says(&two, &BusEvent::Disconnected).await;
    assert!(!two.is_connected());
    redis.start_again().await;
    says(&two, &BusEvent::Reconnected).await;

    crosses(&one, &two).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_stands_still_is_noticed_and_waited_for_by_nobody() {
    let redis = RedisServer::start().await;
    let (one, two) = (bus(&redis.url(), 1).await, bus(&redis.url(), 2).await);
    two.subscribe(HERE, true).await;
    crosses(&one, &two).await;

    redis.stand_still(true);
    let publishing = async {
        for seq in 0..10_000 {
            one.publish(&[change(seq)]).await;
        }
    };
    timeout(std::time::Duration::from_secs(2), publishing).await.expect("publish waits");
    says(&two, &BusEvent::Disconnected).await;
    redis.stand_still(false);
    says(&two, &BusEvent::Reconnected).await;

    crosses(&one, &two).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_comes_late_is_found() {
    let mut redis = RedisServer::start().await;
    redis.kill();
    let (link, _task) = link(&redis.url(), 1);
    let bus = RedisBus::new(link);
    says(&bus, &BusEvent::Disconnected).await;
    assert!(!bus.is_connected());

    redis.start_again().await;

    says(&bus, &BusEvent::Reconnected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_task_ends_with_the_last_link() {
    let redis = RedisServer::start().await;
    let (link, task) = link(&redis.url(), 1);
    let bus = RedisBus::new(link.clone());
    says(&bus, &BusEvent::Reconnected).await;

    drop((link, bus));

    timeout(PATIENCE, task).await.expect("it ends").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_conversations_are_heard_and_asked_for_anew_after_a_restart() {
    let mut redis = RedisServer::start().await;
    let (one, two) = (bus(&redis.url(), 1).await, bus(&redis.url(), 2).await);
    for id in 0..20_000 {
        two.subscribe(ConversationId::new(id), true).await;
    }
    crosses(&one, &two).await;

    redis.kill();
    says(&two, &BusEvent::Disconnected).await;
    redis.start_again().await;
    says(&two, &BusEvent::Reconnected).await;

    crosses(&one, &two).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_of_different_databases_of_one_redis_do_not_hear_each_other() {
    let redis = RedisServer::start().await;
    let one = bus(&redis.url(), 1).await;
    let stranger = bus(&format!("{}/1", redis.url()), 2).await;
    let two = bus(&redis.url(), 3).await;
    for bus in [&stranger, &two] {
        bus.subscribe(HERE, true).await;
    }

    crosses(&one, &two).await;

    let heard = timeout(std::time::Duration::from_millis(100), stranger.next()).await;
    assert!(heard.is_err(), "{heard:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn leases_are_kept_read_and_given_up() {
    let mut redis = RedisServer::start().await;
    let rosters = |node| {
        let (link, task) = link(&redis.url(), node);
        (RedisRosters::new(link), task)
    };
    let ((one, _one), (two, _two)) = (rosters(1), rosters(2));
    let name = |text: &str| Username::parse(text).unwrap();
    let of_one = Roster { version: 4, online: vec![(name("ann"), 2)] };

    let alone = one.renew(&of_one).await.unwrap();
    let seen = two.renew(&Roster::default()).await.unwrap();
    one.withdraw().await;
    let later = two.renew(&Roster::default()).await.unwrap();
    redis.kill();
    assert!(two.renew(&Roster::default()).await.is_err());
    redis.start_again().await;
    let anew = two.renew(&Roster::default()).await.unwrap();

    assert_eq!(alone.others, []);
    assert_eq!(seen.others, [(NodeId(1), of_one)]);
    assert_eq!(seen.instance, alone.instance);
    assert_eq!(later.others, []);
    assert_ne!(anew.instance, seen.instance);
}

#[test]
fn a_url_that_cannot_be_used_is_refused_without_its_password() {
    for url in ["http://:hunter2@h", "redis://:hunter2@", "hunter2"] {
        let error = RedisLink::new(url, NodeId(1)).err().unwrap();

        assert!(!format!("{error} {error:?}").contains("hunter2"), "{url}: {error}");
    }
}
