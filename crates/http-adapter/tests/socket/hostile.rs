use std::time::Duration;

use testkit::TEST_TIMEOUT;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::client::{Raw, masked};
use crate::world::{Options, World};

#[actix_web::test]
async fn broken_frames_close_only_their_own_socket() {
    let world = World::start(Options::parity());
    let mut watcher = world.enter("watcher").await;
    let limit = world.compat.message_bytes;
    let huge = [&[0x81, 0xff], &(1_u64 << 40).to_be_bytes()[..]].concat();
    let fragments = [masked(0x01, &vec![b'x'; limit]), masked(0x00, b"x")].concat();
    let cases = [
        ("a frame over the limit", masked(0x81, &vec![b'x'; limit + 1]), 1009),
        ("a claim of a terabyte", huge, 1009),
        ("fragments over the limit", fragments, 1009),
        ("invalid UTF-8", masked(0x81, &[b'a', 0xff]), 1007),
        ("no mask", vec![0x81, 0x01, b'x'], 1002),
        ("reserved bits", masked(0xf1, b"x"), 1002),
        ("an unknown opcode", masked(0x8b, b"x"), 1002),
        ("a ping of 126 bytes", masked(0x89, &[0; 126]), 1002),
        ("a continuation of nothing", masked(0x80, b"x"), 1002),
    ];
    for (n, (name, bytes, want)) in cases.into_iter().enumerate() {
        let user = format!("hostile{n}");
        let account = world.account(&user).await;
        let mut raw = Raw::connect(world.address, &world.token(&account)).await;
        watcher.wait_online(|online| online.contains(&&*user)).await;

        raw.send(&[masked(0x81, name.as_bytes()), bytes].concat()).await;

        assert_eq!(raw.closed().await, Some(want), "case: {name}");
        // The message before the broken frame is stored.
        watcher.wait_state(name, &["watcher"]).await;
    }
    assert!(world.services.budget.used() < 1 << 20);
}

#[actix_web::test]
async fn only_plain_http_1_1_get_handshakes_are_accepted() {
    let world = World::start(Options::parity());
    let token = world.token(&world.account("ann").await);
    let cases = [
        ("HTTP/1.0", ""),
        ("HTTP/1.1", "Transfer-Encoding: chunked\r\n"),
        ("HTTP/1.1", "Content-Length: 5\r\n"),
    ];
    for (version, header) in cases {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        let head = format!(
            "GET /ws/chat/?access_token={token} {version}\r\nHost: x\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{header}\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();

        let mut status = [0; 12];
        timeout(TEST_TIMEOUT, stream.read_exact(&mut status)).await.unwrap().unwrap();

        assert!(status.ends_with(b" 400"), "{version} {header}");
    }
}

#[actix_web::test]
async fn a_message_at_the_limit_is_accepted() {
    let world = World::start(Options::parity());
    let mut ann = world.enter("ann").await;
    let text = "y".repeat(world.compat.message_bytes);

    ann.say(&text).await;

    ann.wait_message(&text).await;
}

#[actix_web::test]
async fn a_flood_of_unread_pongs_takes_no_memory() {
    let world = World::start(Options::parity());
    let mut watcher = world.enter("watcher").await;
    let account = world.account("flood").await;
    let mut raw = Raw::connect(world.address, &world.token(&account)).await;
    watcher.wait_online(|online| online.contains(&"flood")).await;
    let pings = masked(0x89, &[7; 100]).repeat(1000);

    for _ in 0..3 {
        raw.send(&pings).await;
    }
    raw.send(&masked(0x81, b"done")).await;

    watcher.wait_message("done").await;
    assert!(world.services.budget.used() < 1 << 20);
}

#[actix_web::test]
async fn a_silent_client_is_pinged_then_closed() {
    let mut options = Options::parity();
    options.settings.ping_interval = Duration::from_millis(100);
    options.compat.timeouts.pong = Duration::from_millis(300);
    let world = World::start(options);
    let account = world.account("silent").await;
    let mut raw = Raw::connect(world.address, &world.token(&account)).await;
    world.wait_connections("silent", 1).await;
    let mut alive = world.enter("alive").await;

    let mut pings = 0;
    let silent = async {
        loop {
            match raw.frame().await {
                Some((8, payload)) => return payload,
                Some((9, _)) => pings += 1,
                Some(_) => {}
                None => panic!("disconnected without a close frame"),
            }
        }
    };
    // A client that is polled answers pings automatically.
    let living = alive.wait_online(|online| online == ["alive"]);
    let (code, ()) = tokio::join!(silent, living);

    assert_eq!(code, 1001_u16.to_be_bytes());
    assert!((2..=5).contains(&pings), "{pings} pings");
    alive.say("still here").await;
    alive.wait_message("still here").await;
}

#[actix_web::test]
async fn a_client_that_never_finishes_its_head_is_dropped() {
    let options = Options { head_timeout: Duration::from_millis(300), ..Options::parity() };
    let world = World::start(options);
    let mut slow = TcpStream::connect(world.address).await.unwrap();
    slow.write_all(b"GET /ws/chat/ HTTP/1.1\r\nHost:").await.unwrap();

    let mut answer = String::new();
    timeout(TEST_TIMEOUT, slow.read_to_string(&mut answer)).await.unwrap().unwrap();

    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}
