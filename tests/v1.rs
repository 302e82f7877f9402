//! Version 1 of the API, over the wire of the built program.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::server::Server;
use crate::support::socket::{End, Heard, Socket};
use crate::support::user::{Answer, PASSWORD, User};

impl User {
    /// A request to v1.
    pub(crate) async fn v1(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        self.ask(method, &format!("/api/v1{path}"), body).await
    }

    /// Opens a socket of v1, and says who one is.
    pub(crate) async fn v1_socket(&self) -> Socket {
        let mut socket = self.try_socket_at("/api/v1/ws").await.expect("the server takes sockets");
        socket.tell_v1(&json!({"type": "auth", "ref": "auth", "token": self.access})).await;
        socket.hears("the greeting", |heard| heard.of("hello").next().is_some()).await;
        socket
    }
}

impl Socket {
    /// Says an envelope.
    pub(crate) async fn tell_v1(&mut self, envelope: &Value) {
        self.say(&envelope.to_string()).await;
    }

    /// Opens a conversation from now on.
    pub(crate) async fn open_v1(&mut self, conversation: i64) {
        let reference = format!("open {conversation}");
        let open = json!({"type": "open", "ref": reference, "conversation": conversation});
        self.tell_v1(&open).await;
        let is_open = |heard: &Heard| heard.of("changes").any(|frame| frame["ref"] == reference);
        self.hears("a conversation is open", is_open).await;
    }
}

/// Whether a message with this text was told as an event.
pub(crate) fn has_event(heard: &Heard, body: &str) -> bool {
    heard.of("event").any(|frame| frame["data"]["body"] == body)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_open_a_group_talk_and_part() {
    let server = Server::start(&[]).await;
    let (ann, bob) = (server.register("ann").await, server.register("bob").await);
    let mut of_bob = bob.v1_socket().await;

    let new = json!({"title": "Lunch", "members": [bob.id]});
    let group = ann.v1(Method::POST, "/conversations", Some(&new)).await;
    assert_eq!(group.status, StatusCode::CREATED, "{}", group.json);
    let id = group.json["id"].as_i64().unwrap();
    let is_listed = |heard: &Heard| {
        heard.of("conversation").any(|frame| frame["conversation"]["title"] == "Lunch")
    };
    of_bob.hears("the group", is_listed).await;
    of_bob.open_v1(id).await;
    let messages = format!("/conversations/{id}/messages");
    let said = ann.v1(Method::POST, &messages, Some(&json!({"body": "now?"}))).await;
    assert_eq!(said.status, StatusCode::CREATED, "{}", said.json);
    of_bob.hears("the question", |heard| has_event(heard, "now?")).await;
    let answer = json!({"type": "send", "ref": "1", "conversation": id, "body": "now."});
    of_bob.tell_v1(&answer).await;
    of_bob.hears("the acknowledgement", |heard| heard.of("ack").next().is_some()).await;

    let page = ann.v1(Method::GET, &messages, None).await;
    let bodies: Vec<_> =
        page.json["items"].as_array().unwrap().iter().map(|m| &m["body"]).collect();
    assert_eq!(bodies, ["now?", "now."]);
    let leave = format!("/conversations/{id}/members/me");
    assert_eq!(bob.v1(Method::DELETE, &leave, None).await.status, StatusCode::NO_CONTENT);
    of_bob.hears("that it is gone", |heard| heard.of("left").next().is_some()).await;
    let gone = bob.v1(Method::GET, &messages, None).await;
    assert_eq!(
        (gone.status, &gone.json["type"]),
        (StatusCode::NOT_FOUND, &json!("/api/v1/problems/not-found"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lobby_is_one_for_both_faces() {
    let server = Server::start(&[]).await;
    let (ann, bob) = (server.register("ann").await, server.register("bob").await);
    let mut old = ann.socket().await;
    let mut new = bob.v1_socket().await;
    new.open_v1(1).await;

    old.tell("from the old face").await.unwrap();
    new.hears("the old face", |heard| has_event(heard, "from the old face")).await;
    let send = json!({"type": "send", "ref": "1", "conversation": 1, "body": "from the new face"});
    new.tell_v1(&send).await;
    old.hears_message("from the new face").await;

    let seqs: Vec<_> = new.heard().of("event").map(|frame| frame["seq"].as_i64()).collect();
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
async fn signing_out_everywhere_ends_every_session_and_socket_of_both_faces() {
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
    of_bob.tell_v1(&json!({"type": "ping", "ref": "1"})).await;
    of_bob.hears("an answer", |heard| heard.of("pong").next().is_some()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_there_when_the_server_stopped_was_last_seen_then_unless_it_hides() {
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
    let _server = server.again().await;

    let after = eve.v1(Method::GET, &people, None).await;
    let shown = |at: usize| &after.json["items"][at];
    assert!(shown(0)["last_seen_at"].is_string(), "{}", after.json);
    assert_eq!(shown(0)["online"], false);
    let of_eve = eve.v1(Method::GET, "/me", None).await;
    assert_eq!(of_eve.json["last_seen_at"], Value::Null);
}
