//! Presence while Redis is frozen.

use std::time::{Duration, Instant};

use tokio::{
    sync::watch,
    task::JoinSet,
    time::{sleep, sleep_until},
};

use super::cluster::Cluster;
use crate::support::{socket::Received, user::User};

/// Longer than a lease.
const FREEZE: Duration = Duration::from_secs(15);
/// A lost lease would show within this time, as users who go offline.
const LEASES: Duration = Duration::from_secs(25);
/// Users who stay connected to each node, and users who come and go there.
const STAY: usize = 8;
const COME_AND_GO: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn users_stay_online_while_others_come_and_go() {
    let cluster = Cluster::start(2).await;
    let (mut sockets, mut moving) = (Vec::new(), JoinSet::new());
    let stop = watch::Sender::new(false);
    for node in 0..2 {
        for number in 0..STAY {
            let user = cluster.user(node, &format!("stays-{node}-{number}")).await;
            sockets.push(user.v1_socket().await);
        }
    }
    for node in 0..2 {
        for number in 0..COME_AND_GO {
            let user = cluster.user(node, &format!("moves-{node}-{number}")).await;
            moving.spawn(come_and_go(user, stop.subscribe()));
        }
    }
    // So that every lease holds everybody.
    sleep(Duration::from_secs(5)).await;

    cluster.redis.suspend(true);
    let frozen = Instant::now();
    cluster.wait_for_readiness("degraded").await;
    sleep_until((frozen + FREEZE).into()).await;
    cluster.redis.suspend(false);
    let thawed = Instant::now();
    cluster.wait_for_readiness("ready").await;
    sleep_until((thawed + LEASES).into()).await;
    stop.send_replace(true);
    let rounds: usize = moving.join_all().await.into_iter().sum();

    eprintln!("{rounds} sockets came and went");
    for socket in &sockets {
        assert_eq!(departures(&socket.received()), Vec::<String>::new());
    }
}

async fn come_and_go(user: User, stop: watch::Receiver<bool>) -> usize {
    let mut rounds = 0;
    while !*stop.borrow() {
        let socket = user.v1_socket().await;
        socket.close().await;
        rounds += 1;
    }
    rounds
}

/// Those of users who stay.
fn departures(received: &Received) -> Vec<String> {
    assert_eq!(received.end, None);
    let gone = received.of("presence").filter(|frame| frame["online"] == false);
    let names = gone.map(|frame| frame["username"].as_str().unwrap().to_owned());
    let mut gone: Vec<String> = names.filter(|name| name.starts_with("stays")).collect();
    for frame in received.of("online") {
        let online = frame["usernames"].as_array().unwrap();
        let stay = online.iter().filter(|name| name.as_str().unwrap().starts_with("stays"));
        if stay.count() < 2 * STAY - 1 {
            gone.push(format!("missing in {frame}"));
        }
    }
    gone
}
