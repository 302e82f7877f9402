//! Events of one node reach the others.

use std::time::{Duration, Instant};

use reqwest::StatusCode;

use super::cluster::Cluster;
use crate::support::socket::{End, Received};

#[tokio::test(flavor = "multi_thread")]
async fn messages_edits_and_deletions_cross_nodes() {
    let cluster = Cluster::start_in("parity", 3).await;
    let (mut users, mut sockets) = (Vec::new(), Vec::new());
    for (node, name) in ["ann", "bob", "eve"].into_iter().enumerate() {
        let user = cluster.user(node, name).await;
        let mut socket = user.socket().await;
        socket
            .wait_for("its history", |received| received.of("message_history").count() == 1)
            .await;
        sockets.push(socket);
        users.push(user);
    }

    for node in 0..users.len() {
        let text = format!("from {node}");
        let id = sockets[node].send_and_confirm(&text).await.unwrap();
        for socket in &mut sockets {
            socket.wait_for_message(&text).await;
        }
        // At another node than it was written at.
        let author = users[node].at(&cluster.nodes[(node + 1) % users.len()]);
        let text = format!("edited at {node}");
        assert_eq!(author.edit(id, &text).await.status, StatusCode::OK);
        let edited = |received: &Received| {
            received.of("message_updated").any(|frame| frame["message"]["content"] == text)
        };
        for socket in &mut sockets {
            socket.wait_for("the edit", edited).await;
        }
        if node == 0 {
            assert_eq!(author.delete(id).await.status, StatusCode::NO_CONTENT);
            let deleted =
                |received: &Received| received.of("message_deleted").any(|f| f["message_id"] == id);
            for socket in &mut sockets {
                socket.wait_for("the deletion", deleted).await;
            }
        }
    }

    let stored = users[0].messages().await;
    let texts: Vec<_> = stored.iter().map(|message| message["content"].clone()).collect();
    assert_eq!(texts, ["edited at 1", "edited at 2"]);
    for (user, socket) in users.iter().zip(&sockets) {
        assert_eq!(user.messages().await, stored);
        let received = socket.received();
        for (kind, count) in [("chat_message", 3), ("message_updated", 3), ("message_deleted", 1)] {
            assert_eq!(received.of(kind).count(), count, "{kind} to {}", user.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn online_users_are_one_list_over_all_nodes() {
    let cluster = Cluster::start(3).await;
    let mut sockets = Vec::new();
    for (node, name) in ["ann", "bob", "eve"].iter().enumerate() {
        sockets.push(cluster.user(node, name).await.socket().await);
    }

    let all = |received: &Received| received.online() == Some(vec!["ann", "bob", "eve"]);
    for socket in &mut sockets {
        socket.wait_for("all three are online", all).await;
    }
    sockets.pop().unwrap().close().await;

    let two = |received: &Received| received.online() == Some(vec!["ann", "bob"]);
    for socket in &mut sockets {
        socket.wait_for("one has left", two).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn users_of_a_dead_node_are_offline_within_20_s() {
    let mut cluster = Cluster::start(2).await;
    let mut ann = cluster.user(0, "ann").await.socket().await;
    let bob = cluster.user(1, "bob").await;
    let _of_bob = bob.socket().await;
    ann.wait_for("both", |received| received.online() == Some(vec!["ann", "bob"])).await;

    cluster.take(1).kill().await;
    let died = Instant::now();

    let mut watched = ann.watch();
    let alone = watched.wait_for(|received| received.online() == Some(vec!["ann"]));
    tokio::time::timeout(Duration::from_secs(20), alone).await.expect("within 20 s").unwrap();
    assert!(died.elapsed() < Duration::from_secs(20));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_account_loses_its_sockets_on_every_node() {
    let cluster = Cluster::start(2).await;
    let ann = cluster.user(0, "ann").await;
    let mut sockets = Vec::new();
    for node in &cluster.nodes {
        sockets.push(ann.at(node).socket().await);
    }

    let node = &cluster.nodes[0];
    let ended = node.folder().run(&["disable", "ann"], &node.env());
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);

    for socket in &mut sockets {
        assert_eq!(socket.end().await, End::Closed(4003));
    }
    for node in &cluster.nodes {
        let answer = ann.at(node).ask(reqwest::Method::GET, "/chat/api/messages/", None).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_ends_sessions_on_every_node() {
    let cluster = Cluster::start(2).await;
    let ann = cluster.user(0, "ann").await;
    let mut there = ann.at(&cluster.nodes[1]).socket().await;

    let node = &cluster.nodes[0];
    let mut env = node.env();
    env.push(("CHAT_PASSWORD", "another-horse-8"));
    let ended = node.folder().run(&["set-password", "ann"], &env);
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);

    assert_eq!(there.end().await, End::Closed(4003));
    let refreshed = cluster.nodes[1].refresh(&ann.refresh).await;
    assert_eq!(refreshed.status, StatusCode::UNAUTHORIZED);
    cluster.nodes[1].sign_in("ann", "another-horse-8").await.socket().await.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_of_an_account_are_counted_over_all_nodes() {
    let limits = [("CHAT__LIMITS__ENABLED", "true"), ("CHAT__LIMITS__SOCKETS_PER_ACCOUNT", "3")];
    let cluster = Cluster::start_with(&limits, 2).await;
    let ann = cluster.user(0, "ann").await;
    let there = ann.at(&cluster.nodes[1]);
    let mut tabs = vec![ann.socket().await, ann.socket().await, there.socket().await];
    for tab in &mut tabs {
        tab.wait_for("its history", |received| received.of("message_history").count() == 1).await;
    }

    for node in [&ann, &there] {
        assert_eq!(node.socket().await.end().await, End::Closed(1013));
    }
    tabs.remove(0).close().await;

    // The count goes down as soon as the first node has seen the end.
    let open = async {
        loop {
            let mut next = there.socket().await;
            let mut received = next.watch();
            tokio::select! {
                _ = received.wait_for(|received| received.of("message_history").count() == 1) => break,
                end = next.end() => assert_eq!(end, End::Closed(1013)),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), open).await.expect("there is room again");
}
