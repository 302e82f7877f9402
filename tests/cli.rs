//! The commands beside `serve`, most of them while a server runs on the same
//! data.

use std::time::Instant;

use reqwest::{Method, StatusCode};

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
        for told in [&ended.stdout, &ended.stderr] {
            assert!(password.is_none_or(|password| !told.contains(password)), "{told}");
        }
        ended
    }
}

fn assert_done(ended: &Ended) {
    assert_eq!(ended.status, Some(0), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_superuser_made_on_the_command_line_can_sign_in() {
    let server = Server::start(&[]).await;
    let arguments = ["create-superuser", "--username", "root", "--email", "root@example.com"];

    assert_done(&server.command(&arguments, Some(PASSWORD)));

    let root = server.sign_in("root", PASSWORD).await;
    assert!(root.socket().await.tell("I am root").await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_superuser_that_breaks_a_rule_is_refused() {
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
async fn a_new_password_takes_the_place_of_the_old() {
    let server = Server::start(&[]).await;
    server.register("anna").await;

    assert_done(&server.command(&["set-password", "anna"], Some(NEW_PASSWORD)));

    assert_eq!(server.try_sign_in("anna", PASSWORD).await.status, StatusCode::UNAUTHORIZED);
    server.sign_in("anna", NEW_PASSWORD).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_account_is_out_within_five_seconds_and_an_enabled_one_back_in() {
    let server = Server::start(&[("CHAT_PROFILE", "parity")]).await;
    let anna = server.register("anna").await;
    let ben = server.register("ben").await;
    let mut annas = anna.socket().await;
    let mut bens = ben.socket().await;
    annas.hears("the lobby", |heard| heard.online().is_some()).await;

    assert_done(&server.command(&["disable", "anna"], None));
    let began = Instant::now();

    assert!(matches!(annas.end().await, End::Closed(_)));
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
    bens.hears("anna leaves", |heard| heard.online() == Some(vec!["ben"])).await;
    let answer = anna.ask(Method::GET, "/chat/api/messages/", None).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.json["code"], "user_inactive");
    assert_eq!(anna.socket().await.end().await, End::Closed(4003));
    assert_eq!(server.refresh(&anna.refresh).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(server.try_sign_in("anna", PASSWORD).await.status, StatusCode::UNAUTHORIZED);

    assert_done(&server.command(&["enable", "anna"], None));

    let anna = server.sign_in("anna", PASSWORD).await;
    assert!(anna.socket().await.tell("back").await.is_some());
    assert!(bens.tell("welcome").await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_epoch_sends_every_socket_the_history_afresh() {
    let server = Server::parity().await;
    let anna = server.register("anna").await;
    let mut socket = anna.socket().await;
    let id = socket.tell("before").await;

    assert_done(&server.command(&["new-epoch"], None));

    let twice = |heard: &crate::support::socket::Heard| heard.of("message_history").count() == 2;
    let heard = socket.hears("a second history", twice).await;
    let history = heard.of("message_history").next_back().unwrap();
    assert_eq!(history["messages"][0]["id"].as_i64(), id);
    drop(heard);
    assert!(socket.tell("after").await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn health_says_by_its_status_whether_a_server_lives() {
    let mut server = Server::start(&[]).await;
    let bind = server.address().to_string();
    let elsewhere = Folder::new();
    let health = || elsewhere.run(&["health"], &[("CHAT__HTTP__BIND", &bind)]);

    assert_done(&health());

    server.kill().await;
    let ended = health();
    assert_eq!(ended.status, Some(1));
    assert!(ended.stderr.contains(&bind), "{}", ended.stderr);
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_does_not_exist_is_told() {
    let server = Server::start(&[]).await;
    for command in ["set-password", "disable", "enable"] {
        let ended = server.command(&[command, "nobody"], Some(NEW_PASSWORD));

        assert_eq!(ended.status, Some(1), "{command}");
        assert_eq!(ended.stderr.lines().count(), 1, "{command}: {}", ended.stderr);
        assert!(ended.stderr.contains("nobody"), "{command}: {}", ended.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn migrate_makes_a_database_that_a_server_then_takes() {
    let folder = std::sync::Arc::new(Folder::new());

    for _again in 0..2 {
        assert_done(&folder.run(&["migrate"], &[]));
    }

    assert!(folder.path().join("data/chat.sqlite3").exists());
    let server = Server::start_in(folder, &[]).await;
    server.register("anna").await;
}
