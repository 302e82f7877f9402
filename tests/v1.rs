//! Version 1 of the API, with the built program.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::server::Server;
use crate::support::socket::{End, Received, Socket};
use crate::support::user::{Answer, PASSWORD, User};

impl User {
    /// A request to v1.
    pub(crate) async fn v1(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        self.ask(method, &format!("/api/v1{path}"), body).await
    }

    /// Opens a v1 socket and authenticates.
    pub(crate) async fn v1_socket(&self) -> Socket {
        let mut socket = self.try_socket_at("/api/v1/ws").await.expect("the server takes sockets");
        socket.send_v1(&json!({"type": "auth", "ref": "auth", "token": self.v1})).await;
        socket.wait_for("the greeting", |received| received.of("hello").next().is_some()).await;
        socket
    }
}

impl Socket {
    pub(crate) async fn send_v1(&mut self, envelope: &Value) {
        self.send(&envelope.to_string()).await;
    }

    pub(crate) async fn subscribe_v1(&mut self, conversation: i64) {
        let reference = format!("open {conversation}");
        let open = json!({"type": "subscribe", "ref": reference, "conversation": conversation});
        self.send_v1(&open).await;
        let is_open =
            |received: &Received| received.of("changes").any(|frame| frame["ref"] == reference);
        self.wait_for("a conversation is subscribed", is_open).await;
    }
}

/// Whether an event with this text was received.
pub(crate) fn has_event(received: &Received, body: &str) -> bool {
    received.of("event").any(|frame| frame["data"]["body"] == body)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_created_used_and_left() {
    let server = Server::start(&[]).await;
    let (ann, bob) = (server.register("ann").await, server.register("bob").await);
    let mut of_bob = bob.v1_socket().await;

    let new = json!({"title": "Lunch", "members": [bob.id]});
    let group = ann.v1(Method::POST, "/conversations", Some(&new)).await;
    assert_eq!(group.status, StatusCode::CREATED, "{}", group.json);
    let id = group.json["id"].as_i64().unwrap();
    let is_listed = |received: &Received| {
        received.of("conversation").any(|frame| frame["conversation"]["title"] == "Lunch")
    };
    of_bob.wait_for("the group", is_listed).await;
    of_bob.subscribe_v1(id).await;
    let messages = format!("/conversations/{id}/messages");
    let sent = ann.v1(Method::POST, &messages, Some(&json!({"body": "now?"}))).await;
    assert_eq!(sent.status, StatusCode::CREATED, "{}", sent.json);
    of_bob.wait_for("the question", |received| has_event(received, "now?")).await;
    let answer = json!({"type": "send", "ref": "1", "conversation": id, "body": "now."});
    of_bob.send_v1(&answer).await;
    of_bob.wait_for("the acknowledgement", |received| received.of("ack").next().is_some()).await;

    let page = ann.v1(Method::GET, &messages, None).await;
    let bodies: Vec<_> =
        page.json["items"].as_array().unwrap().iter().map(|m| &m["body"]).collect();
    assert_eq!(bodies, ["now?", "now."]);
    let leave = format!("/conversations/{id}/members/me");
    assert_eq!(bob.v1(Method::DELETE, &leave, None).await.status, StatusCode::NO_CONTENT);
    of_bob.wait_for("the removal", |received| received.of("left").next().is_some()).await;
    let gone = bob.v1(Method::GET, &messages, None).await;
    assert_eq!(
        (gone.status, &gone.json["type"]),
        (StatusCode::NOT_FOUND, &json!("/api/v1/problems/not-found"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn compat_and_v1_share_the_lobby() {
    let server = Server::start(&[]).await;
    let (ann, bob) = (server.register("ann").await, server.register("bob").await);
    let mut old = ann.socket().await;
    let mut new = bob.v1_socket().await;
    new.subscribe_v1(1).await;

    old.send_and_confirm("from compat").await.unwrap();
    new.wait_for("the compat message", |received| has_event(received, "from compat")).await;
    let send = json!({"type": "send", "ref": "1", "conversation": 1, "body": "from v1"});
    new.send_v1(&send).await;
    old.wait_for_message("from v1").await;

    let seqs: Vec<_> = new.received().of("event").map(|frame| frame["seq"].as_i64()).collect();
    assert_eq!(seqs.first(), Some(&Some(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_the_session_and_its_sockets() {
    let server = Server::start(&[]).await;
    let ann = server.register("ann").await;
    let mut socket = ann.v1_socket().await;

    let ended = ann.v1(Method::DELETE, "/sessions/current", None).await;

    assert_eq!(ended.status, StatusCode::NO_CONTENT);
    assert_eq!(socket.end().await, End::Closed(4401));
    assert_eq!(ann.v1(Method::GET, "/me", None).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_everywhere_ends_all_sessions_and_sockets() {
    let server = Server::start(&[]).await;
    let ann = server.register("ann").await;
    let other = server.sign_in("ann", PASSWORD).await;
    let bob = server.register("bob").await;
    let mut of_bob = bob.v1_socket().await;
    let mut sockets = [ann.v1_socket().await, other.v1_socket().await];
    let mut old = other.socket().await;
    let listed = ann.v1(Method::GET, "/sessions", None).await;
    assert_eq!(listed.json["items"].as_array().unwrap().len(), 2, "{}", listed.json);

    let ended = ann.v1(Method::DELETE, "/sessions", None).await;

    assert_eq!(ended.status, StatusCode::NO_CONTENT);
    for socket in &mut sockets {
        assert_eq!(socket.end().await, End::Closed(4401));
    }
    assert_eq!(old.end().await, End::Closed(4003));
    for device in [&ann, &other] {
        let me = device.v1(Method::GET, "/me", None).await;
        assert_eq!(me.status, StatusCode::UNAUTHORIZED);
        let refreshed = server.refresh(&device.refresh).await;
        assert_eq!(refreshed.status, StatusCode::UNAUTHORIZED);
    }
    server.sign_in("ann", PASSWORD).await.v1_socket().await;
    of_bob.send_v1(&json!({"type": "ping", "ref": "1"})).await;
    of_bob.wait_for("an answer", |received| received.of("pong").next().is_some()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_stores_last_seen_times_except_of_hidden_users() {
    let mut server = Server::start(&[]).await;
    let (ann, eve) = (server.register("ann").await, server.register("eve").await);
    let hide = json!({"hide_presence": true});
    assert_eq!(eve.v1(Method::PATCH, "/me", Some(&hide)).await.status, StatusCode::OK);
    let (_of_ann, _of_eve) = (ann.v1_socket().await, eve.v1_socket().await);
    let people = format!("/users?ids={},{}", ann.id, eve.id);
    let before = eve.v1(Method::GET, &people, None).await;
    assert_eq!(before.json["items"][0]["online"], true, "{}", before.json);

    server.signal("TERM");
    assert_eq!(server.ended().await.code(), Some(0), "{}", server.log());
    let _server = server.restart().await;

    let after = eve.v1(Method::GET, &people, None).await;
    let user = |at: usize| &after.json["items"][at];
    assert!(user(0)["last_seen_at"].is_string(), "{}", after.json);
    assert_eq!(user(0)["online"], false);
    let of_eve = eve.v1(Method::GET, "/me", None).await;
    assert_eq!(of_eve.json["last_seen_at"], Value::Null);
}
