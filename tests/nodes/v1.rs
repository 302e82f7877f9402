//! Version 1 over several nodes.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::cluster::Cluster;
use crate::support::socket::{End, Received};
use crate::v1::has_event;

#[tokio::test(flavor = "multi_thread")]
async fn groups_messages_and_markers_cross_nodes() {
    let cluster = Cluster::start(2).await;
    let ann = cluster.user(0, "ann").await;
    let bob = cluster.user(1, "bob").await;
    let mut here = ann.v1_socket().await;
    let mut there = bob.v1_socket().await;
    let mut other_device = bob.at(&cluster.nodes[0]).v1_socket().await;

    let new = json!({"title": "Lunch", "members": [bob.id]});
    let group = ann.v1(Method::POST, "/conversations", Some(&new)).await;
    assert_eq!(group.status, StatusCode::CREATED, "{}", group.json);
    let id = group.json["id"].as_i64().unwrap();
    let is_listed = |received: &Received| {
        received.of("conversation").any(|frame| frame["conversation"]["id"] == id)
    };
    for socket in [&mut here, &mut there, &mut other_device] {
        socket.wait_for("the group", is_listed).await;
    }
    here.subscribe_v1(id).await;
    there.subscribe_v1(id).await;
    for (socket, body) in [(&mut here, "from the first"), (&mut there, "from the second")] {
        let send = json!({"type": "send", "ref": body, "conversation": id, "body": body});
        socket.send_v1(&send).await;
    }
    for socket in [&mut here, &mut there] {
        for body in ["from the first", "from the second"] {
            socket.wait_for(body, |received| has_event(received, body)).await;
        }
        let received = socket.received();
        let seqs: Vec<_> = received.of("event").filter_map(|frame| frame["seq"].as_i64()).collect();
        assert_eq!(seqs, [1, 2]);
    }

    let read = json!({"type": "read", "ref": "read", "conversation": id, "msg_no": 2});
    there.send_v1(&read).await;
    // The user's own message moves it too.
    let is_read = |received: &Received| {
        received.of("conversation").any(|frame| frame["conversation"]["read_no"] == 2)
            || received.of("gap").any(|frame| frame["read_no"] == 2)
    };
    other_device.wait_for("the marker", is_read).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn typing_and_read_receipts_cross_nodes_and_devices() {
    let cluster = Cluster::start(2).await;
    let ann = cluster.user(0, "ann").await;
    let bob = cluster.user(1, "bob").await;
    let mut here = ann.v1_socket().await;
    let mut there = bob.v1_socket().await;
    let mut other_device = bob.at(&cluster.nodes[0]).v1_socket().await;
    let direct = ann.v1(Method::PUT, &format!("/direct/{}", bob.id), None).await;
    let id = direct.json["id"].as_i64().unwrap();
    let first = json!({"body": "first"});
    ann.v1(Method::POST, &format!("/conversations/{id}/messages"), Some(&first)).await;
    let is_listed = |received: &Received| {
        received.of("conversation").any(|frame| frame["conversation"]["id"] == id)
    };
    for socket in [&mut here, &mut there, &mut other_device] {
        socket.wait_for("the conversation", is_listed).await;
    }
    here.subscribe_v1(id).await;
    there.subscribe_v1(id).await;

    here.send_v1(&json!({"type": "typing", "ref": "typing", "conversation": id})).await;
    let types =
        |received: &Received| received.of("typing").any(|frame| frame["user"]["username"] == "ann");
    there.wait_for("that ann is typing", types).await;
    let send = json!({"type": "send", "ref": "send", "conversation": id, "body": "hello"});
    here.send_v1(&send).await;
    there.wait_for("hello", |received| has_event(received, "hello")).await;
    there.send_v1(&json!({"type": "read", "ref": "read", "conversation": id, "msg_no": 2})).await;

    let has_read = |received: &Received| {
        received.of("read").any(|frame| frame["user"]["username"] == "bob" && frame["msg_no"] == 2)
    };
    here.wait_for("that bob has read it", has_read).await;
    let is_moved = |received: &Received| {
        received.of("conversation").any(|frame| frame["conversation"]["read_no"] == 2)
    };
    other_device.wait_for("the reader's own marker", is_moved).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hiding_and_signing_out_reach_every_node() {
    let cluster = Cluster::start(2).await;
    let ann = cluster.user(0, "ann").await;
    let bob = cluster.user(1, "bob").await;
    let mut of_bob = bob.v1_socket().await;
    let mut there = ann.at(&cluster.nodes[1]).v1_socket().await;
    let is_online = |online: bool| {
        move |received: &Received| {
            let last = received.of("presence").rfind(|frame| frame["username"] == "ann");
            last.is_some_and(|frame| frame["online"] == online)
        }
    };
    of_bob.wait_for("ann comes online", is_online(true)).await;
    let person = format!("/users/{}", ann.id);
    let seen = bob.v1(Method::GET, &person, None).await;
    assert_eq!(seen.json["online"], true, "{}", seen.json);

    let hide = json!({"hide_presence": true});
    assert_eq!(ann.v1(Method::PATCH, "/me", Some(&hide)).await.status, StatusCode::OK);
    of_bob.wait_for("ann goes offline", is_online(false)).await;
    there.wait_for("its own setting", |received| received.of("me").next().is_some()).await;

    let ended = ann.v1(Method::DELETE, "/sessions", None).await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT);
    assert_eq!(there.end().await, End::Closed(4401));
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_at_one_node_ends_sockets_at_another() {
    let cluster = Cluster::start(2).await;
    let ann = cluster.user(0, "ann").await;
    let there = ann.at(&cluster.nodes[1]);
    let mut new = there.v1_socket().await;
    let mut old = there.socket().await;
    old.wait_for("its history", |received| received.of("message_history").count() == 1).await;

    let ended = ann.v1(Method::DELETE, "/sessions/current", None).await;
    let began = Instant::now();
    assert_eq!(ended.status, StatusCode::NO_CONTENT);

    assert_eq!(new.end().await, End::Closed(4401));
    assert_eq!(old.end().await, End::Closed(4003));
    assert!(began.elapsed() <= Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(there.v1(Method::GET, "/me", None).await.status, StatusCode::UNAUTHORIZED);
    let list = there.ask(Method::GET, "/chat/api/messages/", None).await;
    assert_eq!(list.status, StatusCode::UNAUTHORIZED);
}
