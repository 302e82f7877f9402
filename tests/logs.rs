//! The log: one line for each request, and no secrets.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{
    secrets::assert_hides,
    server::Server,
    socket::Received,
    until,
    user::{PASSWORD, client},
};

/// Messages of users, which must not be in the log.
const TEXTS: [&str; 5] =
    ["whisper-one", "whisper \"two\"", "whisper\n-three", "whisper-four é", "whisper-five"];

/// The finest level, also for libraries.
pub(crate) const EVERYTHING: (&str, &str) =
    ("CHAT__LOG__LEVEL", "trace,tokio_postgres=trace,actix_http=trace");

const JSON: (&str, &str) = ("CHAT__LOG__FORMAT", "json");

#[tokio::test(flavor = "multi_thread")]
async fn every_request_has_one_line_without_secrets() {
    for format in ["human", "json"] {
        let server = Server::start(&[("CHAT__LOG__FORMAT", format)]).await;

        let secrets = journey(&server).await;
        let given = marked_requests(&server, &secrets).await;
        let log = ended_log(server).await;

        assert_hides(&log, &secrets);
        for (id, status) in given {
            let lines: Vec<&str> = log.lines().filter(|line| line.contains(&id)).collect();
            assert_eq!(lines.len(), 1, "{format}, {id}: {lines:#?}");
            assert!(lines[0].contains(status.as_str()), "{format}: {}", lines[0]);
        }
        if format == "json" {
            for line in log.lines() {
                let line: Value = serde_json::from_str(line).expect("each line is JSON");
                assert!(line["level"].is_string() && line["message"].is_string(), "{line}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_level_logs_secrets() {
    let server = Server::start(&[EVERYTHING]).await;

    let secrets = journey(&server).await;
    let log = ended_log(server).await;

    assert_hides(&log, &secrets);
}

#[tokio::test(flavor = "multi_thread")]
async fn security_events_have_fixed_names_and_hide_addresses() {
    let grace = ("CHAT__AUTH__REFRESH_GRACE_S", "1");
    let limits = [
        ("CHAT__LIMITS__ENABLED", "true"),
        ("CHAT__LIMITS__READS_PER_SECOND", "1"),
        ("CHAT__LIMITS__READS_BURST", "16"),
    ];
    for (addresses, shown) in [("hashed", false), ("plain", true)] {
        let env =
            [grace, limits[0], limits[1], limits[2], ("CHAT__LOG__ADDRESSES", addresses), JSON];
        let server = Server::start(&env).await;
        let user = server.register("ann").await;
        assert_eq!(server.try_sign_in("ann", "wrong-horse").await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(server.try_sign_in("nobody", PASSWORD).await.status, StatusCode::UNAUTHORIZED);
        let signed_in = server.sign_in("ann", PASSWORD).await;
        assert_eq!(server.refresh(&signed_in.refresh).await.status, StatusCode::OK);
        until("the grace period is over", || async {
            let again = server.refresh(&signed_in.refresh).await;
            (again.status == StatusCode::UNAUTHORIZED).then_some(())
        })
        .await;
        until("a limit is reached", || async {
            let answer = user.ask(Method::GET, "/api/v1/me", None).await;
            (answer.status == StatusCode::TOO_MANY_REQUESTS).then_some(())
        })
        .await;
        let log = ended_log(server).await;

        let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let events: Vec<Value> =
            lines.filter(|line| line["target"] == "application::security_log").collect();
        let names = [
            "registered",
            "sign_in_failed",
            "sign_in_failed",
            "signed_in",
            "refresh_token_reused",
            "limit_reached",
        ];
        let logged: Vec<&str> =
            events.iter().map(|event| event["message"].as_str().unwrap()).collect();
        assert_eq!(logged, names, "{log}");
        let users: Vec<Option<i64>> =
            events.iter().map(|event| event["user.id"].as_i64()).collect();
        let ann = Some(user.id);
        assert_eq!(users, [ann, ann, None, ann, ann, ann]);
        assert_eq!(events[5]["limit"], "reads_by_account");
        for event in &events[..4] {
            assert_eq!(event["client.address"] == "127.0.0.1", shown, "{event}");
            assert_eq!(event["client.address"], events[0]["client.address"]);
        }
        assert_eq!(log.contains("127.0.0.1\""), shown, "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_log_loses_lines_but_no_answers() {
    let mut server = Server::start(&[]).await;

    server.close_log().await;

    for _ in 0..20 {
        assert_eq!(server.health("ready").await, Some(StatusCode::OK));
    }
    let mut bob = server.register("bob").await.socket().await;
    server.register("ann").await.socket().await.send("received").await;
    bob.wait_for_message("received").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_without_an_id_get_one_each() {
    let server = Server::start(&[]).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let answer = client().get(server.url("/health/live")).send().await.unwrap();
        ids.push(answer.headers()["x-request-id"].to_str().unwrap().to_owned());
    }

    let log = ended_log(server).await;

    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3);
    for id in ids {
        assert_eq!(log.lines().filter(|line| line.contains(&id)).count(), 1, "{id}\n{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_would_forge_a_line_is_replaced() {
    let server = Server::start(&[]).await;
    for id in ["with blank", "INFO\tforged", &"x".repeat(1000)] {
        let request = client().get(server.url("/health/live")).header("x-request-id", id);
        let answer = request.send().await.unwrap();
        assert_ne!(answer.headers()["x-request-id"], id);
    }

    let log = ended_log(server).await;

    assert!(!log.contains("with blank") && !log.contains("forged") && !log.contains("xxxx"));
}

/// Signs up, in and on, talks, edits, deletes, searches, and errs in each; gives all
/// that was secret in it.
pub(crate) async fn journey(server: &Server) -> Vec<String> {
    let first = server.register("anna").await;
    let anna = server.sign_in("anna", PASSWORD).await;
    let renewed = server.refresh(&anna.refresh).await.json;
    server.try_sign_in("anna", "wrong-password-5").await;
    server.refresh("not-a-refresh-token").await;

    let mut socket = anna.socket().await;
    let id = socket.send_and_confirm(TEXTS[0]).await.unwrap();
    anna.edit(id, TEXTS[1]).await;
    let edited = |received: &Received| received.of("message_updated").count() == 1;
    socket.wait_for("the edit", edited).await;
    let body = json!({ "content": TEXTS[2], "author": anna.id });
    anna.ask(Method::POST, "/chat/api/messages/", Some(&body)).await;
    anna.ask(Method::POST, "/chat/api/messages/", Some(&json!({ "content": TEXTS[3] }))).await;
    anna.delete(id).await;
    socket.close().await;
    let stranger = anna.with_access("not-an-access-token");
    stranger.socket().await.end().await;
    stranger.edit(id, TEXTS[3]).await;

    let group = json!({ "title": "Lunch", "members": [] });
    let group = anna.v1(Method::POST, "/conversations", Some(&group)).await.json["id"].clone();
    let body = json!({ "body": TEXTS[4] });
    let path = format!("/conversations/{group}/messages");
    assert_eq!(anna.v1(Method::POST, &path, Some(&body)).await.status, StatusCode::CREATED);
    let search = format!("/messages/search?q={}", TEXTS[4]);
    assert_eq!(anna.v1(Method::GET, &search, None).await.status, StatusCode::OK);

    let texts = TEXTS.map(str::to_owned);
    // The second is the beginning of a password's hash.
    let passwords =
        [PASSWORD, "$2b$04$", "wrong-password-5", "anna@example.com"].map(str::to_owned);
    let garbage = ["not-a-refresh-token", "not-an-access-token"].map(str::to_owned);
    let issued =
        [&first, &anna].into_iter().flat_map(|user| [&user.access, &user.v1, &user.refresh]);
    let renewed = ["access", "refresh"].map(|key| renewed[key].as_str().unwrap().to_owned());
    let signatures = issued.cloned().chain(renewed).flat_map(|token| {
        let (_, signature) = token.rsplit_once('.').unwrap();
        [signature.to_owned(), token]
    });
    texts.into_iter().chain(passwords).chain(garbage).chain(signatures).collect()
}

/// Requests with ids of our own and secrets in their queries; gives the ids
/// with the status that each must be logged with.
async fn marked_requests(server: &Server, secrets: &[String]) -> Vec<(String, StatusCode)> {
    let cases = [
        (Method::GET, "/health/live", StatusCode::OK),
        (Method::GET, "/nowhere/", StatusCode::NOT_FOUND),
        (Method::GET, "/chat/api/messages/", StatusCode::UNAUTHORIZED),
        (Method::GET, "/accounts/api/token/", StatusCode::METHOD_NOT_ALLOWED),
        (Method::OPTIONS, "/chat/api/messages/", StatusCode::OK),
        (Method::POST, "/accounts/api/token/", StatusCode::BAD_REQUEST),
    ];
    let mut given = Vec::new();
    for (number, (method, path, status)) in cases.into_iter().enumerate() {
        let id = format!("marked-{number:04}");
        let query = format!("access_token={}&token={}", secrets[0], secrets[1]);
        let request = client()
            .request(method.clone(), server.url(&format!("{path}?{query}")))
            .header("x-request-id", &id)
            .header("Origin", "http://localhost:3000");
        let request = match method {
            Method::OPTIONS => request.header("Access-Control-Request-Method", "POST"),
            _ => request,
        };
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
        assert_eq!(answer.headers()["x-request-id"], id.as_str(), "{path}");
        given.push((id, status));
    }
    given
}

/// The whole log, once the server has written its last line.
pub(crate) async fn ended_log(mut server: Server) -> String {
    server.signal("TERM");
    server.ended().await;
    server.log()
}
