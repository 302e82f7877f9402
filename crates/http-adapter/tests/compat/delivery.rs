//! Behavior that needs a real connection.

use std::net::TcpListener;
use std::num::NonZeroUsize;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use http_adapter::{ConnectionSettings, configure, listen};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::world::{BODY_BYTES, MESSAGE_BYTES, World, detail};

struct Served {
    address: std::net::SocketAddr,
    handle: ServerHandle,
}

impl Served {
    fn start(world: &World) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let state = world.state.clone();
        let connections = ConnectionSettings {
            workers: NonZeroUsize::MIN,
            most: 100,
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
