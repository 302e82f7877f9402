//! Conversations of v1, over several nodes.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::cluster::Cluster;
use crate::support::socket::{End, Heard};
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
    let is_listed =
        |heard: &Heard| heard.of("conversation").any(|frame| frame["conversation"]["id"] == id);
    for socket in [&mut here, &mut there, &mut other_device] {
        socket.hears("the group", is_listed).await;
    }
    here.open_v1(id).await;
    there.open_v1(id).await;
    for (socket, body) in [(&mut here, "from the first"), (&mut there, "from the second")] {
        let send = json!({"type": "send", "ref": body, "conversation": id, "body": body});
        socket.tell_v1(&send).await;
    }
    for socket in [&mut here, &mut there] {
        for body in ["from the first", "from the second"] {
            socket.hears(body, |heard| has_event(heard, body)).await;
        }
        let heard = socket.heard();
        let seqs: Vec<_> = heard.of("event").filter_map(|frame| frame["seq"].as_i64()).collect();
        assert_eq!(seqs, [1, 2]);
    }

    let read = json!({"type": "read", "ref": "read", "conversation": id, "msg_no": 2});
    there.tell_v1(&read).await;
    // One's own message moves it, too.
    let is_read = |heard: &Heard| {
        heard.of("conversation").any(|frame| frame["conversation"]["read_no"] == 2)
            || heard.of("gap").any(|frame| frame["read_no"] == 2)
    };
    other_device.hears("the marker", is_read).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_at_one_node_ends_sockets_of_both_faces_and_the_token_at_another() {
    let cluster = Cluster::start(2).await;
    let ann = cluster.user(0, "ann").await;
    let there = ann.at(&cluster.nodes[1]);
    let mut new = there.v1_socket().await;
    let mut old = there.socket().await;
    old.hears("its history", |heard| heard.of("message_history").count() == 1).await;

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
