use std::io;
use std::sync::{Arc, Mutex, OnceLock};

use actix_web::http::Method;
use actix_web::test::TestRequest;
use serde_json::json;
use testkit::Fault;
use tracing::Dispatch;
use tracing_subscriber::fmt::MakeWriter;

use crate::world::{LOGIN, MESSAGES, World, signed};

/// Collects the log lines of this thread until the guard is dropped.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn watch(&self) -> tracing::subscriber::DefaultGuard {
        // With a single subscriber, tracing caches for all threads that a call site is disabled
        // if another thread reaches it first. A second one prevents that.
        static OTHER: OnceLock<Dispatch> = OnceLock::new();
        OTHER.get_or_init(|| {
            Dispatch::new(tracing_subscriber::fmt().with_writer(io::sink).finish())
        });
        let lines = tracing_subscriber::fmt().with_ansi(false).with_writer(self.clone());
        tracing::subscriber::set_default(lines.finish())
    }

    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[actix_web::test]
async fn a_request_is_logged_in_one_line_without_secrets() {
    let world = World::new();
    let ann = world.user("ann").await;
    let log = Log::default();
    let watched = log.watch();

    let body = json!({"content": "private words", "author": ann.id});
    let path = format!("{MESSAGES}?access_token={}", ann.access);
    let request =
        TestRequest::post().uri(&path).set_json(&body).insert_header(("x-request-id", "r-1"));
    world.send(signed(request, Some(&ann))).await;
    world.post(LOGIN, &json!({"username": "ann", "password": "s3cret"})).await;
    drop(watched);

    let lines = log.lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    for part in ["POST /chat/api/messages/ 201", "request.id=\"r-1\"", "duration_us=", "bytes="] {
        assert!(lines[0].contains(part), "{part}: {}", lines[0]);
    }
    for secret in ["plain:", "access_token", "private", "s3cret"] {
        assert!(lines.iter().all(|line| !line.contains(secret)), "{secret}: {lines:?}");
    }
}

#[actix_web::test]
async fn the_cause_of_a_503_is_logged_once_with_the_id_of_its_request() {
    let world = World::new();
    let ann = world.user("ann").await;
    world.store.outage(Some(Fault::Unreachable));
    let log = Log::default();
    let watched = log.watch();

    let request = TestRequest::with_uri("/chat/api/messages/1/").method(Method::GET);
    let request = request.insert_header(("x-request-id", "r-2"));
    let answer = world.send(signed(request, Some(&ann))).await;
    drop(watched);

    assert_eq!(answer.status, 503);
    let errors: Vec<_> = log.lines().into_iter().filter(|line| line.contains("ERROR")).collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].contains("r-2"), "{errors:?}");
}
