//! Nodes that are killed, and nodes that are replaced one after the other.

use std::collections::HashMap;

use serde_json::Value;
use tokio::{sync::watch, task::JoinSet};

use super::cluster::{Cluster, says};
use crate::support::{
    socket::{Heard, Socket},
    soon, until,
    user::User,
};

const MESSAGES: usize = 2_000;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_echoed_stands_once_in_one_order_while_a_node_and_redis_are_killed() {
    let mut cluster = Cluster::start_in("parity", 2).await;
    let echoed = watch::Sender::new(Vec::new());
    let stop = watch::Sender::new(false);
    let mut talkers = JoinSet::new();
    // Two at the node that stays, one at the node that is killed.
    for (name, node) in [("ann", 0), ("bob", 0), ("eve", 1)] {
        let user = cluster.user(node, name).await;
        talkers.spawn(talk(user, echoed.clone(), stop.subscribe()));
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
    let node = node.again().await;
    let watching_there = witness.at(&node).socket().await;
    let before = echoed.borrow().len();
    more(&echoed, MESSAGES / 5).await;
    each_says_more(&echoed, before).await;
    // The second end of Redis is to be seen by nodes that hear it.
    cluster.says("ready").await;
    says(&node, "ready").await;
    cluster.redis.kill();
    cluster.redis.restart().await;
    more(&echoed, MESSAGES / 5).await;
    stop.send_replace(true);
    let views = talkers.join_all().await;
    let last = witness.at(&node).socket().await.tell("the end").await.unwrap();

    let stored = witness.messages().await;
    assert_each_is_stored_once(&echoed.borrow(), &stored);
    assert_eq!(witness.at(&node).messages().await, stored);
    for mut socket in [watching, watching_there] {
        socket.hears("the end", |heard| heard.newest() == Some(last)).await;
        assert_eq!(messages(&socket.heard()), stored, "who stayed saw something else");
    }
    let came_back = &views.iter().find(|view| view.len() > 1).expect("somebody came back")[1];
    assert_eq!(came_back.first(), stored.first(), "who came back lacks the beginning");
    for view in views.iter().flatten() {
        let shown = view.len();
        assert_eq!(*view, stored[..shown], "a view departs from the store");
    }
}

/// Waits until each who talks was echoed something after the first `before`.
async fn each_says_more(echoed: &watch::Sender<Vec<String>>, before: usize) {
    let mut echoed = echoed.subscribe();
    let all = echoed.wait_for(|echoed| {
        let is_back = |name| echoed[before..].iter().any(|text| text.starts_with(name));
        ["ann ", "bob ", "eve "].into_iter().all(is_back)
    });
    soon("everybody talks", all).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_are_replaced_one_after_the_other_and_nothing_is_lost() {
    let mut cluster = Cluster::start_in("parity", 2).await;
    let echoed = watch::Sender::new(Vec::new());
    let stop = watch::Sender::new(false);
    let mut talkers = JoinSet::new();
    for (name, node) in [("ann", 0), ("bob", 1)] {
        let user = cluster.user(node, name).await;
        talkers.spawn(talk(user, echoed.clone(), stop.subscribe()));
    }

    for _ in 0..2 {
        more(&echoed, 100).await;
        let mut node = cluster.take(0);
        node.signal("TERM");
        assert!(node.ended().await.success(), "{}", node.log());
        more(&echoed, 20).await;
        cluster.nodes.push(node.again().await);
    }
    more(&echoed, 100).await;
    stop.send_replace(true);
    talkers.join_all().await;

    let witness = cluster.user(0, "witness").await;
    assert_each_is_stored_once(&echoed.borrow(), &witness.messages().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_start_together_make_one_database() {
    let cluster = Cluster::start(3).await;

    let applied = cluster.database.connect().await;
    let rows = applied.query("select version from __diesel_schema_migrations", &[]).await.unwrap();

    let mut versions: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    versions.sort();
    versions.dedup();
    assert_eq!(versions.len(), rows.len());
    assert!(!rows.is_empty());
}

/// Waits until `count` more messages are echoed to those who sent them.
async fn more(echoed: &watch::Sender<Vec<String>>, count: usize) {
    let goal = echoed.borrow().len() + count;
    let mut echoed = echoed.subscribe();
    let what = format!("{goal} messages are echoed");
    soon(&what, echoed.wait_for(|echoed| echoed.len() >= goal)).await.unwrap();
}

/// Says one thing after another, each once, notes those that come back, and
/// gives what each of its sockets showed.
async fn talk(
    user: User,
    echoed: watch::Sender<Vec<String>>,
    stop: watch::Receiver<bool>,
) -> Vec<Vec<Value>> {
    let (mut views, mut count) = (Vec::new(), 0);
    while !*stop.borrow() {
        let mut socket: Socket =
            until("a node takes the socket", || user.try_socket_at("/ws/chat/")).await;
        while !*stop.borrow() {
            let text = format!("{} says {count}", user.name);
            count += 1;
            if socket.tell(&text).await.is_none() {
                break;
            }
            echoed.send_modify(|echoed| echoed.push(text));
        }
        views.push(messages(&socket.heard()));
    }
    views
}

/// What a socket showed: the history, then what followed.
fn messages(heard: &Heard) -> Vec<Value> {
    let histories = heard.of("message_history").map(|frame| frame["messages"].as_array().unwrap());
    let live = heard.of("chat_message").map(|frame| &frame["message"]);
    histories.flatten().chain(live).cloned().collect()
}

fn assert_each_is_stored_once(echoed: &[String], stored: &[Value]) {
    let mut copies: HashMap<&str, usize> = HashMap::new();
    for message in stored {
        *copies.entry(message["content"].as_str().unwrap()).or_default() += 1;
    }
    let missing: Vec<_> =
        echoed.iter().filter(|text| !copies.contains_key(text.as_str())).collect();
    assert!(missing.is_empty(), "echoed, and lost: {missing:?}");
    copies.retain(|_, count| *count > 1);
    assert!(copies.is_empty(), "stored more than once: {copies:?}");
}
