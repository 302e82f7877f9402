//! People talking with each other.

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::join;

use crate::support::{
    raw::{Raw, TEXT},
    server::Server,
    socket::{End, Heard},
    until,
    user::PASSWORD,
};

#[tokio::test(flavor = "multi_thread")]
async fn two_people_talk_edit_delete_and_find_it_so_when_they_come_back() {
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
        annas.hears("ben comes", |heard| heard.online() == Some(vec!["anna", "ben"])).await;

        let hello = annas.tell("hello").await.unwrap();
        assert_eq!(bens.hears_message("hello").await["author"], anna.id);
        let oops = bens.tell("oops").await.unwrap();
        assert_eq!(annas.hears_message("oops").await["author_username"], "ben");
        assert_eq!(bens.tell("oops").await.map(|id| id > hello), Some(true));
        let edited = anna.edit(hello, "hello, Ben").await;
        assert_eq!(anna.delete(oops).await.status, StatusCode::FORBIDDEN);
        assert_eq!(ben.delete(oops).await.status, StatusCode::NO_CONTENT);

        assert_eq!((edited.status, &edited.json["is_modified"]), (StatusCode::OK, &json!(true)));
        for socket in [&mut annas, &mut bens] {
            let done = |heard: &Heard| {
                heard.of("message_updated").any(|frame| frame["message"] == edited.json)
                    && heard.of("message_deleted").any(|frame| frame["message_id"] == oops)
            };
            socket.hears("an edit and a deletion", done).await;
        }
        annas.close().await;
        bens.hears("anna leaves", |heard| heard.online() == Some(vec!["ben"])).await;
        let back = anna.socket_at(path).await;
        let stored = anna.messages().await;
        let mut back = back;
        let heard = back.hears("the history", |heard| !heard.frames.is_empty()).await;
        assert_eq!(heard.frames[0], json!({ "type": "message_history", "messages": stored }));
        let texts: Vec<_> = stored.iter().map(|message| &message["content"]).collect();
        assert_eq!(texts, ["hello, Ben", "oops"], "{profile} {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tabs_that_renew_together_stay_signed_in_and_a_thief_signs_all_out() {
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
async fn in_the_parity_profile_a_replayed_refresh_token_is_refused_and_ends_nothing() {
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
async fn a_burst_is_healed_by_one_history_and_never_in_the_parity_profile() {
    for (profile, histories) in [("default", 2), ("parity", 1)] {
        let server = Server::start(&[("CHAT_PROFILE", profile)]).await;
        let anna = server.register("anna").await;
        let ben = server.register("ben").await;
        let mut annas = anna.socket().await;
        let mut bens = ben.socket().await;
        bens.hears("the greeting", |heard| heard.online().is_some()).await;

        for number in 0..10 {
            annas.say(&number.to_string()).await;
        }

        let healed = |heard: &Heard| heard.of("message_history").count() == histories;
        annas.hears_message("9").await;
        let heard =
            bens.hears("the histories", |heard| heard.message("9").is_some() && healed(heard));
        let heard = heard.await;
        let last = heard.of("message_history").next_back().unwrap();
        let count = last["messages"].as_array().unwrap().len();
        assert_eq!(count, if histories == 2 { 10 } else { 0 }, "{profile}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ones_own_edit_shows_in_ones_other_tab() {
    let server = Server::start(&[]).await;
    let anna = server.register("anna").await;
    let mut one = anna.socket().await;
    let mut other = anna.socket().await;
    let id = one.tell("before").await.unwrap();

    anna.edit(id, "after").await;

    let healed = |heard: &Heard| {
        heard.of("message_history").any(|frame| frame["messages"][0]["content"] == "after")
    };
    other.hears("a history with the edit", healed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_with_a_bad_token_is_closed_and_nobody_hears_of_it() {
    let server = Server::parity().await;
    let anna = server.register("anna").await;
    let mut socket = anna.socket().await;
    socket.hears("the greeting", |heard| heard.online().is_some()).await;
    let stranger = anna.with_access(&format!("{}x", anna.access));

    let end = stranger.socket().await.end().await;

    assert_eq!(end, End::Closed(4003));
    socket.tell("alone").await.unwrap();
    assert_eq!(socket.heard().of("user_join").count(), 1);
    assert_eq!(socket.heard().online(), Some(vec!["anna"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn text_sent_before_the_history_has_come_is_handled_after_it() {
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
                let frame: Value = serde_json::from_slice(&frame.payload).unwrap();
                let history = frame["messages"].as_array();
                let told = history.and_then(|all| all.iter().find(|m| m["content"] == text));
                assert_eq!(told, None, "{profile}: the history came after the text");
                kinds.push(frame["type"].clone());
            }

            assert_eq!(kinds[0], "message_history", "{profile}");
        }
    }
}
