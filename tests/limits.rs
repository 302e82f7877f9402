//! Rate limits and counts, with the defaults.

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::support::{
    server::Server,
    socket::{End, Received},
    user::{Answer, PASSWORD, client},
};

async fn limited(more: &[(&str, &str)]) -> Server {
    let enabled = ("CHAT__LIMITS__ENABLED", "true");
    Server::start(&[&[enabled], more].concat()).await
}

fn texts<'a>(messages: impl Iterator<Item = &'a Value>) -> Vec<&'a str> {
    messages.filter_map(|message| message["content"].as_str()).collect()
}

/// More than a user does in an hour.
#[tokio::test(flavor = "multi_thread")]
async fn ordinary_use_reaches_no_limit() {
    let server = limited(&[]).await;
    let anna = server.register("anna").await;
    for _ in 0..4 {
        let wrong = server.try_sign_in("anna", "wrong").await;
        assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    }
    server.sign_in("anna", PASSWORD).await;
    let mut tabs = Vec::new();
    for _ in 0..8 {
        tabs.push(anna.socket().await);
    }

    let mut sent = Vec::new();
    for n in 0..12 {
        sent.push(tabs[0].send_and_confirm(&format!("message {n}")).await.unwrap());
    }
    for id in &sent[..6] {
        assert_eq!(anna.edit(*id, "edited").await.status, StatusCode::OK);
        assert_eq!(anna.delete(*id).await.status, StatusCode::NO_CONTENT);
    }

    for tab in &mut tabs {
        tab.wait_for_message("message 11").await;
    }
}

/// 60 messages are more than the burst.
#[tokio::test(flavor = "multi_thread")]
async fn exceeding_the_message_rate_delays_but_never_drops() {
    let server = limited(&[]).await;
    let (anna, ben) = (server.register("anna").await, server.register("ben").await);
    let (mut annas, mut bens) = (anna.socket().await, ben.socket().await);
    let lines: Vec<String> = (0..60).map(|n| format!("line {n}")).collect();
    for line in &lines {
        annas.send(line).await;
    }

    bens.wait_for_message("line 59").await;

    assert_eq!(texts(anna.messages().await.iter()), lines);
    let received = annas
        .wait_for("the last line", |received: &Received| received.known("line 59").is_some())
        .await;
    assert_eq!(received.end, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_limit_has_its_answer() {
    let server = limited(&[
        ("CHAT__LIMITS__REGISTRATIONS_BURST", "1"),
        ("CHAT__LIMITS__REGISTRATIONS_PER_HOUR", "1"),
        ("CHAT__LIMITS__SIGN_IN_FREE_FAILURES", "1"),
        ("CHAT__LIMITS__SOCKETS_PER_ACCOUNT", "1"),
        ("CHAT__LIMITS__MESSAGES_BURST", "1"),
        ("CHAT__LIMITS__MESSAGES_PER_SECOND", "1"),
    ])
    .await;
    let anna = server.register("anna").await;

    let ben = json!({"username": "ben", "email": "ben@example.com", "password": PASSWORD});
    let refused = anna.ask(reqwest::Method::POST, "/accounts/api/register/", Some(&ben)).await;
    assert_eq!(refused, too_many(StatusCode::BAD_REQUEST, "username", "60 minutes"));

    let refused = first_refusal(async || server.try_sign_in("anna", "wrong").await).await;
    assert!(refused.json["detail"].as_str().unwrap().starts_with("Too many attempts."));

    let mut socket = anna.socket().await;
    let id = socket.send_and_confirm("hello").await.unwrap();
    assert_eq!(anna.socket().await.end().await, End::Closed(1013));
    let refused = first_refusal(async || anna.edit(id, "again").await).await;
    assert_eq!(refused, too_many(StatusCode::TOO_MANY_REQUESTS, "detail", "1 second"));
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_sign_ins_of_others_do_not_lock_out_a_known_address() {
    // All clients come through this proxy, which forwards their addresses.
    let server = limited(&[("CHAT__HTTP__TRUSTED_PROXIES", "127.0.0.1")]).await;
    let sign_in = async |server: &Server, address: &str, password: &str| {
        let body = json!({"username": "anna", "password": password});
        server.post_from(address, "/accounts/api/token/", &body).await.status
    };
    let anna = json!({"username": "anna", "email": "anna@example.com", "password": PASSWORD});
    let made = server.post_from("192.0.2.1", "/accounts/api/register/", &anna).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.json);

    let server = server.restart().await;
    let mut n = 0;
    while sign_in(&server, &format!("203.0.113.{n}"), "wrong").await == StatusCode::UNAUTHORIZED {
        n += 1;
    }

    let from_new_address = sign_in(&server, "203.0.113.200", PASSWORD).await;
    assert_eq!(from_new_address, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(sign_in(&server, "192.0.2.1", PASSWORD).await, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_limit_has_its_answer_on_v1() {
    let server = limited(&[
        ("CHAT__LIMITS__SIGN_IN_FREE_FAILURES", "1"),
        ("CHAT__LIMITS__SOCKETS_PER_ACCOUNT", "1"),
        ("CHAT__LIMITS__MESSAGES_BURST", "1"),
        ("CHAT__LIMITS__MESSAGES_PER_SECOND", "1"),
        ("CHAT__LIMITS__HANDSHAKES_BURST", "4"),
        ("CHAT__LIMITS__HANDSHAKES_PER_MINUTE", "1"),
    ])
    .await;
    let anna = server.register("anna").await;

    let wrong = json!({"username": "anna", "password": "wrong"});
    assert_refused(|| client().post(server.url("/api/v1/sessions")).json(&wrong)).await;

    let mut socket = anna.v1_socket().await;
    let mut second = anna.try_socket_at("/api/v1/ws").await.unwrap();
    second.send_v1(&json!({"type": "auth", "ref": "auth", "token": anna.v1})).await;
    assert_eq!(second.end().await, End::Closed(1013));

    for n in 0..20 {
        let send = json!({"type": "send", "ref": n.to_string(), "conversation": 1, "body": "x"});
        socket.send_v1(&send).await;
    }
    let answered =
        |received: &Received| received.of("ack").count() + received.of("error").count() == 20;
    let received = socket.wait_for("an answer to each", answered).await;
    assert!(received.of("error").count() > 0, "the limit was never reached");
    for error in received.of("error") {
        assert_eq!(error["problem"]["type"], "/api/v1/problems/too-many-requests", "{error}");
        assert_eq!(error["problem"]["retry_after_s"], 1, "{error}");
    }
    let written = received.of("ack").count();
    drop(received);
    let stored = anna.v1(Method::GET, "/conversations/1/messages", None).await;
    assert_eq!(stored.json["items"].as_array().unwrap().len(), written);

    let messages = server.url("/api/v1/conversations/1/messages");
    let message = json!({"body": "x"});
    assert_refused(|| client().post(&messages).bearer_auth(&anna.v1).json(&message)).await;
    assert_refused(|| {
        let handshake = [
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let request = client().get(server.url("/api/v1/ws"));
        handshake.iter().fold(request, |request, (name, value)| request.header(*name, *value))
    })
    .await;
}

/// Repeats the request until it is answered by a 429 that says when to retry, in its header and its body.
async fn assert_refused(ask: impl Fn() -> RequestBuilder) {
    for _ in 0..100 {
        let answer = ask().send().await.unwrap();
        if answer.status() != StatusCode::TOO_MANY_REQUESTS {
            continue;
        }
        let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["type"], "/api/v1/problems/too-many-requests");
        assert_eq!((problem["retry_after_s"].as_u64(), wait > 0), (Some(wait), true));
        return;
    }
    panic!("the limit was never reached");
}

/// The first answer that is a 429.
async fn first_refusal(ask: impl AsyncFn() -> Answer) -> Answer {
    for _ in 0..100 {
        let answer = ask().await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            return answer;
        }
    }
    panic!("the limit was never reached");
}

fn too_many(status: StatusCode, field: &str, wait: &str) -> Answer {
    let text = format!("Too many attempts. Try again in {wait}.");
    let json = if field == "detail" { json!({ field: text }) } else { json!({ field: [text] }) };
    Answer { status, json }
}
