//! A client that applies every frame shows exactly what is stored.

use std::collections::BTreeMap;

use serde_json::Value;
use tokio::{sync::watch, task::JoinSet};

use crate::support::{server::Server, socket::Received, user::User};

const WRITERS: usize = 6;
const READERS: usize = 6;
const MESSAGES: usize = 80;
const THE_END: &str = "the end";

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_joins_during_writes_sees_each_once_in_order() {
    for profile in ["default", "parity"] {
        let server = Server::start(&[("CHAT_PROFILE", profile)]).await;
        let done = watch::Sender::new(false);
        let mut writers = JoinSet::new();
        for number in 0..WRITERS {
            writers.spawn(write(server.register(&format!("writer-{number}")).await));
        }
        let mut readers = JoinSet::new();
        for number in 0..READERS {
            let user = server.register(&format!("reader-{number}")).await;
            readers.spawn(read(user, done.subscribe()));
        }

        writers.join_all().await;
        done.send_replace(true);
        let last = server.register("last").await;
        last.socket().await.send_and_confirm(THE_END).await.unwrap();

        let stored = last.messages().await;
        assert!(stored.len() > WRITERS * MESSAGES / 2, "{profile}: {}", stored.len());
        for view in readers.join_all().await {
            assert_eq!(view, stored, "{profile}");
        }
    }
}

/// Sends, and edits or deletes two of three.
async fn write(user: User) {
    let mut socket = user.socket().await;
    for number in 0..MESSAGES {
        let id = socket.send_and_confirm(&format!("{} sends {number}", user.name)).await.unwrap();
        let answer = match number % 3 {
            1 => user.edit(id, &format!("{} corrects {number}", user.name)).await,
            2 => user.delete(id).await,
            _ => continue,
        };
        assert!(answer.status.is_success(), "{answer:?}");
    }
}

/// Connects and disconnects while others write, then stays to the end. Returns the messages that it then shows.
async fn read(user: User, done: watch::Receiver<bool>) -> Vec<Value> {
    let mut visits = 0;
    while !*done.borrow() {
        visits += 1;
        let mut socket = user.socket().await;
        let some = |received: &Received| *done.borrow() || received.frames.len() > 10 + visits % 7;
        view(&*socket.wait_for("some frames", some).await);
        socket.close().await;
    }
    let mut socket = user.socket().await;
    let all = |received: &Received| received.known(THE_END).is_some();
    view(&*socket.wait_for(THE_END, all).await)
}

/// Applies every frame. Fails on a frame that does not fit.
fn view(received: &Received) -> Vec<Value> {
    let mut rows: BTreeMap<i64, Value> = BTreeMap::new();
    for frame in &received.frames {
        let message = &frame["message"];
        let id = message["id"].as_i64();
        match frame["type"].as_str().unwrap() {
            "message_history" => {
                let messages = frame["messages"].as_array().unwrap().iter();
                rows = messages.map(|row| (row["id"].as_i64().unwrap(), row.clone())).collect();
            }
            "chat_message" => {
                let newest = rows.last_key_value().map(|(newest, _)| *newest);
                assert!(id > newest, "{id:?} after {newest:?}");
                rows.insert(id.unwrap(), message.clone());
            }
            "message_updated" => {
                let old = rows.insert(id.unwrap(), message.clone());
                assert!(old.is_some(), "an edit of {id:?}, which was never received");
            }
            "message_deleted" => {
                let id = frame["message_id"].as_i64().unwrap();
                assert!(rows.remove(&id).is_some(), "a deletion of {id}, which was never received");
            }
            _ => {}
        }
    }
    rows.into_values().collect()
}
