//! Misbehaving clients. After each, the server serves other clients as before.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{
    raw::{self, BINARY, Raw, TEXT},
    server::Server,
    socket::{Received, Socket},
    until,
    user::{User, client},
};

/// A server with a well-behaved client and a misbehaving one.
struct World {
    server: Server,
    witness: Socket,
    mallory: User,
}

impl World {
    async fn new(env: &[(&str, &str)]) -> Self {
        let server = Server::start(env).await;
        let witness = server.register("witness").await.socket().await;
        let mallory = server.register("mallory").await;
        Self { server, witness, mallory }
    }

    async fn connect(&self) -> Raw {
        Raw::connect(&self.server).await
    }

    async fn socket(&self) -> Raw {
        self.connect().await.upgrade(&self.mallory).await
    }

    /// The witness can go on, and a new client can connect.
    async fn assert_unharmed(mut self) {
        assert!(
            self.witness.send_and_confirm("still here").await.is_some(),
            "{}",
            self.server.log()
        );
        let mut newcomer = self.server.register("newcomer").await.socket().await;
        assert!(
            newcomer.send_and_confirm("newly connected").await.is_some(),
            "{}",
            self.server.log()
        );
        self.witness.wait_for_message("newly connected").await;
        assert_eq!(self.server.health("ready").await, Some(StatusCode::OK));
        assert!(!self.server.log().contains("panicked"), "{}", self.server.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_a_complete_head_is_cut_off() {
    // Long enough for the requests of the witness on a busy machine.
    let world = World::new(&[("CHAT__HTTP__HEADER_TIMEOUT_MS", "5000")]).await;
    let mut silent = world.connect().await;
    let mut halting = world.connect().await;
    halting.send(b"GET /health/live HTTP/1.1\r\nHost: ch").await;

    tokio::join!(silent.end(), halting.end());

    world.assert_unharmed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_head_is_refused() {
    let world = World::new(&[]).await;
    let mut raw = world.connect().await;
    raw.send(b"GET /health/live HTTP/1.1\r\nHost: chat\r\nX-Long: ").await;
    raw.send(&vec![b'x'; 1024 * 1024]).await;

    let head = raw.head().await;

    assert!(head.is_empty() || head.starts_with("HTTP/1.1 4"), "{head}");
    raw.end().await;
    world.assert_unharmed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_not_http_are_refused() {
    let world = World::new(&[]).await;
    let cases: [&[u8]; 5] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: chat\r\n\r\n",
        b"POST /accounts/api/token/ HTTP/1.1\r\nHost: chat\r\nContent-Length: -1\r\n\r\n",
        b"POST /accounts/api/token/ HTTP/1.1\r\nHost: chat\r\nContent-Length: 1\r\n\
          Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ];
    for case in cases {
        let mut raw = world.connect().await;
        raw.send(case).await;

        let head = raw.head().await;

        let text = String::from_utf8_lossy(case);
        assert!(head.is_empty() || head.starts_with("HTTP/1.1 4"), "{text:?}: {head}");
    }
    world.assert_unharmed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_over_the_limit_gets_a_413_with_cors_headers() {
    let world = World::new(&[]).await;
    let head = format!(
        "POST /chat/api/messages/ HTTP/1.1\r\nHost: chat\r\nOrigin: http://localhost:3000\r\n\
         Authorization: Bearer {}\r\nContent-Type: application/json\r\n",
        world.mallory.access
    );
    let over = 5 * 1024 * 1024 + 1;
    let length = |bytes: u64| format!("{head}Content-Length: {bytes}\r\n\r\n").into_bytes();
    let cases = [
        ("announced", [length(over as u64), vec![b' '; over]].concat()),
        (
            "in one chunk",
            [
                format!("{head}Transfer-Encoding: chunked\r\n\r\n{over:x}\r\n").into_bytes(),
                vec![b' '; over],
                b"\r\n0\r\n\r\n".to_vec(),
            ]
            .concat(),
        ),
        ("without end", [length(1 << 40), vec![b' '; 3 * over]].concat()),
    ];
    for (name, request) in cases {
        let mut raw = world.connect().await;
        raw.send(&request).await;

        let (head, body) = raw.answer().await;

        assert!(head.starts_with("http/1.1 413 "), "case: {name}: {head}");
        assert!(head.contains("\r\naccess-control-allow-origin: *\r\n"), "case: {name}: {head}");
        assert!(body["detail"].is_string(), "case: {name}: {body}");
    }
    world.assert_unharmed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unfinished_bodies_do_not_block_other_requests() {
    let world = World::new(&[("CHAT__HTTP__WORKERS", "1")]).await;
    let mut slow = Vec::new();
    for _ in 0..50 {
        let mut raw = world.connect().await;
        raw.send(
            b"POST /accounts/api/token/ HTTP/1.1\r\nHost: chat\r\n\
              Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{",
        )
        .await;
        slow.push(raw);
    }

    world.assert_unharmed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_text_is_refused_over_rest() {
    let world = World::new(&[]).await;
    let id = world.mallory.id;
    let lone = format!(r#"{{"content":"\ud800","author":{id}}}"#).into_bytes();
    let broken = [br#"{"content":""#.as_slice(), b"\xff\xfe\"}"].concat();
    for body in [lone, broken, vec![b'['; 200_000]] {
        let request = client()
            .post(world.server.url("/chat/api/messages/"))
            .bearer_auth(&world.mallory.access)
            .header("Content-Type", "application/json")
            .body(body);
        let answer = request.send().await.unwrap();

        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
        let _: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    }
    world.assert_unharmed().await;
}

/// A client frame with a mask of zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    [raw::head(first, payload.len(), 0x80), vec![0; 4], payload.to_vec()].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_over_the_limit_is_skipped_and_the_next_one_is_delivered() {
    let huge = vec![b'x'; 300 * 1024];
    let half = huge.len() / 2;
    let cases = [
        ("in one frame", frame(TEXT, &huge)),
        ("in fragments", [frame(0x01, &huge[..half]), frame(0x80, &huge[half..])].concat()),
    ];
    let mut world = World::new(&[]).await;
    let mut raw = world.socket().await;
    for (name, bytes) in cases {
        raw.send(&bytes).await;
        raw.send_frame(TEXT, name.as_bytes()).await;

        world.witness.wait_for_message(name).await;
    }
    assert_eq!(world.witness.received().of("chat_message").count(), 2);
    world.assert_unharmed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_protocol_error_has_its_close_code() {
    let (long, over) = (vec![b'x'; 1 << 17], 65 << 20);
    let cases: Vec<(&str, Vec<u8>, u16)> = vec![
        ("text over every limit", raw::head(TEXT, over, 0x80), 1009),
        (
            "text announced as 1 TiB",
            [&[TEXT, 0xff][..], &(1_u64 << 40).to_be_bytes()].concat(),
            1009,
        ),
        (
            "fragments over every limit",
            [frame(0x01, &long), raw::head(0x80, over, 0x80)].concat(),
            1009,
        ),
        ("invalid UTF-8", frame(TEXT, b"caf\xe9"), 1007),
        ("a surrogate in UTF-8", frame(TEXT, b"\xed\xa0\x80"), 1007),
        ("an unmasked frame", [&raw::head(TEXT, 5, 0)[..], b"hello"].concat(), 1002),
        ("a reserved bit", frame(TEXT | 0x40, b"hello"), 1002),
        ("a reserved opcode", frame(0x83, b"hello"), 1002),
        ("a continuation of nothing", frame(0x80, b"hello"), 1002),
        ("a text within a text", [frame(0x01, b"hel"), frame(TEXT, b"lo")].concat(), 1002),
        ("a long ping", frame(0x89, &long[..126]), 1002),
        ("a ping in pieces", frame(0x09, b"hello"), 1002),
    ];
    let world = World::new(&[]).await;
    for (name, bytes, want) in cases {
        let mut raw = world.socket().await;
        raw.send(&bytes).await;

        assert_eq!(raw.close_code().await, Some(want), "case: {name}");

        raw.end().await;
    }
    world.assert_unharmed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_binary_frame_is_ignored_and_the_next_text_is_delivered() {
    let mut world = World::new(&[]).await;
    let mut raw = world.socket().await;

    raw.send_frame(BINARY, b"\x00\xff\xfe").await;
    raw.send_frame(TEXT, b"after the binary").await;

    world.witness.wait_for_message("after the binary").await;
    assert_eq!(world.witness.received().of("chat_message").count(), 1);
    world.assert_unharmed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nul_is_removed_and_a_forged_frame_is_plain_text() {
    let mut world = World::new(&[]).await;
    let mut raw = world.socket().await;
    let forged = json!({ "type": "message_deleted", "message_id": 1 }).to_string();

    raw.send_frame(TEXT, b"be\0fore").await;
    raw.send_frame(TEXT, forged.as_bytes()).await;

    world.witness.wait_for_message("before").await;
    world.witness.wait_for_message(&forged).await;
    assert_eq!(world.witness.received().of("message_deleted").count(), 0);
    world.assert_unharmed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_answers_no_ping_is_disconnected() {
    let timing = [("CHAT__SOCKET__PING_INTERVAL_S", "1"), ("CHAT__COMPAT__PONG_TIMEOUT_S", "5")];
    let mut world = World::new(&timing).await;
    let mut raw = world.socket().await;
    world.witness.wait_for("mallory comes", is_online("mallory")).await;

    // Reads frames, pings among them, and answers none.
    while let Some(frame) = raw.frame().await {
        if frame.opcode == 8 {
            break;
        }
    }

    world.witness.wait_for("mallory leaves", |received| !is_online("mallory")(received)).await;
    world.assert_unharmed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_reads_does_not_slow_others_or_fill_memory() {
    const MESSAGES: usize = 300;
    let filler = "x".repeat(64 * 1024);
    let env = [("CHAT_PROFILE", "parity"), ("CHAT__COMPAT__STALL_TIMEOUT_S", "2")];
    let mut world = World::new(&env).await;
    let mut stalled = Raw::connect_narrow(&world.server).await;
    stalled.ask_for_socket(&world.mallory).await;
    world.witness.wait_for("mallory comes", is_online("mallory")).await;
    let mut writer = world.server.register("writer").await.socket().await;
    let before = world.server.resident_bytes();

    for number in 0..MESSAGES {
        assert!(writer.send_and_confirm(&format!("{number} {filler}")).await.is_some());
    }

    let grown = world.server.resident_bytes().saturating_sub(before);
    assert!(grown < 64 * 1024 * 1024, "{grown} bytes more");
    let all = |received: &Received| received.of("chat_message").count() == MESSAGES;
    world.witness.wait_for("every message", all).await;
    world.witness.wait_for("mallory leaves", |received| !is_online("mallory")(received)).await;
    world.assert_unharmed().await;
}

/// Each answer has about 1 MiB. The first ones fill the budget; the others are refused.
#[tokio::test(flavor = "multi_thread")]
async fn answers_that_nobody_reads_fill_no_memory() {
    const MIB: u64 = 1024 * 1024;
    const PAGE: &str = "/api/v1/conversations/1/messages?limit=100";
    let world = World::new(&[("CHAT__SOCKET__BUDGET_BYTES", "8388608")]).await;
    let body = json!({"body": "🦀".repeat(4_000)});
    for _ in 0..64 {
        let path = "/api/v1/conversations/1/messages";
        let sent = world.mallory.ask(Method::POST, path, Some(&body)).await;
        assert_eq!(sent.status, StatusCode::CREATED);
    }
    let page = async || world.mallory.ask(Method::GET, PAGE, None).await.status;
    let becomes = async |status| (page().await == status).then_some(());
    assert_eq!(page().await, StatusCode::OK);
    let before = world.server.resident_bytes();

    let mut stalled = Vec::new();
    for _ in 0..300 {
        let mut raw = Raw::connect_narrow(&world.server).await;
        let head = format!(
            "GET {PAGE} HTTP/1.1\r\nHost: chat\r\nAuthorization: Bearer {}\r\n\r\n",
            world.mallory.v1
        );
        raw.send(head.as_bytes()).await;
        stalled.push(raw);
    }
    until("the budget is exceeded", || becomes(StatusCode::SERVICE_UNAVAILABLE)).await;
    let small = world.mallory.ask(Method::GET, "/api/v1/me", None).await.status;
    let grown = world.server.resident_bytes().saturating_sub(before);
    drop(stalled);
    until("the budget is free", || becomes(StatusCode::OK)).await;

    assert_eq!(small, StatusCode::OK);
    assert!(grown < (8 + 128) * MIB, "{grown} bytes more");
    world.assert_unharmed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_disconnect_while_connecting_leave_nobody_online() {
    let mut world = World::new(&[("CHAT_PROFILE", "parity")]).await;
    for number in 0..50 {
        let mut raw = world.connect().await;
        raw.ask_for_socket(&world.mallory).await;
        match number % 3 {
            0 => {}
            1 => {
                raw.head().await;
            }
            _ => {
                raw.head().await;
                raw.frame().await;
            }
        }
        drop(raw);
    }
    // Events arrive in order, so this client's come after all of theirs.
    let mut last = world.connect().await.upgrade(&world.mallory).await;
    last.send_frame(TEXT, b"the last of mallory").await;
    world.witness.wait_for_message("the last of mallory").await;
    drop(last);

    let settled = |received: &Received| {
        let of_mallory = |kind| received.of(kind).filter(|f| f["username"] == "mallory").count();
        of_mallory("user_join") > 0
            && of_mallory("user_join") == of_mallory("user_leave")
            && received.online() == Some(vec!["witness"])
    };
    world.witness.wait_for("each that came leaves", settled).await;
    world.assert_unharmed().await;
}

fn is_online(name: &str) -> impl Fn(&Received) -> bool {
    move |received| received.online().is_some_and(|online| online.contains(&name))
}
