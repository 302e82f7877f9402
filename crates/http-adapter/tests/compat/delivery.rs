//! Behavior that needs a real connection.

use std::net::TcpListener;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use application::LimitRules;
use http_adapter::{ConnectionLimits, ConnectionSettings, TrustedProxies, configure, listen};
use testkit::values::wide_limits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::world::{BODY_BYTES, MESSAGE_BYTES, MESSAGES, World, detail};

struct Served {
    address: std::net::SocketAddr,
    handle: ServerHandle,
}

impl Served {
    fn start(world: &World) -> Self {
        Self::limited(world, 100, None)
    }

    /// With so many connections in all, and for each address.
    fn limited(world: &World, most: usize, per_address: Option<usize>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let state = world.state.clone();
        let connections = ConnectionSettings {
            workers: NonZeroUsize::MIN,
            limits: ConnectionLimits::new(most, per_address, TrustedProxies::default()),
            header_timeout: Duration::from_secs(5),
            keep_alive: Duration::from_secs(5),
            silence: Duration::from_secs(30),
            linger: Duration::from_secs(1),
            shutdown_timeout: Duration::from_secs(30),
        };
        let server =
            listen(listener, connections, move |cfg| configure(cfg, state.clone())).unwrap();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Self { address, handle }
    }

    /// Sends these bytes, and returns all bytes until the server closes.
    async fn exchange(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let (mut reading, mut writing) = stream.split();
        let mut answer = Vec::new();
        let exchange = async {
            let (written, read) =
                tokio::join!(writing.write_all(request), reading.read_to_end(&mut answer));
            // A server that responds early may close before it has read everything.
            drop(written);
            read.unwrap();
        };
        timeout(testkit::TEST_TIMEOUT, exchange).await.unwrap();
        String::from_utf8(answer).unwrap()
    }
}

#[actix_web::test]
async fn head_responses_have_a_length_but_no_body() {
    let world = World::new();
    let ann = world.user("ann").await;
    let message = world.message(&ann, &"x".repeat(MESSAGE_BYTES)).await;
    let served = Served::start(&world);
    let path = detail(&message);
    let request = format!(
        "HEAD {path} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {token}\r\n\r\n\
         GET /chat/api/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        token = ann.access,
    );

    let answer = served.exchange(request.as_bytes()).await;

    served.handle.stop(false).await;
    let (head, rest) = answer.split_once("\r\n\r\n").unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    assert!(length.parse::<usize>().unwrap() > MESSAGE_BYTES, "{head}");
    assert!(rest.starts_with("HTTP/1.1 200 OK\r\n"), "{}", &rest[..rest.len().min(80)]);
}

#[actix_web::test]
async fn a_chunked_body_is_read() {
    let world = World::new();
    let served = Served::start(&world);
    let request = "POST /accounts/api/verify/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\
                   Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n\
                   5\r\n{\"tok\r\nc\r\nen\": \"junk\"}\r\n0\r\n\r\n";

    let answer = served.exchange(request.as_bytes()).await;

    served.handle.stop(false).await;
    assert!(answer.contains(r#"{"detail":"Token is invalid or expired""#), "{answer}");
}

#[actix_web::test]
async fn an_oversized_body_keeps_its_connection_usable() {
    let world = World::new();
    let served = Served::start(&world);
    let head = format!(
        "POST /accounts/api/token/ HTTP/1.1\r\nHost: h\r\nOrigin: null\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        BODY_BYTES + 100_000,
    );
    let next = "GET /chat/api/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    let request = format!("{head}{}{next}", "x".repeat(BODY_BYTES + 100_000));

    let answer = served.exchange(request.as_bytes()).await;

    served.handle.stop(false).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("access-control-allow-origin: *"), "{answer}");
    assert!(answer.contains("HTTP/1.1 200 OK"), "{answer}");
}

#[actix_web::test]
async fn a_body_that_ends_early_is_an_error() {
    let world = World::new();
    let served = Served::start(&world);
    let request = "POST /accounts/api/token/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\
                   Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n";

    let answer = served.exchange(request.as_bytes()).await;

    served.handle.stop(false).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[actix_web::test]
async fn a_response_sent_before_the_body_is_read_arrives() {
    let world = World::new();
    let served = Served::start(&world);
    let head = "POST /chat/api/messages/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\
                Content-Type: application/json\r\nContent-Length: 150000\r\n\r\n";
    let request = format!("{head}{}", "x".repeat(150_000));

    let answer = served.exchange(request.as_bytes()).await;

    served.handle.stop(false).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
}

/// A connection that stays open, after one request.
async fn hold(served: &Served) -> TcpStream {
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream.write_all(b"GET /chat/api/ HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    let mut start = [0; 12];
    timeout(testkit::TEST_TIMEOUT, stream.read_exact(&mut start)).await.unwrap().unwrap();
    assert_eq!(&start, b"HTTP/1.1 200");
    stream
}

#[actix_web::test]
async fn an_address_with_too_many_connections_is_refused() {
    let world = World::new();
    let served = Served::limited(&world, 100, Some(1));
    let held = hold(&served).await;

    let refused = served.exchange(b"GET /api/v1/me HTTP/1.1\r\nHost: h\r\n\r\n").await;
    drop(held);
    let admitted = async {
        loop {
            let request = b"GET /chat/api/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
            if served.exchange(request).await.starts_with("HTTP/1.1 200 ") {
                break;
            }
        }
    };
    timeout(testkit::TEST_TIMEOUT, admitted).await.unwrap();

    served.handle.stop(false).await;
    assert!(refused.starts_with("HTTP/1.1 429 "), "{refused}");
    assert!(refused.contains("\r\nretry-after: 1\r\n"), "{refused}");
    assert!(refused.contains("\r\nconnection: close\r\n"), "{refused}");
    assert!(refused.contains("/api/v1/problems/too-many-requests"), "{refused}");
}

#[actix_web::test]
async fn an_address_that_floods_is_closed_at_once() {
    let world = World::new();
    let served = Served::limited(&world, 100, Some(1));
    let _held = hold(&served).await;
    let _idle = TcpStream::connect(served.address).await.unwrap();

    let closed = served.exchange(b"").await;

    served.handle.stop(false).await;
    assert_eq!(closed, "");
}

#[actix_web::test]
async fn a_full_server_answers_health_checks_only() {
    let world = World::new();
    let served = Served::limited(&world, 1, None);
    let _held = hold(&served).await;

    let refused = served.exchange(b"GET /chat/api/ HTTP/1.1\r\nHost: h\r\n\r\n").await;
    let health = b"GET /health/live HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    let alive = served.exchange(health).await;
    // A browser shows the client of a refused preflight no status.
    let preflight = b"OPTIONS /chat/api/ HTTP/1.1\r\nHost: h\r\nOrigin: null\r\n\
                      Access-Control-Request-Method: GET\r\n\r\n";
    let preflight = served.exchange(preflight).await;

    served.handle.stop(false).await;
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    assert!(refused.contains("\r\nretry-after: 1\r\n"), "{refused}");
    assert!(alive.starts_with("HTTP/1.1 200 "), "{alive}");
    assert!(preflight.starts_with("HTTP/1.1 200 "), "{preflight}");
}

/// Until the client has taken the answer.
#[actix_web::test]
async fn an_account_has_a_number_of_reads_at_the_same_time() {
    let rules = LimitRules { open_reads_by_account: 1, ..wide_limits() };
    let world = World::limited(&Arc::default(), rules);
    let ann = world.user("ann").await;
    for _ in 0..15 {
        world.message(&ann, &"x".repeat(MESSAGE_BYTES)).await;
    }
    let served = Served::start(&world);
    let request = |close: &str| {
        let token = &ann.access;
        format!(
            "GET {MESSAGES} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {token}\r\n{close}\r\n"
        )
    };
    let reading = TcpSocket::new_v4().unwrap();
    reading.set_recv_buffer_size(1).unwrap();
    let mut reading = reading.connect(served.address).await.unwrap();
    reading.write_all(request("").as_bytes()).await.unwrap();
    let mut start = [0; 12];
    reading.read_exact(&mut start).await.unwrap();

    let refused = served.exchange(request("Connection: close\r\n").as_bytes()).await;
    drop(reading);
    let admitted = async {
        while !served
            .exchange(request("Connection: close\r\n").as_bytes())
            .await
            .starts_with("HTTP/1.1 200 ")
        {}
    };
    timeout(testkit::TEST_TIMEOUT, admitted).await.unwrap();

    served.handle.stop(false).await;
    assert_eq!(&start, b"HTTP/1.1 200");
    assert!(refused.starts_with("HTTP/1.1 429 "), "{}", &refused[..200]);
    assert!(refused.contains("\r\nretry-after: 1\r\n"), "{refused}");
}
