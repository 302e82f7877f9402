use std::time::Duration;

use application::ports::SnapshotLimit;
use socket2::SockRef;
use testkit::TEST_TIMEOUT;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{interval, timeout};

use crate::client::{Raw, masked};
use crate::world::{Options, World};

/// The headers of a handshake.
const UPGRADE: &str = "Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                      Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// Sends these bytes, and returns all bytes until the server closes.
async fn exchange(world: &World, request: &str) -> String {
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(TEST_TIMEOUT, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer
}

fn status_and_body(answer: &str) -> (&str, &str) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap(), body)
}

#[actix_web::test]
async fn frames_in_the_packet_of_the_handshake_are_read() {
    let world = World::start(Options::parity());
    let mut watcher = world.enter("watcher").await;
    let token = world.token(&world.account("hasty").await);
    let handshake = format!("GET /ws/chat/?access_token={token} HTTP/1.1\r\n{UPGRADE}\r\n");
    let frames = [masked(0x81, b"first"), masked(0x81, b"second"), masked(0x88, &[])].concat();
    let mut stream = TcpStream::connect(world.address).await.unwrap();

    stream.write_all(&[handshake.as_bytes(), &frames].concat()).await.unwrap();

    watcher.wait_message("first").await;
    watcher.wait_message("second").await;
    let mut all = Vec::new();
    timeout(TEST_TIMEOUT, stream.read_to_end(&mut all)).await.unwrap().unwrap();
    assert!(all.starts_with(b"HTTP/1.1 101 Switching Protocols\r\n"));
    assert!(all.ends_with(&[0x88, 0]));
}

#[actix_web::test]
async fn an_upgrade_on_another_path_is_ignored() {
    let world = World::start(Options::parity());
    let lines = [
        "GET /chat/api/ HTTP/1.1",
        "GET /nowhere HTTP/1.1",
        "GET /chat/api/messages/ HTTP/1.1",
        "HEAD /chat/api/ HTTP/1.1",
        "POST /accounts/api/token/ HTTP/1.1",
        "GET /api/v1/conversations HTTP/1.1",
    ];
    for line in lines {
        let plain = format!("{line}\r\nHost: x\r\nConnection: close\r\n\r\n");
        let plain = exchange(&world, &plain).await;

        let upgrade = exchange(&world, &format!("{line}\r\n{UPGRADE}\r\n")).await;

        assert_eq!(status_and_body(&upgrade), status_and_body(&plain), "{line}");
    }
}

#[actix_web::test]
async fn an_invalid_handshake_is_refused_and_closed() {
    let world = World::start(Options::parity());
    let without = |part: &str| UPGRADE.replace(part, "X-Nothing: x\r\n");
    for path in ["/ws/chat/", "/api/v1/ws"] {
        let request = without("Connection: Upgrade\r\n");
        let answer = exchange(&world, &format!("GET {path} HTTP/1.1\r\n{request}\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{path} {answer}");
        let several = UPGRADE.replace("Upgrade: websocket", "Upgrade: websocket, other");
        let answer = exchange(&world, &format!("GET {path} HTTP/1.1\r\n{several}\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{path} {answer}");
    }
}

#[actix_web::test]
async fn another_version_is_answered_with_the_supported_one() {
    let world = World::start(Options::parity());
    for path in ["/ws/chat/", "/api/v1/ws"] {
        for version in ["", "Sec-WebSocket-Version: 8\r\n", "Sec-WebSocket-Version: 14\r\n"] {
            let headers = UPGRADE.replace("Sec-WebSocket-Version: 13\r\n", version);

            let answer = exchange(&world, &format!("GET {path} HTTP/1.1\r\n{headers}\r\n")).await;

            assert!(answer.starts_with("HTTP/1.1 426 "), "{path} {version} {answer}");
            let head = answer.to_lowercase();
            assert!(head.contains("\r\nsec-websocket-version: 13\r\n"), "{answer}");
            assert!(head.contains("\r\nupgrade: websocket\r\n"), "{answer}");
        }
    }
    let plain = "GET /api/v1/ws HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert!(exchange(&world, plain).await.starts_with("HTTP/1.1 426 "));
}

#[actix_web::test]
async fn pages_of_foreign_origins_cannot_open_a_socket_of_v1() {
    let world = World::start(Options::parity());
    let open = async |path: &str, origin: &str| {
        let mut raw = Raw(TcpStream::connect(world.address).await.unwrap());
        let request = format!("GET {path} HTTP/1.1\r\n{UPGRADE}Origin: {origin}\r\n\r\n");
        raw.send(request.as_bytes()).await;
        raw.head().await
    };

    for (path, origin, status) in [
        ("/api/v1/ws", "http://x", 101),
        ("/api/v1/ws", "https://x", 101),
        ("/api/v1/ws", "https://evil.example.com", 403),
        ("/api/v1/ws", "null", 403),
        // The contract does not restrict origins.
        ("/ws/chat/", "https://evil.example.com", 101),
    ] {
        let head = open(path, origin).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{path} {origin} {head}");
    }
}

#[actix_web::test]
async fn an_offer_of_http2_is_ignored() {
    const OFFER: &str = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
                         HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n";
    let world = World::start(Options::parity());
    let body = r#"{"username": "nobody", "password": "s3cret"}"#;
    let with_body = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    let cases = [
        ("POST /accounts/api/token/ HTTP/1.1", with_body.as_str(), body),
        ("POST /api/v1/sessions HTTP/1.1", &with_body, body),
        ("GET /chat/api/ HTTP/1.1", "", ""),
        ("GET /nowhere HTTP/1.1", "", ""),
    ];
    for (line, headers, body) in cases {
        let plain = format!("{line}\r\nHost: x\r\nConnection: close\r\n{headers}\r\n{body}");
        let plain = exchange(&world, &plain).await;

        let offer = format!("{line}\r\nHost: x\r\n{OFFER}{headers}\r\n{body}");
        let offer = exchange(&world, &offer).await;

        assert_eq!(status_and_body(&offer), status_and_body(&plain), "{line}");
        assert!(offer.contains("\r\nconnection: close\r\n"), "{offer}");
    }
}

#[actix_web::test]
async fn a_response_to_head_has_no_body() {
    let world = World::start(Options::parity());
    let request = |method: &str| {
        format!("{method} /api/v1/problems/full HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    };

    let (get, head) =
        (exchange(&world, &request("GET")).await, exchange(&world, &request("HEAD")).await);

    let (status, body) = status_and_body(&get);
    assert_eq!(status_and_body(&head), (status, ""));
    assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{head}");
}

#[actix_web::test]
async fn a_socket_may_follow_requests_on_its_connection() {
    let world = World::start(Options::parity());
    let token = world.token(&world.account("ann").await);
    let pipelined = format!(
        "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n\
         GET /ws/chat/?access_token={token} HTTP/1.1\r\n{UPGRADE}\r\n"
    );
    let mut raw = Raw(TcpStream::connect(world.address).await.unwrap());

    raw.send(b"HEAD /chat/api/ HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let first = raw.head().await;
    raw.send(pipelined.as_bytes()).await;
    let second = raw.head().await;
    let (_, length) = second.split_once("content-length: ").unwrap();
    let length = length.split_once("\r\n").unwrap().0.parse().unwrap();
    raw.0.read_exact(&mut vec![0; length]).await.unwrap();
    let third = raw.head().await;

    let statuses = [first, second, third].map(|head| head.get(9..12).unwrap().to_owned());
    assert_eq!(statuses, ["200", "404", "101"]);
    raw.send(&masked(0x88, &1001_u16.to_be_bytes())).await;
    assert_eq!(raw.closed().await, Some(1001));
}

#[actix_web::test]
async fn frames_arrive_whole_and_in_order_over_a_slow_connection() {
    let mut options = Options::parity();
    options.compat.history = SnapshotLimit { rows: 500, bytes: 8 << 20 };
    let world = World::start(options);
    let writer = world.account("writer").await;
    let mut sizes = [7, 100_000, 1, 60_000, 130, 200_000, 3000].into_iter().cycle();
    let mut text = |n: usize| format!("{n} {}", "x".repeat(sizes.next().unwrap()));
    let mut want: Vec<String> = (0..20).map(&mut text).collect();
    for (n, text) in want.iter().enumerate() {
        world.post(writer.id, n as u128, text).await;
    }
    let socket = TcpSocket::new_v4().unwrap();
    SockRef::from(&socket).set_recv_buffer_size(2048).unwrap();
    let stream = socket.connect(world.address).await.unwrap();
    let narrow = world.account("narrow").await;
    let mut raw = Raw::begin(stream, &world.token(&narrow)).await;
    world.wait_connections("narrow", 1).await;

    for n in 20..40 {
        let text = text(n);
        world.post(writer.id, n as u128, &text).await;
        want.push(text);
    }

    let (mut shown, mut pongs) = (Vec::new(), 0);
    while shown.len() < want.len() || pongs == 0 {
        let (opcode, payload) = raw.frame().await.unwrap();
        if opcode == 0xA {
            pongs += 1;
            continue;
        }
        let frame: serde_json::Value = serde_json::from_slice(&payload).unwrap();
        let single = [frame["message"].clone()];
        let messages = match frame["type"].as_str().unwrap() {
            "message_history" => {
                // The ping comes only now, so no pong was needed to get the frames flowing.
                raw.send(&masked(0x89, b"ping")).await;
                frame["messages"].as_array().unwrap().as_slice()
            }
            "chat_message" => &single,
            _ => &[],
        };
        shown.extend(messages.iter().map(|m| m["content"].as_str().unwrap().to_owned()));
    }
    assert_eq!((shown, pongs), (want, 1));
}

#[actix_web::test]
async fn a_client_that_reads_slowly_while_closing_is_disconnected() {
    let mut options = Options::parity();
    options.settings.timeouts.stall = Duration::from_millis(500);
    let world = World::start(options);
    let writer = world.account("writer").await;
    for n in 0..40 {
        world.post(writer.id, n, &"x".repeat(200_000)).await;
    }
    let socket = TcpSocket::new_v4().unwrap();
    SockRef::from(&socket).set_recv_buffer_size(2048).unwrap();
    let stream = socket.connect(world.address).await.unwrap();
    let mut raw = Raw::begin(stream, &world.token(&world.account("slow").await)).await;
    world.wait_connections("slow", 1).await;

    // An unmasked frame is an error, after which the server closes the socket.
    raw.send(&[0x81, 1, b'x']).await;
    let trickle = async {
        let (mut read, mut some) = (0, [0; 1024]);
        let mut pause = interval(Duration::from_millis(20));
        loop {
            pause.tick().await;
            match raw.0.read(&mut some).await {
                Ok(0) | Err(_) => return read,
                Ok(count) => read += count,
            }
        }
    };

    let read = timeout(TEST_TIMEOUT, trickle).await.expect("the connection is never closed");
    assert!(read < 7_000_000, "the server waited for {read} bytes to be read");
}
