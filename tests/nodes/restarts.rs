//! Nodes that are killed, and nodes that are restarted one after the other.

use std::collections::HashMap;

use serde_json::Value;
use tokio::{sync::watch, task::JoinSet};

use super::cluster::{Cluster, wait_for_readiness};
use crate::support::{
    socket::{Received, Socket},
    soon, until,
    user::User,
};

const MESSAGES: usize = 2_000;

#[tokio::test(flavor = "multi_thread")]
async fn echoed_messages_survive_kills_of_a_node_and_redis() {
    let mut cluster = Cluster::start_in("parity", 2).await;
    let echoed = watch::Sender::new(Vec::new());
    let stop = watch::Sender::new(false);
    let mut writers = JoinSet::new();
    // Two senders at the node that stays, one at the node that is killed.
    for (name, node) in [("ann", 0), ("bob", 0), ("eve", 1)] {
        let user = cluster.user(node, name).await;
        writers.spawn(write(user, echoed.clone(), stop.subscribe()));
    }
    let witness = cluster.user(0, "witness").await;
    let watching = witness.socket().await;

    more(&echoed, MESSAGES / 5).await;
    cluster.redis.kill();
    cluster.redis.restart().await;
    more(&echoed, MESSAGES / 5).await;
    let mut node = cluster.take(1);
    node.kill().await;
    more(&echoed, MESSAGES / 5).await;
    let node = node.restart().await;
    let watching_there = witness.at(&node).socket().await;
    let before = echoed.borrow().len();
    more(&echoed, MESSAGES / 5).await;
    each_sends_more(&echoed, before).await;
    // Both nodes must be connected to Redis before it is killed again.
    cluster.wait_for_readiness("ready").await;
    wait_for_readiness(&node, "ready").await;
    cluster.redis.kill();
    cluster.redis.restart().await;
    more(&echoed, MESSAGES / 5).await;
    stop.send_replace(true);
    let views = writers.join_all().await;
    let last = witness.at(&node).socket().await.send_and_confirm("the end").await.unwrap();

    let stored = witness.messages().await;
    assert_each_is_stored_once(&echoed.borrow(), &stored);
    assert_eq!(witness.at(&node).messages().await, stored);
    for mut socket in [watching, watching_there] {
        socket.wait_for("the end", |received| received.newest() == Some(last)).await;
        assert_eq!(
            messages(&socket.received()),
            stored,
            "a client that stayed connected saw something else"
        );
    }
    let came_back = &views.iter().find(|view| view.len() > 1).expect("a client reconnected")[1];
    assert_eq!(came_back.first(), stored.first(), "a client that reconnected lacks the beginning");
    for view in views.iter().flatten() {
        let length = view.len();
        assert_eq!(*view, stored[..length], "a view differs from the store");
    }
}

/// Waits until every writer got an echo after the first `before`.
async fn each_sends_more(echoed: &watch::Sender<Vec<String>>, before: usize) {
    let mut echoed = echoed.subscribe();
    let all = echoed.wait_for(|echoed| {
        let is_back = |name| echoed[before..].iter().any(|text| text.starts_with(name));
        ["ann ", "bob ", "eve "].into_iter().all(is_back)
    });
    soon("every writer gets an echo", all).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_loses_nothing() {
    let mut cluster = Cluster::start_in("parity", 2).await;
    let echoed = watch::Sender::new(Vec::new());
    let stop = watch::Sender::new(false);
    let mut writers = JoinSet::new();
    for (name, node) in [("ann", 0), ("bob", 1)] {
        let user = cluster.user(node, name).await;
        writers.spawn(write(user, echoed.clone(), stop.subscribe()));
    }

    for _ in 0..2 {
        more(&echoed, 100).await;
        let mut node = cluster.take(0);
        node.signal("TERM");
        assert!(node.ended().await.success(), "{}", node.log());
        more(&echoed, 20).await;
        cluster.nodes.push(node.restart().await);
    }
    more(&echoed, 100).await;
    stop.send_replace(true);
    writers.join_all().await;

    let witness = cluster.user(0, "witness").await;
    assert_each_is_stored_once(&echoed.borrow(), &witness.messages().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_start_together_migrate_once() {
    let cluster = Cluster::start(3).await;

    let applied = cluster.database.connect().await;
    let rows = applied.query("select version from __diesel_schema_migrations", &[]).await.unwrap();

    let mut versions: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    versions.sort();
    versions.dedup();
    assert_eq!(versions.len(), rows.len());
    assert!(!rows.is_empty());
}

/// Waits until `count` more messages are echoed.
async fn more(echoed: &watch::Sender<Vec<String>>, count: usize) {
    let goal = echoed.borrow().len() + count;
    let mut echoed = echoed.subscribe();
    let what = format!("{goal} messages are echoed");
    soon(&what, echoed.wait_for(|echoed| echoed.len() >= goal)).await.unwrap();
}

/// Sends one message after another, each once, and records the echoed ones. Returns what each socket received.
async fn write(
    user: User,
    echoed: watch::Sender<Vec<String>>,
    stop: watch::Receiver<bool>,
) -> Vec<Vec<Value>> {
    let (mut views, mut count) = (Vec::new(), 0);
    while !*stop.borrow() {
        let mut socket: Socket =
            until("a node takes the socket", || user.try_socket_at("/ws/chat/")).await;
        while !*stop.borrow() {
            let text = format!("{} sends {count}", user.name);
            count += 1;
            if socket.send_and_confirm(&text).await.is_none() {
                break;
            }
            echoed.send_modify(|echoed| echoed.push(text));
        }
        views.push(messages(&socket.received()));
    }
    views
}

/// The messages of a socket: those of the history, then the live ones.
fn messages(received: &Received) -> Vec<Value> {
    let histories =
        received.of("message_history").map(|frame| frame["messages"].as_array().unwrap());
    let live = received.of("chat_message").map(|frame| &frame["message"]);
    histories.flatten().chain(live).cloned().collect()
}

fn assert_each_is_stored_once(echoed: &[String], stored: &[Value]) {
    let mut copies: HashMap<&str, usize> = HashMap::new();
    for message in stored {
        *copies.entry(message["content"].as_str().unwrap()).or_default() += 1;
    }
    let missing: Vec<_> =
        echoed.iter().filter(|text| !copies.contains_key(text.as_str())).collect();
    assert!(missing.is_empty(), "echoed but lost: {missing:?}");
    copies.retain(|_, count| *count > 1);
    assert!(copies.is_empty(), "stored more than once: {copies:?}");
}
