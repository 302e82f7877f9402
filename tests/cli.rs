//! The commands other than `serve`, most of them while a server runs on the same data.

use std::time::Instant;

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{
    program::{Ended, Folder},
    server::Server,
    socket::End,
    user::PASSWORD,
};

const NEW_PASSWORD: &str = "battery-staple-9";

impl Server {
    /// Runs another command on the data of this server.
    fn command(&self, arguments: &[&str], password: Option<&str>) -> Ended {
        let mut env = self.env();
        for variable in ["CHAT_PASSWORD", "CHAT_SUPERUSER_PASSWORD"] {
            env.extend(password.map(|password| (variable, password)));
        }
        let ended = self.folder().run(arguments, &env);
        for output in [&ended.stdout, &ended.stderr] {
            assert!(password.is_none_or(|password| !output.contains(password)), "{output}");
        }
        ended
    }
}

fn assert_done(ended: &Ended) {
    assert_eq!(ended.status, Some(0), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_superuser_from_the_command_line_can_sign_in() {
    let server = Server::start(&[]).await;
    let arguments = ["create-superuser", "--username", "root", "--email", "root@example.com"];

    assert_done(&server.command(&arguments, Some(PASSWORD)));

    let root = server.sign_in("root", PASSWORD).await;
    assert!(root.socket().await.send_and_confirm("I am root").await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_superuser_is_refused() {
    let server = Server::start(&[]).await;
    server.register("anna").await;
    let cases = [
        ("name taken", "anna", "other@example.com", PASSWORD),
        ("address taken", "other", "anna@example.com", PASSWORD),
        ("no name", "a b", "other@example.com", PASSWORD),
        ("no address", "other", "nowhere", PASSWORD),
        ("short password", "other", "other@example.com", "short"),
    ];
    for (name, username, email, password) in cases {
        let arguments = ["create-superuser", "--username", username, "--email", email];

        let ended = server.command(&arguments, Some(password));

        assert!(ended.status.is_some_and(|status| status != 0), "case: {name}");
        assert!(ended.stderr.starts_with("online-chat: "), "case: {name}: {}", ended.stderr);
    }
    assert_eq!(server.try_sign_in("other", PASSWORD).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_replaces_the_old_one() {
    let server = Server::start(&[]).await;
    server.register("anna").await;

    assert_done(&server.command(&["set-password", "anna"], Some(NEW_PASSWORD)));

    assert_eq!(server.try_sign_in("anna", PASSWORD).await.status, StatusCode::UNAUTHORIZED);
    server.sign_in("anna", NEW_PASSWORD).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_account_is_signed_out_within_five_seconds() {
    let server = Server::start(&[("CHAT_PROFILE", "parity")]).await;
    let anna = server.register("anna").await;
    let ben = server.register("ben").await;
    let mut annas = anna.socket().await;
    let mut bens = ben.socket().await;
    annas.wait_for("the lobby", |received| received.online().is_some()).await;

    assert_done(&server.command(&["disable", "anna"], None));
    let began = Instant::now();

    assert!(matches!(annas.end().await, End::Closed(_)));
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
    bens.wait_for("anna leaves", |received| received.online() == Some(vec!["ben"])).await;
    let answer = anna.ask(Method::GET, "/chat/api/messages/", None).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.json["code"], "user_inactive");
    assert_eq!(anna.socket().await.end().await, End::Closed(4003));
    assert_eq!(server.refresh(&anna.refresh).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(server.try_sign_in("anna", PASSWORD).await.status, StatusCode::UNAUTHORIZED);

    assert_done(&server.command(&["enable", "anna"], None));

    let anna = server.sign_in("anna", PASSWORD).await;
    assert!(anna.socket().await.send_and_confirm("back").await.is_some());
    assert!(bens.send_and_confirm("welcome").await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_of_a_disabled_owner_gets_another() {
    let server = Server::start(&[]).await;
    let anna = server.register("anna").await;
    let ben = server.register("ben").await;
    let group = json!({"members": [ben.id]});
    let group = anna.ask(Method::POST, "/api/v1/conversations", Some(&group)).await.json;
    let path = format!("/api/v1/conversations/{}", group["id"]);
    let id = group["id"].to_string();
    let root = ["create-superuser", "--username", "root", "--email", "root@example.com"];
    assert_done(&server.command(&root, Some(PASSWORD)));
    let assign = ["assign-owner", &id, "ben", "--by", "root"];

    let early = server.command(&assign, None);
    let by_ben = server.command(&["assign-owner", &id, "ben", "--by", "ben"], None);
    assert_done(&server.command(&["disable", "anna"], None));
    assert_done(&server.command(&assign, None));

    assert!(early.stderr.contains("one of its owners has an active account"), "{early:?}");
    assert!(by_ben.stderr.contains("no active superuser"), "{by_ben:?}");
    assert_eq!(ben.ask(Method::GET, &path, None).await.json["role"], "owner");
    let root = server.sign_in("root", PASSWORD).await;
    let log = root.ask(Method::GET, "/api/v1/moderation-log", None).await.json;
    assert_eq!(log["items"][0]["act"], "assign_owner");
    assert_eq!(log["items"][0]["user"], ben.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_epoch_sends_every_socket_the_history_again() {
    let server = Server::parity().await;
    let anna = server.register("anna").await;
    let mut socket = anna.socket().await;
    let id = socket.send_and_confirm("before").await;

    assert_done(&server.command(&["new-epoch"], None));

    let twice =
        |received: &crate::support::socket::Received| received.of("message_history").count() == 2;
    let received = socket.wait_for("a second history", twice).await;
    let history = received.of("message_history").next_back().unwrap();
    assert_eq!(history["messages"][0]["id"].as_i64(), id);
    drop(received);
    assert!(socket.send_and_confirm("after").await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn health_reports_by_its_status_whether_a_server_is_alive() {
    let mut server = Server::start(&[]).await;
    let bind = server.address().to_string();
    let folder = Folder::new();
    let health = || folder.run(&["health"], &[("CHAT__HTTP__BIND", &bind)]);

    assert_done(&health());

    server.kill().await;
    let ended = health();
    assert_eq!(ended.status, Some(1));
    assert!(ended.stderr.contains(&bind), "{}", ended.stderr);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_account_is_an_error() {
    let server = Server::start(&[]).await;
    for command in ["set-password", "disable", "enable"] {
        let ended = server.command(&[command, "stranger"], Some(NEW_PASSWORD));

        assert_eq!(ended.status, Some(1), "{command}");
        assert_eq!(ended.stderr.lines().count(), 1, "{command}: {}", ended.stderr);
        assert!(ended.stderr.contains("stranger"), "{command}: {}", ended.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn migrate_creates_a_database_that_a_server_can_use() {
    let folder = std::sync::Arc::new(Folder::new());

    for _again in 0..2 {
        assert_done(&folder.run(&["migrate"], &[]));
    }

    assert!(folder.path().join("data/chat.sqlite3").exists());
    let server = Server::start_in(folder, &[]).await;
    server.register("anna").await;
}
