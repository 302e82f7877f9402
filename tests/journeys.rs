//! Users who chat with each other.

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::join;

use crate::support::{
    raw::{Raw, TEXT},
    server::Server,
    socket::{End, Received},
    until,
    user::PASSWORD,
};

#[tokio::test(flavor = "multi_thread")]
async fn messages_edits_and_deletions_are_there_after_reconnecting() {
    for (profile, path) in [
        ("default", "/ws/chat/"),
        ("parity", "/ws/chat/"),
        ("default", "/ws/chat/garden/"),
        ("parity", "/ws/chat/garden/"),
    ] {
        let server = Server::start(&[("CHAT_PROFILE", profile)]).await;
        let anna = server.register("anna").await;
        let ben = server.register("ben").await;
        let mut annas = anna.socket().await;
        let mut bens = ben.socket_at(path).await;
        annas
            .wait_for("ben comes", |received| received.online() == Some(vec!["anna", "ben"]))
            .await;

        let hello = annas.send_and_confirm("hello").await.unwrap();
        assert_eq!(bens.wait_for_message("hello").await["author"], anna.id);
        let oops = bens.send_and_confirm("oops").await.unwrap();
        assert_eq!(annas.wait_for_message("oops").await["author_username"], "ben");
        assert_eq!(bens.send_and_confirm("oops").await.map(|id| id > hello), Some(true));
        let edited = anna.edit(hello, "hello, Ben").await;
        assert_eq!(anna.delete(oops).await.status, StatusCode::FORBIDDEN);
        assert_eq!(ben.delete(oops).await.status, StatusCode::NO_CONTENT);

        assert_eq!((edited.status, &edited.json["is_modified"]), (StatusCode::OK, &json!(true)));
        for socket in [&mut annas, &mut bens] {
            let done = |received: &Received| {
                received.of("message_updated").any(|frame| frame["message"] == edited.json)
                    && received.of("message_deleted").any(|frame| frame["message_id"] == oops)
            };
            socket.wait_for("an edit and a deletion", done).await;
        }
        annas.close().await;
        bens.wait_for("anna leaves", |received| received.online() == Some(vec!["ben"])).await;
        let back = anna.socket_at(path).await;
        let stored = anna.messages().await;
        let mut back = back;
        let received = back.wait_for("the history", |received| !received.frames.is_empty()).await;
        assert_eq!(received.frames[0], json!({ "type": "message_history", "messages": stored }));
        let texts: Vec<_> = stored.iter().map(|message| &message["content"]).collect();
        assert_eq!(texts, ["hello, Ben", "oops"], "{profile} {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tabs_may_refresh_together_but_a_late_replay_ends_the_session() {
    let server = Server::start(&[("CHAT__AUTH__REFRESH_GRACE_S", "5")]).await;
    server.register("anna").await;
    let anna = server.sign_in("anna", PASSWORD).await;

    let (one, other) = join!(server.refresh(&anna.refresh), server.refresh(&anna.refresh));

    assert_eq!((one.status, other.status), (StatusCode::OK, StatusCode::OK));
    assert_eq!(one.json["refresh"], other.json["refresh"]);
    let successor = one.json["refresh"].as_str().unwrap().to_owned();
    let theft = until("the grace is over", || async {
        let answer = server.refresh(&anna.refresh).await;
        (answer.status != StatusCode::OK).then_some(answer)
    })
    .await;
    assert_eq!(theft.status, StatusCode::UNAUTHORIZED);
    assert_eq!(server.refresh(&successor).await.status, StatusCode::UNAUTHORIZED);
    let answer = anna.ask(reqwest::Method::GET, "/chat/api/messages/", None).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    server.sign_in("anna", PASSWORD).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parity_refuses_a_replayed_refresh_token_and_keeps_the_session() {
    let server = Server::parity().await;
    let anna = server.register("anna").await;
    let first = server.refresh(&anna.refresh).await;

    let replay = server.refresh(&anna.refresh).await;

    let refusal = json!({ "detail": "Token is blacklisted", "code": "token_not_valid" });
    assert_eq!((replay.status, replay.json), (StatusCode::UNAUTHORIZED, refusal));
    let successor = first.json["refresh"].as_str().unwrap();
    assert_eq!(server.refresh(successor).await.status, StatusCode::OK);
    anna.messages().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_is_healed_by_one_history_but_not_in_parity() {
    for (profile, histories) in [("default", 2), ("parity", 1)] {
        let server = Server::start(&[("CHAT_PROFILE", profile)]).await;
        let anna = server.register("anna").await;
        let ben = server.register("ben").await;
        let mut annas = anna.socket().await;
        let mut bens = ben.socket().await;
        bens.wait_for("the greeting", |received| received.online().is_some()).await;

        for number in 0..10 {
            annas.send(&number.to_string()).await;
        }

        let healed = |received: &Received| received.of("message_history").count() == histories;
        annas.wait_for_message("9").await;
        let received = bens.wait_for("the histories", |received| {
            received.message("9").is_some() && healed(received)
        });
        let received = received.await;
        let last = received.of("message_history").next_back().unwrap();
        let count = last["messages"].as_array().unwrap().len();
        assert_eq!(count, if histories == 2 { 10 } else { 0 }, "{profile}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_shows_in_the_users_other_tab() {
    let server = Server::start(&[]).await;
    let anna = server.register("anna").await;
    let mut one = anna.socket().await;
    let mut other = anna.socket().await;
    let id = one.send_and_confirm("before").await.unwrap();

    anna.edit(id, "after").await;

    let healed = |received: &Received| {
        received.of("message_history").any(|frame| frame["messages"][0]["content"] == "after")
    };
    other.wait_for("a history with the edit", healed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_with_a_bad_token_is_closed_unnoticed() {
    let server = Server::parity().await;
    let anna = server.register("anna").await;
    let mut socket = anna.socket().await;
    socket.wait_for("the greeting", |received| received.online().is_some()).await;
    let stranger = anna.with_access(&format!("{}x", anna.access));

    let end = stranger.socket().await.end().await;

    assert_eq!(end, End::Closed(4003));
    socket.send_and_confirm("alone").await.unwrap();
    assert_eq!(socket.received().of("user_join").count(), 1);
    assert_eq!(socket.received().online(), Some(vec!["anna"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_sent_before_the_history_is_handled_after_it() {
    for profile in ["default", "parity"] {
        let server = Server::start(&[("CHAT_PROFILE", profile)]).await;
        let anna = server.register("anna").await;
        for number in 0..50 {
            let text = format!("in a hurry {number}");
            let mut raw = Raw::connect(&server).await;
            raw.ask_for_socket(&anna).await;
            raw.send_frame(TEXT, text.as_bytes()).await;

            raw.head().await;
            let mut kinds = Vec::new();
            while kinds.last().is_none_or(|kind| kind != "chat_message") {
                let frame = raw.frame().await.unwrap();
                if frame.opcode != TEXT & 0x0f {
                    continue;
                }
                let frame: Value = serde_json::from_slice(&frame.payload).unwrap();
                let history = frame["messages"].as_array();
                let early = history.and_then(|all| all.iter().find(|m| m["content"] == text));
                assert_eq!(early, None, "{profile}: the history came after the text");
                kinds.push(frame["type"].clone());
            }

            assert_eq!(kinds[0], "message_history", "{profile}");
        }
    }
}
