//! Rights that change while a client is connected.

use std::time::Duration;

use application::ports::{AccountStore, ConversationStore as _, NewAccount, SnapshotLimit};
use domain::{Action, HistoryRule, Intent, Role, Update};
use serde_json::{Value, json};
use testkit::{Operation, PlainSigner};

use super::{kind, values_send};
use crate::client::Client;
use crate::world::{LOBBY, Options, World};

impl World {
    /// Commits the intents in one batch.
    async fn act_in_one_batch(&self, intents: Vec<Intent>) {
        for answer in self.services.batcher.submit(intents).await {
            answer.unwrap();
        }
    }
}

impl Client {
    /// All frames up to the answer to a `ping`.
    async fn frames_until_pong(&mut self) -> String {
        assert_eq!(self.ask(json!({"type": "ping"})).await["type"], "pong");
        self.frames.iter().map(Value::to_string).collect()
    }
}

#[actix_web::test]
async fn a_removed_member_gets_nothing_later_in_the_batch() {
    let world = World::start(Options::default_profile());
    let (ann, bob) = (world.account("ann").await, world.account("bob").await);
    let group = world.group(&[(&ann, Role::Owner), (&bob, Role::Member)]).await;
    let ((mut subscribed, _), (mut idle, _)) = (world.hello(&bob).await, world.hello(&bob).await);
    subscribed.subscribe(group).await;
    let intent = |action| Intent { conversation: group, actor: ann.id, action };

    world
        .act_in_one_batch(vec![
            intent(values_send(1, "before")),
            intent(Action::Remove { user: bob.id }),
            intent(values_send(2, "secret")),
        ])
        .await;

    for client in [&mut subscribed, &mut idle] {
        assert_eq!(client.wait("left").await["conversation"], group.get());
    }
    let frames = subscribed.frames_until_pong().await;
    assert!(frames.contains("before") && !frames.contains("secret"), "{frames}");
    assert!(!idle.frames_until_pong().await.contains("gap"));
}

#[actix_web::test]
async fn hiding_the_history_of_a_group_resets_its_members() {
    let world = World::start(Options::default_profile());
    let (ann, bob) = (world.account("ann").await, world.account("bob").await);
    let group = world.group(&[(&ann, Role::Owner)]).await;
    let set = |history| Action::SetDetails {
        title: Update::Keep,
        topic: Update::Keep,
        history: Some(history),
    };
    world.act(group, ann.id, set(HistoryRule::All)).await;
    world.act(group, ann.id, values_send(1, "old")).await;
    world.act(group, ann.id, Action::Add { user: bob.id, role: Role::Member }).await;
    let (mut client, _) = world.hello(&bob).await;
    client.subscribe(group).await;
    let page = world.chat.newest(group, SnapshotLimit::ALL).await.unwrap();
    let old = page.messages[0].id;
    let intent = |action| Intent { conversation: group, actor: ann.id, action };
    let edit = testkit::values::edit(group, ann.id, old, Some("secret")).action;

    world.act_in_one_batch(vec![intent(set(HistoryRule::SinceJoined)), intent(edit)]).await;

    assert_eq!(client.wait("reset").await["conversation"], group.get());
    assert!(!client.frames_until_pong().await.contains("secret"));
    client.subscribe(group).await;
    world.act(group, ann.id, values_send(2, "new")).await;
    assert_eq!(client.wait("event").await["data"]["body"], "new");
}

#[actix_web::test]
async fn a_subscribe_during_traffic_misses_nothing() {
    let world = World::start(Options::default_profile());
    let ann = world.account("ann").await;
    world.post(ann.id, 1000, "first").await;
    let (mut client, hello) = world.hello(&ann).await;
    let mut held = world.store.hold_answer(Operation::ChangesSince);
    let subscribe = json!({
        "type": "subscribe", "ref": "o", "conversation": 1, "since": 0, "epoch": hello["epoch"], "view_version": 0,
    });

    client.send_json(subscribe).await;
    held.reached().await;
    for n in 1..=100 {
        world.post(ann.id, n, "meanwhile").await;
    }
    held.release();

    let mut to = 0;
    while to < 101 {
        let frame = client.frame().await;
        assert_ne!(frame["type"], "reset");
        to = frame["to"].as_i64().or(frame["seq"].as_i64()).unwrap_or(to);
    }
    world.post(ann.id, 200, "after").await;
    assert_eq!(client.wait("event").await["data"]["body"], "after");
}

#[actix_web::test]
async fn a_just_joined_conversation_can_be_subscribed() {
    let world = World::start(Options::default_profile());
    let ann = world.account("ann").await;
    let (mut client, _) = world.hello(&ann).await;

    for _ in 0..10 {
        let group = world.group(&[(&ann, Role::Owner)]).await;
        assert_eq!(client.subscribe(group).await["type"], "changes");
        world.act(group, ann.id, values_send(1, "here")).await;
        assert_eq!(client.wait("event").await["conversation"], group.get());
        client.frames.clear();
    }
}

#[actix_web::test]
async fn the_longest_text_may_be_fully_escaped() {
    let world = World::start(Options::default_profile());
    let ann = world.account("ann").await;
    let (mut client, _) = world.hello(&ann).await;
    let body = "\\ud83d\\ude00".repeat(4000);

    client.say(&format!(r#"{{"type":"send","ref":"a","conversation":1,"body":"{body}"}}"#)).await;

    assert_eq!(client.wait("ack").await["message"]["msg_no"], 1);
    let longer = format!("{body}x");
    client.say(&format!(r#"{{"type":"send","ref":"b","conversation":1,"body":"{longer}"}}"#)).await;
    assert_eq!(kind(&client.wait("error").await), "invalid-request");
}

#[actix_web::test]
async fn a_socket_lives_as_long_as_its_newest_token() {
    let world = World::start(Options::default_profile());
    let (ann, bob) = (world.account("ann").await, world.account("bob").await);
    let ((mut ends, _), (mut stays, _)) = (world.hello(&ann).await, world.hello(&ann).await);
    let short = PlainSigner::for_v1(&world.token_for(&ann, Duration::from_secs(1)));

    let foreign =
        stays.ask(json!({"type": "auth", "token": PlainSigner::for_v1(&world.token(&bob))})).await;
    let renewed = ends.ask(json!({"type": "auth", "token": short})).await;

    assert_eq!(foreign["problem"]["errors"][0]["field"], "token");
    assert_eq!(renewed["type"], "ack");
    assert_eq!(ends.closed().await, Some(4401));
    assert_eq!(stays.ask(json!({"type": "ping"})).await["type"], "pong");
}

#[actix_web::test]
async fn a_user_banned_from_the_lobby_loses_the_compat_socket() {
    let world = World::start(Options::default_profile());
    let (ann, bob) = (world.account("ann").await, world.account("bob").await);
    let root = NewAccount { superuser: true, ..testkit::values::new_account("root") };
    let root = AccountStore::create(&*world.chat, root).await.unwrap();
    let mut client = world.enter_again(&bob).await;
    let intent = |actor, action| Intent { conversation: LOBBY, actor, action };

    world
        .act_in_one_batch(vec![
            intent(root.id, Action::Ban { user: bob.id }),
            intent(ann.id, values_send(1, "secret")),
        ])
        .await;

    assert_eq!(client.closed().await, Some(4003));
    assert!(client.shown().is_empty());
}
