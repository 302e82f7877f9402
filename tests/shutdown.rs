//! Shutdown of a server.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::json;
use tokio::{net::TcpStream, task::JoinSet};

use crate::support::{
    raw::Raw,
    server::Server,
    socket::{End, Socket},
    until,
    user::User,
};

/// Slack for a machine that is busy with other tests.
const SLACK: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_stops_a_server_cleanly() {
    assert_stops_cleanly("TERM").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sigint_stops_a_server_cleanly() {
    assert_stops_cleanly("INT").await;
}

async fn assert_stops_cleanly(signal: &str) {
    let mut server =
        Server::start(&[("CHAT_PROFILE", "parity"), ("CHAT__HTTP__SHUTDOWN_TIMEOUT_MS", "8000")])
            .await;
    let anna = server.register("anna").await;
    let mut listener = anna.socket().await;
    let mut writers = JoinSet::new();
    for number in 0..4 {
        let user = server.register(&format!("writer-{number}")).await;
        writers.spawn(write_to_the_end(user.socket().await, number));
    }
    listener.wait_for("some messages", |received| received.of("chat_message").count() > 20).await;
    let (mut half, rest) = half_a_request(&server, &anna).await;

    server.signal(signal);
    let began = Instant::now();

    assert_eq!(listener.end().await, End::Closed(1001));
    refuses_connections(&server).await;
    half.send(rest.as_bytes()).await;
    let (head, message) = half.answer().await;
    assert!(head.starts_with("http/1.1 201 "), "{head}");
    let mut sent: Vec<String> = writers.join_all().await.concat();
    sent.push(message["content"].as_str().unwrap().to_owned());
    assert_eq!(server.ended().await.code(), Some(0), "{}", server.log());
    assert!(began.elapsed() < Duration::from_secs(8) + SLACK, "{:?}", began.elapsed());
    let _server = server.restart().await;
    let stored = anna.messages().await;
    for text in sent {
        let copies = stored.iter().filter(|message| message["content"] == text.as_str()).count();
        assert_eq!(copies, 1, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_outlast_the_time_out_are_cut() {
    let mut server = Server::start(&[("CHAT__HTTP__SHUTDOWN_TIMEOUT_MS", "1000")]).await;
    let anna = server.register("anna").await;
    let (mut half, _rest) = half_a_request(&server, &anna).await;

    server.signal("TERM");
    let began = Instant::now();

    server.ended().await;
    assert!(began.elapsed() < Duration::from_secs(1) + SLACK, "{:?}", began.elapsed());
    half.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_stops_a_server_at_once() {
    let mut server = Server::start(&[("CHAT__HTTP__SHUTDOWN_TIMEOUT_MS", "60000")]).await;
    let anna = server.register("anna").await;
    let (_half, _rest) = half_a_request(&server, &anna).await;
    server.signal("TERM");
    refuses_connections(&server).await;

    server.signal("TERM");
    let began = Instant::now();

    server.ended().await;
    assert!(began.elapsed() < SLACK, "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_does_not_delay_the_stop() {
    let mut server = Server::start(&[("CHAT__HTTP__KEEP_ALIVE_MS", "600000")]).await;
    let mut idle = Raw::connect(&server).await;
    idle.send(b"GET /health/live HTTP/1.1\r\nHost: chat\r\n\r\n").await;
    assert!(idle.head().await.starts_with("HTTP/1.1 200 "));

    server.signal("TERM");
    let began = Instant::now();

    assert_eq!(server.ended().await.code(), Some(0));
    assert!(began.elapsed() < SLACK, "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_server_is_live_and_ready() {
    let server = Server::start(&[]).await;

    for which in ["live", "ready"] {
        assert_eq!(server.health(which).await, Some(StatusCode::OK), "{which}");
    }
}

/// Sends a message without its last byte, and returns that byte.
async fn half_a_request(server: &Server, user: &User) -> (Raw, String) {
    let mut body = json!({ "content": "in flight", "author": user.id }).to_string();
    let head = format!(
        "POST /chat/api/messages/ HTTP/1.1\r\nHost: chat\r\nContent-Type: application/json\r\n\
         Authorization: Bearer {}\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        user.access,
        body.len()
    );
    let rest = body.split_off(body.len() - 1);
    let mut raw = Raw::connect(server).await;
    raw.send(head.as_bytes()).await;
    // Now the server handles the request, and does not merely hold its bytes.
    let go_on = raw.head().await;
    assert!(go_on.starts_with("HTTP/1.1 100 "), "{go_on}");
    raw.send(body.as_bytes()).await;
    (raw, rest)
}

async fn refuses_connections(server: &Server) {
    until("the server stops accepting", || async {
        TcpStream::connect(server.address()).await.err().map(drop)
    })
    .await;
}

/// Sends until the server ends the socket. Returns the texts that were echoed.
async fn write_to_the_end(mut socket: Socket, number: usize) -> Vec<String> {
    let mut sent = Vec::new();
    loop {
        let text = format!("{number} sends {}", sent.len());
        if socket.send_and_confirm(&text).await.is_none() {
            assert_eq!(socket.end().await, End::Closed(1001));
            return sent;
        }
        sent.push(text);
    }
}
