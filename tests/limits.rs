//! What a client gets that does too much, with the defaults.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{
    server::Server,
    socket::{End, Heard},
    user::{Answer, PASSWORD},
};

async fn limited(more: &[(&str, &str)]) -> Server {
    let enabled = ("CHAT__LIMITS__ENABLED", "true");
    Server::start(&[&[enabled], more].concat()).await
}

fn texts<'a>(messages: impl Iterator<Item = &'a Value>) -> Vec<&'a str> {
    messages.filter_map(|message| message["content"].as_str()).collect()
}

/// A day of a person, in a moment.
#[tokio::test(flavor = "multi_thread")]
async fn ordinary_use_meets_no_limit() {
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

    let mut told = Vec::new();
    for n in 0..12 {
        told.push(tabs[0].tell(&format!("message {n}")).await.unwrap());
    }
    for id in &told[..6] {
        assert_eq!(anna.edit(*id, "edited").await.status, StatusCode::OK);
        assert_eq!(anna.delete(*id).await.status, StatusCode::NO_CONTENT);
    }

    for tab in &mut tabs {
        tab.hears_message("message 11").await;
    }
}

/// 60 are more than the burst.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_pastes_a_book_is_slowed_down_and_loses_nothing() {
    let server = limited(&[]).await;
    let (anna, ben) = (server.register("anna").await, server.register("ben").await);
    let (mut annas, mut bens) = (anna.socket().await, ben.socket().await);
    let lines: Vec<String> = (0..60).map(|n| format!("line {n}")).collect();
    for line in &lines {
        annas.say(line).await;
    }

    bens.hears_message("line 59").await;

    assert_eq!(texts(anna.messages().await.iter()), lines);
    let heard =
        annas.hears("the last line", |heard: &Heard| heard.known("line 59").is_some()).await;
    assert_eq!(heard.end, None);
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
    assert_eq!(refused, told(StatusCode::BAD_REQUEST, "username", "60 minutes"));

    let refused = first_refusal(async || server.try_sign_in("anna", "wrong").await).await;
    assert!(refused.json["detail"].as_str().unwrap().starts_with("Too many attempts."));

    let mut socket = anna.socket().await;
    let id = socket.tell("hello").await.unwrap();
    assert_eq!(anna.socket().await.end().await, End::Closed(1013));
    let refused = first_refusal(async || anna.edit(id, "again").await).await;
    assert_eq!(refused, told(StatusCode::TOO_MANY_REQUESTS, "detail", "1 second"));
}

/// The first answer that is a 429; sooner or later the limit is met on any machine.
async fn first_refusal(ask: impl AsyncFn() -> Answer) -> Answer {
    for _ in 0..100 {
        let answer = ask().await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            return answer;
        }
    }
    panic!("nothing was too much");
}

fn told(status: StatusCode, field: &str, wait: &str) -> Answer {
    let text = format!("Too many attempts. Try again in {wait}.");
    let json = if field == "detail" { json!({ field: text }) } else { json!({ field: [text] }) };
    Answer { status, json }
}
