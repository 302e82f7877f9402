//! Version 1 of the API, over the wire of the built program.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::server::Server;
use crate::support::socket::{End, Heard, Socket};
use crate::support::user::{Answer, User};

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
