//! What a client shows, having done as each frame said, is what is stored.

use std::collections::BTreeMap;

use serde_json::Value;
use tokio::{sync::watch, task::JoinSet};

use crate::support::{server::Server, socket::Heard, user::User};

const WRITERS: usize = 6;
const READERS: usize = 6;
const MESSAGES: usize = 80;
const THE_END: &str = "the end";

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_while_others_send_edit_and_delete_sees_it_all_once_and_in_order() {
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
        last.socket().await.tell(THE_END).await.unwrap();

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
        let id = socket.tell(&format!("{} says {number}", user.name)).await.unwrap();
        let answer = match number % 3 {
            1 => user.edit(id, &format!("{} corrects {number}", user.name)).await,
            2 => user.delete(id).await,
            _ => continue,
        };
        assert!(answer.status.is_success(), "{answer:?}");
    }
}

/// Comes and goes while others write, then stays to the end; gives what it
/// shows then.
async fn read(user: User, done: watch::Receiver<bool>) -> Vec<Value> {
    let mut visits = 0;
    while !*done.borrow() {
        visits += 1;
        let mut socket = user.socket().await;
        let some = |heard: &Heard| *done.borrow() || heard.frames.len() > 10 + visits % 7;
        view(&*socket.hears("some talk", some).await);
        socket.close().await;
    }
    let mut socket = user.socket().await;
    let all = |heard: &Heard| heard.known(THE_END).is_some();
    view(&*socket.hears(THE_END, all).await)
}

/// What a client shows that does as each frame says, and lets nothing pass
/// that does not fit.
fn view(heard: &Heard) -> Vec<Value> {
    let mut rows: BTreeMap<i64, Value> = BTreeMap::new();
    for frame in &heard.frames {
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
                assert!(old.is_some(), "an edit of {id:?}, which was never told");
            }
            "message_deleted" => {
                let id = frame["message_id"].as_i64().unwrap();
                assert!(rows.remove(&id).is_some(), "a deletion of {id}, which was never told");
            }
            _ => {}
        }
    }
    rows.into_values().collect()
}
