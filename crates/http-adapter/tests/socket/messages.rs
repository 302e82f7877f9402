use application::ports::AccountStore as _;
use serde_json::json;
use testkit::{Fault, Operation, values};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::world::{LOBBY, Options, World};

#[actix_web::test]
async fn messages_reach_all_clients_once_and_verbatim() {
    let world = World::start(Options::parity());
    let (mut ann, mut bob) = (world.enter("ann").await, world.enter("bob").await);
    let texts = ["hello", "", "  padded \n", r#"{"type":"ping"}"#, "привет 😀 \u{2028}", "ping"];
    for text in texts {
        ann.say(text).await;
    }
    ann.send(Message::binary(vec![0, 1])).await;
    ann.say("a\0b").await;

    let echo = ann.wait_message("ab").await;

    assert_eq!(bob.wait_message("ab").await, echo);
    assert_eq!(echo["author_username"], "ann");
    assert_eq!(echo["is_modified"], json!(false));
    let want: Vec<_> = texts.iter().copied().chain(["ab"]).collect();
    assert_eq!(ann.shown(), want);
    assert_eq!(bob.shown(), want);
    assert_eq!(world.texts().await, want);
}

#[actix_web::test]
async fn fragments_are_one_message_and_pings_between_them_are_answered() {
    let world = World::start(Options::parity());
    let mut ann = world.enter("ann").await;
    let parts = [
        Frame::message("frag", OpCode::Data(Data::Text), false),
        Frame::message("men", OpCode::Data(Data::Continue), false),
        Frame::ping("p"),
        Frame::message("ted", OpCode::Data(Data::Continue), true),
    ];
    for part in parts {
        ann.send(Message::Frame(part)).await;
    }

    assert_eq!(ann.next().await, crate::client::Seen::Pong(b"p".to_vec()));
    ann.wait_message("fragmented").await;
}

#[actix_web::test]
async fn waiting_messages_share_a_batch_and_keep_their_order() {
    let world = World::start(Options::parity());
    let mut ann = world.enter("ann").await;
    let mut hold = world.store.hold_next(Operation::Commit);
    ann.say("0").await;
    hold.reached().await;
    for n in 1..100 {
        ann.say(&n.to_string()).await;
    }
    hold.release();
    ann.wait_message("99").await;

    let want: Vec<_> = (0..100).map(|n| n.to_string()).collect();
    assert_eq!(ann.shown(), want);
    assert!(world.store.batches().len() <= 10, "{:?}", world.store.batches());
}

#[actix_web::test]
async fn a_commit_whose_outcome_is_unknown_is_repeated_and_stored_once() {
    for fault in [Fault::Unreachable, Fault::AnswerLost] {
        let world = World::start(Options::parity());
        let mut ann = world.enter("ann").await;
        world.store.fail_next(Operation::Commit, fault);
        world.store.fail_next(Operation::Commit, fault);

        ann.say("once").await;
        ann.say("after").await;
        ann.wait_message("after").await;

        assert_eq!(ann.shown(), ["once", "after"], "{fault:?}");
        assert_eq!(world.texts().await, ["once", "after"], "{fault:?}");
    }
}

#[actix_web::test]
async fn messages_before_a_disconnect_are_stored() {
    let world = World::start(Options::parity());
    let mut watcher = world.enter("watcher").await;
    let mut ann = world.enter("ann").await;
    let mut hold = world.store.hold_next(Operation::Commit);
    ann.say("one").await;
    hold.reached().await;
    ann.say("two").await;
    drop(ann);
    world.wait_connections("ann", 0).await;
    hold.release();

    watcher.wait_message("two").await;
    assert_eq!(world.texts().await, ["one", "two"]);
}

#[actix_web::test]
async fn a_message_that_cannot_be_stored_closes_with_1013() {
    let world = World::start(Options::parity());
    let mut watcher = world.enter("watcher").await;
    let mut ann = world.enter("ann").await;
    world.store.poison(|intent| {
        matches!(&intent.action, domain::Action::Send { body, .. } if body.as_str() == "poison")
    });

    ann.say("poison").await;

    assert_eq!(ann.closed().await, Some(1013));
    watcher.wait_online(|online| online == ["watcher"]).await;
}

#[actix_web::test]
async fn edits_and_deletions_reach_all_clients() {
    let world = World::start(Options::parity());
    let ann = world.account("ann").await;
    let mut client = world.enter_again(&ann).await;
    world.post(ann.id, 1, "first").await;
    let message = client.wait_message("first").await;
    let id = domain::MessageId::new(message["id"].as_i64().unwrap());

    let edit = values::edit(LOBBY, ann.id, id, Some("second"));
    world.services.batcher.submit(vec![edit]).await.pop().unwrap().unwrap();
    let updated = client.wait("message_updated").await;
    let delete = values::delete(LOBBY, ann.id, id);
    world.services.batcher.submit(vec![delete]).await.pop().unwrap().unwrap();
    let deleted = client.wait("message_deleted").await;

    assert_eq!(
        (&updated["message"]["content"], &updated["message"]["is_modified"]),
        (&json!("second"), &json!(true))
    );
    assert_eq!(deleted, json!({"type": "message_deleted", "message_id": message["id"]}));
}

#[actix_web::test]
async fn banned_and_disabled_users_are_closed_with_4003() {
    let world = World::start(Options::parity());
    let mut watcher = world.enter("watcher").await;
    let [banned, disabled] = [world.account("banned").await, world.account("disabled").await];
    let mut clients = [world.enter_again(&banned).await, world.enter_again(&disabled).await];
    let root = application::ports::NewAccount { superuser: true, ..values::new_account("root") };
    let root = world.chat.create(root).await.unwrap();

    let ban = values::ban(LOBBY, root.id, banned.id);
    world.services.batcher.submit(vec![ban]).await.pop().unwrap().unwrap();
    world.chat.set_active(disabled.id, false).await.unwrap();

    for client in &mut clients {
        assert_eq!(client.closed().await, Some(4003));
    }
    watcher.wait_online(|online| online == ["watcher"]).await;
}
