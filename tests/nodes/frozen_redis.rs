//! Presence while Redis is frozen.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::{sync::watch, task::JoinSet, time::sleep_until};

use super::cluster::Cluster;
use crate::support::{until, user::User};

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
    for node in 0..2 {
        let user = cluster.user(node, &format!("watches-{node}")).await;
        until("all are online at each node", || sees_all(&user)).await;
    }

    let known: Vec<usize> = sockets.iter().map(|socket| socket.received().frames.len()).collect();
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
    for (socket, known) in sockets.iter().zip(known) {
        let received = socket.received();
        assert_eq!(received.end, None);
        assert_eq!(departures(&received.frames[known..]), Vec::<String>::new());
    }
}

/// Whether the greeting of a new socket names all users who stay.
async fn sees_all(user: &User) -> Option<()> {
    let mut socket = user.v1_socket().await;
    let greeting = socket.wait_for("hello", |received| received.of("hello").next().is_some());
    let online = staying(&greeting.await.of("hello").next().unwrap()["online"]);
    socket.close().await;
    (online == 2 * STAY).then_some(())
}

fn staying(usernames: &Value) -> usize {
    let names = usernames.as_array().unwrap().iter();
    names.filter(|name| name.as_str().unwrap().starts_with("stays")).count()
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
fn departures(frames: &[Value]) -> Vec<String> {
    let is_departure = |frame: &&Value| match frame["type"].as_str().unwrap() {
        "presence" => {
            frame["online"] == false && frame["username"].as_str().unwrap().starts_with("stays")
        }
        "online" => staying(&frame["usernames"]) < 2 * STAY - 1,
        _ => false,
    };
    frames.iter().filter(is_departure).map(Value::to_string).collect()
}
